"""A server's own words into figures, their difference to a fleet file, and that into the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.fleet_file import read_parts
from quorate.fleet.imports.compare import differences, snippet
from quorate.fleet.imports.edit import edited
from quorate.fleet.imports.hardware import Hardware, read_hardware
from quorate.fleet.model import Server
from quorate.fleet.positions import Map, parse
from quorate.fleet.problems import Problems
from quorate.intake.write import unified

ROOT = Path(__file__).parents[4]
OUTPUT = (ROOT / "tests/cases/import/hardware.txt").read_text()
FLEET = """\
version: 1
name: office
servers:
  # the old one, under the stairs
  web3: # do not move
    address: 192.0.2.3
    role: worker
    cpus: 4 # half of them
    memory: 31GiB
    disks:
      - {name: nvme0n1, size: 466G, kind: ssd, mount: /} # fast
    zone: left
    reserved:
      - {name: bacula-fd, memory: 20M}
  flow: {address: 192.0.2.4, cpus: 8, memory: 31GiB, speed: 1.0, uptime_days: 61}
"""


def found() -> Hardware:
    return read_hardware(OUTPUT)


def servers(text: str) -> dict[str, tuple[Server, Map]]:
    """Each server of a fleet file and its mapping."""
    problems = Problems()
    mapping = parse(text, "fleet.yaml", problems)
    parts = read_parts(mapping, Path(), problems)
    assert parts is not None
    return {server.name: (server, mapping["servers"][server.name]) for server in parts.servers}


def test_what_a_server_says() -> None:
    seen = found()
    assert (seen.name, seen.threads, seen.role, seen.docker) == ("web3", 8, "manager", "26.1.5")
    assert seen.cpu == "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz"
    assert (seen.memory, seen.uptime_days, seen.busy) == (32595000 * 1024, 61.0, False)
    assert seen.speed == 1.0  # 192 MiB in 0.32 s, the better of two rounds
    assert [(d.name, d.kind, d.mount, d.size) for d in seen.disks] == [
        ("sda", "hdd", "/srv/bacula", 1000204886016), ("nvme0n1", "nvme", "/", 500107862016),
    ]  # fmt: skip
    assert seen.containers == ("portainer",)
    assert [(o.name, o.memory // 2**20, o.ports) for o in seen.outside] == [
        ("Bacula storage (bacula-sd)", 512, (9103,)),
        ("fail2ban-server", 64, ()),
        ("Bacula client (bacula-fd)", 20, (9102,)),
        ("Postfix (master)", 8, ()),
    ]
    assert seen.odd == ()


@pytest.mark.parametrize(
    "said", ["", "no such shell\n", "@nproc\n-4\n@meminfo\nMemTotal: lots kB\n"]
)
def test_a_server_that_says_nothing_useful(said: str) -> None:
    seen = read_hardware(said)
    assert (seen.threads, seen.memory, seen.speed, seen.disks) == (None, None, None, ())
    assert len(seen.odd) == 5
    assert "placeholder" in snippet("x", "x", {}, seen)


@given(st.text(), st.integers(0, len(OUTPUT)), st.integers(0, len(OUTPUT)))
def test_no_output_is_a_reason_to_fail(noise: str, start: int, end: int) -> None:
    read_hardware(noise)
    read_hardware(OUTPUT[:start] + noise + OUTPUT[end:])


def test_what_differs_from_the_fleet_file() -> None:
    server, entry = servers(FLEET)["web3"]
    listed = {
        (d.key, d.before, d.after, bool(d.advice)) for d in differences(server, entry, found())
    }
    assert listed == {
        ("role", "worker", "manager", True),
        ("cpus", "4", "8", False),
        ("speed", "", "1", False),
        ("uptime_days", "", "61", False),
        ("disks.sda", "", "931.5 GiB hdd on /srv/bacula", False),
        ("disks.nvme0n1", "466 GiB ssd on /", "465.8 GiB nvme on /", False),
        ("reserved", "", "Bacula storage (bacula-sd): 512 MiB", False),
        ("reserved", "", "fail2ban-server: 64 MiB", False),
        ("reserved", "", "1 container: portainer", True),
    }


def test_writing_it_keeps_every_comment_and_all_else() -> None:
    server, entry = servers(FLEET)["web3"]
    after = edited(FLEET, {"web3": differences(server, entry, found())})
    removed = [line for line in unified(FLEET, after, "x").splitlines()[2:] if line[0] == "-"]
    assert removed == [
        "-    cpus: 4 # half of them",
        "-      - {name: nvme0n1, size: 466G, kind: ssd, mount: /} # fast",
    ]
    for comment in ("# the old one, under the stairs", "# do not move", "# half of them", "# fast"):
        assert comment in after
    again, entry = servers(after)["web3"]
    assert [d.key for d in differences(again, entry, found()) if not d.advice] == []
    assert (again.cpus, again.speed, again.uptime_days) == (8, 1.0, 61)
    assert [(disk.name, disk.kind) for disk in again.disks] == [("nvme0n1", "nvme"), ("sda", "hdd")]
    assert [item.name for item in again.reserved] == [
        "bacula-fd", "Bacula storage (bacula-sd)", "fail2ban-server",
    ]  # fmt: skip


def test_a_server_on_one_line_stays_on_it() -> None:
    server, entry = servers(FLEET)["flow"]
    known = [d for d in differences(server, entry, found()) if d.key != "reserved"]
    after = edited(FLEET, {"flow": known})
    changed = [line for line in unified(FLEET, after, "x").splitlines()[2:] if line[0] in "+-"]
    assert len(changed) == 2
    assert "disks: [{name: sda, size: 931G, kind: hdd, mount: /srv/bacula}" in changed[1]


@pytest.mark.parametrize(
    "path", ["examples/office/fleet.yaml", "tests/scenarios/fleets/shop/fleet.yaml"]
)
def test_nothing_to_write_leaves_a_file_as_it_is(path: str) -> None:
    text = (ROOT / path).read_text()
    assert edited(text, {}) == text
