"""What a drill comes to on real servers: where scripts run, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quorate.drill import remote
from quorate.drill.file import Drill, Kind
from quorate.drill.ground import Work
from quorate.drill.remote import HERE
from quorate.drill.remote_lease import SHELL, TIMER
from quorate.drill.remote_look import Look
from quorate.errors import LockedError, MachineError, QuorateError, RefusedError, UsageError
from quorate.fleet.model import Fleet, Ssh
from tests.unit.drill.shop import seen, shop

HOW = "ipmitool -H {server}-bmc power on"
FINE = Look(
    root=True,
    systemd=True,
    engine="active",
    at_boot=True,
    has=frozenset({"nft", "docker", "setsid"}),
    answers=True,
)


def fleet() -> Fleet:
    """The shop, its servers with addresses."""
    made = shop()
    servers = [
        server.model_copy(update={"address": f"192.0.2.{number}"})
        for number, server in enumerate(made.servers, start=1)
    ]
    return made.model_copy(update={"servers": tuple(servers)})


def work(kind: str = "partition", hit: tuple[str, ...] = ("w",), **more: Any) -> Work:
    fault: dict[str, Any] = {"kind": kind, "duration": "60s"}
    fault |= more.pop("fault", {})
    target = {"service": "web"} if kind == "freeze-service" else {"server": list(hit)}
    entries = {key: more.pop(key) for key in ("undo", "guards") if key in more}
    drill = Drill.model_validate({"drill": "x", "target": target, "fault": fault, **entries})
    return Work(drill=drill, hit=hit, before=seen(), **more)


def jobs(made: Work) -> remote.Jobs:
    return remote.jobs(made, fleet(), here="/state/lease")


def places(found: tuple[remote.Job, ...]) -> list[str]:
    return [job.server for job in found]


@pytest.mark.parametrize("kind", ["partition", "stop-engine", "kill-engine", "freeze-service"])
def test_a_victim_holds_its_own_undo(kind: str) -> None:
    found = jobs(work(kind))
    assert (places(found.leases), places(found.faults)) == (["w"], ["w"])
    # No fault where no undo is armed.
    assert "[ -e /run/quorate-drill/undo ] ||" in found.faults[0].script


def test_several_victims_hold_one_each() -> None:
    found = jobs(work("stop-engine", ("c", "w")))
    assert places(found.leases) == places(found.faults) == ["c", "w"]


def test_a_drain_is_held_by_the_managers_that_are_not_drained() -> None:
    found = jobs(work("drain", ("a",)))
    assert (places(found.leases), places(found.faults)) == (["b", "c"], ["b"])
    assert "--availability drain a" in found.faults[0].script
    assert "--label-rm quorate.drill.availability a" in found.leases[0].script


def test_a_power_cut_is_held_here_and_undone_by_the_stated_command() -> None:
    found = jobs(work("power-off", undo={"power_on": HOW}))
    assert (places(found.leases), places(found.faults)) == ([HERE], ["w"])
    assert "ipmitool -H w-bmc power on || failed=1" in found.leases[0].script
    assert found.place == "/state/lease"


def test_a_partition_parts_from_everybody_else_but_for_ssh() -> None:
    script = jobs(work()).faults[0].script
    assert script.count("192.0.2.1, 192.0.2.2, 192.0.2.3 ") == 2
    assert "192.0.2.4" not in script
    assert "tcp dport 22 accept" in script
    assert "tcp sport 22 accept" in script


def test_one_way_nothing_that_leaves_is_dropped() -> None:
    script = jobs(work(fault={"one_way": True})).faults[0].script
    assert "hook prerouting" in script
    assert "postrouting" not in script


def test_of_ports_only_what_uses_them_is_dropped_and_of_loss_a_share() -> None:
    ports = jobs(work(fault={"ports": [7946]})).faults[0].script
    assert ports.count(" } meta l4proto { tcp, udp } th dport { 7946 } drop") == 2
    assert ports.count(" } meta l4proto { tcp, udp } th sport { 7946 } drop") == 2
    share = jobs(work("packet-loss", fault={"loss": "20%"})).faults[0].script
    assert share.count(" } numgen random mod 10000 < 2000 drop") == 2
    assert "192.0.2.3 } drop" not in ports + share


def test_those_parted_together_hear_each_other() -> None:
    found = jobs(work(hit=("c", "w")))
    assert all("{ 192.0.2.1, 192.0.2.2 } drop" in job.script for job in found.faults)


def test_sshd_may_listen_elsewhere() -> None:
    made = fleet()
    servers = tuple(s.model_copy(update={"ssh": Ssh(port=2222)}) for s in made.servers)
    made = made.model_copy(update={"servers": servers})
    found = remote.jobs(work(), made, here="/state/lease")
    assert "tcp dport 2222 accept" in found.faults[0].script


@pytest.mark.parametrize(
    ("address", "observed", "expected"),
    [
        ("192.0.2.9", "", ("192.0.2.9",)),
        ("alpha", "192.0.2.9", ("192.0.2.9",)),
        ("192.0.2.8", "192.0.2.9", ("192.0.2.9", "192.0.2.8")),
        ("192.0.2.9", "0.0.0.0", ("192.0.2.9",)),
        ("[2001:db8::9]", "192.0.2.9", ("192.0.2.9", "2001:db8::9")),
    ],
)
def test_addresses_are_numbers(address: str, observed: str, expected: tuple[str, ...]) -> None:
    server = fleet().servers[0].model_copy(update={"address": address})
    assert remote.addresses(server, observed) == expected


def test_a_server_of_unknown_address_cannot_be_parted_from() -> None:
    server = fleet().servers[0].model_copy(update={"address": "alpha"})
    with pytest.raises(UsageError, match="nobody knows the address of a"):
        remote.addresses(server, "")


def test_ipv6_is_dropped_too() -> None:
    made = fleet()
    servers = tuple(s.model_copy(update={"address": f"2001:db8::{s.name}"}) for s in made.servers)
    known = made.model_copy(
        update={"servers": tuple(s for s in servers if s.name != "w") + made.servers[3:]}
    )
    script = remote.jobs(work(), known, here="/state/lease").faults[0].script
    assert "ip6 saddr { 2001:db8::a, 2001:db8::b, 2001:db8::c } drop" in script
    assert "ip saddr" not in script


def test_a_frozen_server_is_for_a_lab() -> None:
    for kind in ("freeze", "disk-full"):
        with pytest.raises(UsageError, match=f"the fault {kind} is for a lab"):
            jobs(work(kind))


def refusal(made: Work, *, here: str = "desk", quorum: bool = True) -> QuorateError:
    with pytest.raises(QuorateError) as caught:
        remote.allow(made, fleet(), quorum=quorum, here=here)
    return caught.value


def test_what_can_be_undone_needs_no_word() -> None:
    for kind in ("partition", "stop-engine", "kill-engine", "freeze-service", "drain"):
        remote.allow(work(kind), fleet(), quorum=True, here="desk")


def test_a_server_that_is_off_must_be_named_and_have_a_way_back() -> None:
    without = refusal(work("power-off"))
    assert isinstance(without, UsageError)
    assert "power_on: COMMAND" in (without.todo or "")
    unnamed = refusal(work("power-off", undo={"power_on": HOW}, off=("c",)))
    assert isinstance(unnamed, RefusedError)
    assert unnamed.todo == "--allow-power-off w allows it"
    named = work("power-off", undo={"power_on": HOW}, off=("w",))
    remote.allow(named, fleet(), quorum=True, here="desk")


def test_a_quorum_is_lost_only_by_naming_the_servers_and_a_way_back() -> None:
    hit = ("b", "c")
    anyway = {"managers_after": "any"}
    without = refusal(work(hit=hit, guards=anyway, token=hit), quorum=False)
    assert isinstance(without, UsageError)
    unnamed = refusal(work(hit=hit, guards=anyway, undo={"power_on": HOW}), quorum=False)
    assert isinstance(unnamed, RefusedError)
    assert "--allow-quorum-loss b,c" in (unnamed.todo or "")
    guarded = refusal(work(hit=hit, undo={"power_on": HOW}, token=hit), quorum=False)
    assert isinstance(guarded, RefusedError)
    whole = work(hit=hit, guards=anyway, undo={"power_on": HOW}, token=("c", "b"))
    remote.allow(whole, fleet(), quorum=False, here="desk")


def test_the_machine_it_runs_on_is_no_target() -> None:
    assert "this is w" in refusal(work(), here="w").what
    assert "this is w.example" in refusal(work(), here="w.example").what


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("partition", {"root": False}, "does not let Quorate be root"),
        ("partition", {"has": frozenset({"docker", "setsid"})}, "has no nft"),
        ("partition", {"systemd": False, "has": frozenset({"nft"})}, "neither systemd nor setsid"),
        ("freeze-service", {"has": frozenset()}, "no docker program"),
        ("stop-engine", {"systemd": False}, "otherwise than as systemd's docker.service"),
        ("stop-engine", {"engine": "inactive"}, "otherwise than as systemd's docker.service"),
        ("kill-engine", {"at_boot": False}, "would not start its engine at a boot"),
        ("power-off", {"container": True}, "no power of its own"),
        ("power-off", {"systemd": False}, "no systemd to switch it off by"),
    ],
)
def test_a_server_that_lacks_something_is_left_alone(
    kind: str, change: dict[str, Any], words: str
) -> None:
    made = work(kind, undo={"power_on": HOW})
    looks = dict.fromkeys("abcw", FINE)
    remote.able(made, jobs(made), looks)
    with pytest.raises(MachineError, match=words) as caught:
        remote.able(made, jobs(made), {**looks, "w": replace(FINE, **change)})
    assert caught.value.todo


def test_a_second_drill_is_kept_out() -> None:
    looks = dict.fromkeys("abcw", FINE)
    with pytest.raises(LockedError, match="the drill other is under way on w"):
        remote.able(work(), jobs(work()), {**looks, "w": replace(FINE, drill="other")})


def test_who_holds_the_undo_is_said() -> None:
    assert remote.held_by({"w": TIMER}) == "the undo is held on w by a timer of systemd"
    assert remote.held_by({"w": SHELL, "c": TIMER}) == (
        "the undo is held on w by a detached shell (systemd is not its init), "
        "on c by a timer of systemd"
    )
    assert remote.held_by({HERE: SHELL}) == "the undo is held on this machine by a detached shell"


def test_what_will_happen_names_every_server() -> None:
    made = work("freeze-service", ("a",))
    lines = remote.described(made, jobs(made))
    assert lines == [
        "a: freeze-service: web's containers on it are paused, for 60 s; "
        "undone after 120 s whatever happens",
        "the undo is held on a, before it begins",
    ]


def test_who_loses_a_quorum_is_told_the_way_back() -> None:
    made = work(hit=("b", "c"), undo={"power_on": HOW}, quorum=False)
    assert remote.described(made, jobs(made))[-1] == (
        "the quorum is lost meanwhile; what does not come back: "
        "ipmitool -H b-bmc power on, ipmitool -H c-bmc power on"
    )


def test_a_fault_takes_servers_or_not() -> None:
    assert [kind for kind in Kind if not kind.takes_servers] == [Kind.DRAIN, Kind.FREEZE_SERVICE]
