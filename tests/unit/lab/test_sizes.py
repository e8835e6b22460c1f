"""How a fleet's servers are scaled to one machine."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import LabError
from quorate.fleet.model import Role, Server
from quorate.lab import sizes

GIBIBYTE = 1024**3


def server(name: str, memory: int, cpus: float) -> Server:
    return Server(
        name=name, address="192.0.2.1", role=Role.WORKER, cpus=cpus, memory=memory * GIBIBYTE
    )


OFFICE = (
    server("gmktec", 28, 16),
    server("hppavilion", 31, 8),
    server("wsasus", 16, 8),
    server("hpr", 16, 4),
)


def test_one_factor_scales_every_server() -> None:
    size = sizes.fit(OFFICE, machine_memory=24 * GIBIBYTE, threads=[0, 1])
    assert size.memory_factor == pytest.approx(0.8 * 24 / 91)
    assert sum(size.memory.values()) <= 0.8 * 24 * GIBIBYTE
    assert size.memory["hppavilion"] / size.memory["hpr"] == pytest.approx(31 / 16)
    assert size.cpu_factor == 2 / 16
    assert size.cpus == {"gmktec": 2, "hppavilion": 1, "wsasus": 1, "hpr": 1}


def test_a_large_machine_gives_every_server_its_full_size() -> None:
    size = sizes.fit(OFFICE, machine_memory=512 * GIBIBYTE, threads=range(64))
    assert (size.memory_factor, size.cpu_factor) == (1.0, 1.0)
    assert size.cpus == {"gmktec": 16, "hppavilion": 8, "wsasus": 8, "hpr": 4}
    assert size.memory["gmktec"] == 28 * GIBIBYTE


def test_single_threads_are_spread_over_the_machine() -> None:
    size = sizes.fit(OFFICE, machine_memory=24 * GIBIBYTE, threads=[0, 1])
    assert size.cpusets["gmktec"] == "0,1"
    singles = [size.cpusets[name] for name in ("hppavilion", "wsasus", "hpr")]
    assert sorted(set(singles)) == ["0", "1"]


@given(
    cpus=st.lists(st.floats(0.5, 128), min_size=1, max_size=12),
    threads=st.integers(1, 64),
    memory=st.integers(1, 1024),
)
def test_no_node_is_larger_than_its_server_or_the_machine(
    cpus: list[float], threads: int, memory: int
) -> None:
    servers = [server(f"s{index}", 16, count) for index, count in enumerate(cpus)]
    size = sizes.fit(servers, machine_memory=memory * GIBIBYTE, threads=range(threads))
    assert 0 < size.memory_factor <= 1
    assert 0 < size.cpu_factor <= 1
    for each in servers:
        assert size.memory[each.name] <= each.memory
        assert 1 <= size.cpus[each.name] <= threads
        chosen = size.cpusets[each.name].split(",")
        assert len(set(chosen)) == len(chosen) == size.cpus[each.name]
        assert all(0 <= int(thread) < threads for thread in chosen)


def test_an_empty_fleet_is_an_error() -> None:
    with pytest.raises(LabError, match="no servers"):
        sizes.fit([], machine_memory=GIBIBYTE, threads=[0])


def test_a_fleet_beyond_the_network_is_an_error() -> None:
    many = [server(f"s{index}", 1, 1) for index in range(241)]
    with pytest.raises(LabError, match="at most 240"):
        sizes.fit(many, machine_memory=GIBIBYTE, threads=[0])


MEMINFO = """\
MemTotal:       16000000 kB
MemFree:         4000000 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""


def test_meminfo_keeps_its_proportions() -> None:
    lines = sizes.meminfo(MEMINFO, 4_000_000 * 1024).splitlines()
    assert lines[0].split() == ["MemTotal:", "4000000", "kB"]
    assert lines[1].split() == ["MemFree:", "1000000", "kB"]
    assert lines[2] == "HugePages_Total:       0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("office", "office"), ("My Office (2)", "my-office-2"), ("--", "fleet"), ("Büro", "b-ro")],
)
def test_names_become_safe(name: str, expected: str) -> None:
    assert sizes.slug(name) == expected


def test_a_lab_asks_for_the_same_network_and_avoids_taken_ones() -> None:
    first = sizes.choose_subnet("office", [])
    assert first == sizes.choose_subnet("office", [])
    assert first.subnet_of(sizes.LAB_RANGE)
    second = sizes.choose_subnet("office", [first])
    assert not second.overlaps(first)


def test_no_free_network_is_an_error() -> None:
    with pytest.raises(LabError, match="no free network"):
        sizes.choose_subnet("office", [sizes.LAB_RANGE])


def test_addresses_leave_room_for_the_labs_own() -> None:
    subnet = IPv4Network("198.18.7.0/24")
    assert sizes.address(subnet, 0) == "198.18.7.11"
    assert sizes.address(subnet, 239) == "198.18.7.250"


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
br0\t000712C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_routed_networks_leave_the_default_route_out() -> None:
    assert sizes.routed_networks(ROUTES) == (
        IPv4Network("10.0.0.0/24"),
        IPv4Network("198.18.7.0/24"),
    )
