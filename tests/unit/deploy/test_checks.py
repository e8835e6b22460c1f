"""The rules of the preflight, one row per thing that may be wrong with a server."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

import pytest

from quorate.deploy import checks
from quorate.deploy.checks import Finding, Scale, Severity
from quorate.deploy.facts import ServerFacts, parse_facts, parse_ports
from quorate.deploy.preflight import Preflight
from quorate.deploy.swarm_state import Membership, SwarmState
from quorate.errors import MachineError, UnreachableError
from quorate.fleet.observed import ObservedNode
from tests.fakes.fleets import make_fleet, make_server

GIB = 1024**3
SERVER = make_server("a")  # 4 threads, 8 GiB
FLEET = make_fleet({"web": {"services": {"x": {"ports": ["80:80"]}}}}, servers=[SERVER])


def facts(name: str = "a", **changes: Any) -> ServerFacts:
    values: dict[str, Any] = {
        "server": name,
        "host_name": name,
        "engine": "26.1.5",
        "cpus": 4,
        "memory": 8 * GIB,
        "data_root": "/var/lib/docker",
        "swarm": Membership(server=name),
        "clock_offset": 0.1,
        "clock_error": 0.2,
        "disk_size": 100 * GIB,
        "disk_free": 50 * GIB,
        "mtu": {"192.0.2.1": 1500},
        "kernel": frozenset({"ip_vs", "esp", "known"}),
    }
    return ServerFacts(**{**values, **changes})


def one(changes: dict[str, Any], scale: Scale = Scale()) -> list[Finding]:
    return checks.one_server(FLEET, SERVER, facts(**changes), scale)


def test_a_server_as_wanted_has_no_finding() -> None:
    assert one({}) == []


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"host_name": "vm-1234"}, Severity.ERROR, "calls itself vm-1234"),
        ({"engine": "19.03.8"}, Severity.ERROR, "19.03.8; the fleet needs 20.10"),
        ({"engine": ""}, Severity.ERROR, "the fleet needs 20.10"),
        ({"live_restore": True}, Severity.ERROR, "live-restore"),
        ({"memory": 7 * GIB}, Severity.ERROR, "7.0 GiB of memory; the fleet file says 8.0 GiB"),
        ({"memory": int(7.7 * GIB)}, Severity.WARNING, "7.7 GiB"),
        ({"cpus": 2}, Severity.ERROR, "2 CPU threads; the fleet file says 4"),
        ({"disk_free": GIB}, Severity.ERROR, "disk is full: /var/lib/docker has 1.0 GiB"),
        ({"disk_free": 9 * GIB}, Severity.WARNING, "nearly full"),
        ({"disk_free": None}, Severity.NOTE, "could not be checked"),
        ({"kernel": frozenset({"esp", "known"})}, Severity.WARNING, "lacks IPVS"),
        ({"kernel": frozenset({"ip_vs"})}, Severity.WARNING, "does not tell whether it has IPsec"),
    ],
)
def test_one_thing_wrong(changes: dict[str, Any], severity: Severity, words: str) -> None:
    (finding,) = one(changes)
    assert (finding.severity, finding.server) == (severity, "a")
    assert words in finding.what


def test_a_lab_is_measured_by_its_scale() -> None:
    small = {"memory": 2 * GIB, "cpus": 1}
    assert one(small, Scale(memory=0.25, cpu=0.25)) == []
    assert len(one(small)) == 2


def test_20_10_is_enough_for_20_10() -> None:
    assert one({"engine": "20.10.24+dfsg1"}) == []


def test_a_clock_that_is_off_is_told_beyond_the_measurements_error() -> None:
    known = {name: facts(name) for name in "ab"}
    known["c"] = facts("c", clock_offset=-4.0)
    (finding,) = checks.clocks(known)
    assert (finding.server, finding.severity) == ("c", Severity.WARNING)
    assert "3.9 s" in finding.what
    known["c"] = facts("c", clock_offset=-4.0, clock_error=3.5)
    assert checks.clocks(known) == []
    known["c"] = facts("c", clock_offset=600.0)
    assert checks.clocks(known)[0].severity is Severity.ERROR


def test_mtus_must_be_equal() -> None:
    known = {"a": facts(), "b": facts("b", mtu={"192.0.2.2": 1450})}
    (finding,) = checks.mtus(known, {"a": "192.0.2.1", "b": "192.0.2.2"})
    assert "a 1500, b 1450" in finding.what
    (unknown,) = checks.mtus({"a": known["a"]}, {"a": "192.0.2.9"})
    assert unknown.severity is Severity.NOTE


def test_different_releases_are_a_warning() -> None:
    known = {"a": facts(), "b": facts("b", engine="20.10.24")}
    assert [f.severity for f in checks.versions(known)] == [Severity.WARNING]
    assert checks.versions({"a": facts(), "b": facts("b", engine="26.1.9")}) == []


MEMBER = SwarmState(
    members={"b": Membership(server="b", state="active", node_id="n")},
    nodes=(ObservedNode(id="n", hostname="b", role="manager", state="ready"),),
)


@pytest.mark.parametrize(
    ("result", "state", "expected"),
    [
        ("open", SwarmState(), []),
        ("refused", SwarmState(), []),
        ("blocked", SwarmState(), ["does not get through to"]),
        ("refused", MEMBER, ["is refused by"]),
        ("open", MEMBER, []),
    ],
)
def test_ports(result: str, state: SwarmState, expected: list[str]) -> None:
    found = checks.ports({"a": {("192.0.2.2", 2377): result}}, {"192.0.2.2": "b"}, state)
    errors = [f.what for f in found if f.severity is Severity.ERROR]
    assert len(errors) == len(expected)
    assert all(words in what for words, what in zip(expected, errors, strict=True))


def test_a_lost_member_is_a_warning_and_an_unknown_server_an_error() -> None:
    down = SwarmState(nodes=(ObservedNode(id="n", hostname="a", state="down"),))
    errors = {"a": UnreachableError("a does not answer ssh")}
    assert checks.unreachable(FLEET, errors, SwarmState())[0].severity is Severity.ERROR
    assert checks.unreachable(FLEET, errors, down)[0].severity is Severity.WARNING


def test_all_errors_are_raised_together() -> None:
    findings = tuple(one({"engine": "18.9", "cpus": 1, "disk_free": 9 * GIB}))
    with pytest.raises(MachineError, match="2 problems") as caught:
        Preflight(findings=findings, swarm=SwarmState()).raise_errors()
    assert caught.value.exit_code == 6
    assert "18.9" in str(caught.value.cause) and "1 CPU threads" in str(caught.value.cause)
    Preflight(findings=findings[2:], swarm=SwarmState()).raise_errors()


def test_facts_from_the_scripts_output() -> None:
    text = """clock 1000.750000000
disk 1000 400
net eth0 192.0.2.1/24 1450
net docker0 172.17.0.1/16 1500
kernel ip_vs
kernel known
something else
disk x y
"""
    found = parse_facts(text, before=1000.0, after=1000.5)
    assert found == {
        "clock_offset": 0.5,
        "clock_error": 0.25,
        "disk_size": 1024000,
        "disk_free": 409600,
        "mtu": {"192.0.2.1": 1450, "172.17.0.1": 1500},
        "interfaces": (ip_interface("192.0.2.1/24"),),
        "kernel": frozenset({"ip_vs", "known"}),
    }


def test_no_output_is_no_facts() -> None:
    found = parse_facts("", 0, 1)
    assert ServerFacts(server="a", swarm=Membership(server="a"), **found).disk_free is None


def test_port_results() -> None:
    text = "192.0.2.1:2377 open\n[fe80::1]:7946 blocked\nbash: nonsense\n192.0.2.1:1 odd\n"
    assert parse_ports(text) == {("192.0.2.1", 2377): "open", ("[fe80::1]", 7946): "blocked"}
