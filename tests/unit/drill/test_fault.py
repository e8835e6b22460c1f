"""What undoes a fault, and the rules of a partition."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.drill.fault import FILLER, possible, rules_of, undoing
from quorate.drill.file import FaultEntry, Kind
from quorate.errors import LabError
from quorate.lab import nodes
from quorate.lab.state import Lab, Node


def lab() -> Lab:
    return Lab(
        name="x",
        fleet_path=Path("f"),
        directory=Path("d"),
        override=Path("o"),
        ssh_config=Path("s"),
        engine_socket=Path("e"),
        network="n",
        subnet="198.18.0.0/24",
        nodes=tuple(
            Node(
                server=name,
                container=f"quorate.x.{name}",
                volume="v",
                address=f"198.18.0.{number}",
                memory=1,
                cpus=1,
                cpuset="0",
            )
            for number, name in enumerate(("a", "b", "c"), start=11)
        ),
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.POWER_OFF, "docker start quorate.x.a"),
        (Kind.FREEZE, "docker unpause quorate.x.a"),
        (Kind.STOP_ENGINE, "/lab/engine start"),
        (Kind.KILL_ENGINE, "/lab/engine start"),
        (Kind.PARTITION, "nft -f -"),
        (Kind.PACKET_LOSS, "nft -f -"),
        (Kind.DISK_FULL, f"rm -rf {FILLER}"),
    ],
)
def test_every_fault_has_an_undo_that_names_its_target(kind: Kind, words: str) -> None:
    text = undoing(lab(), kind, ("a",))
    assert words in text
    assert "quorate.x.a" in text
    assert ("quorate.x.b" in text) == (kind in (Kind.PARTITION, Kind.PACKET_LOSS))


def test_what_this_machine_cannot_do_is_said_before_anything_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def execute(lab: Lab, server: str, *argv: str, input: str = "", check: bool = True) -> str:
        tried.append((server, argv[:2]))
        if "--check" in argv:
            raise LabError("no", cause="Error: Could not process rule: No such file or directory")
        return ""

    monkeypatch.setattr(nodes, "execute", execute)
    with pytest.raises(LabError, match="packet-loss of 20% cannot be made on a") as error:
        possible(lab(), FaultEntry(kind=Kind.PACKET_LOSS, loss=0.2), ("a",))
    assert "Could not process rule" in (error.value.cause or "")
    with pytest.raises(LabError, match="the disk of c cannot be filled"):
        possible(lab(), FaultEntry(kind=Kind.DISK_FULL), ("c",))
    assert tried == [("a", ("nft", "--check")), ("c", ("bash", "-c"))]
    possible(lab(), FaultEntry(kind=Kind.POWER_OFF), ("a",))
    assert len(tried) == 2


def test_a_partition_is_dropped_at_both_ends() -> None:
    rules = rules_of(lab(), FaultEntry(kind=Kind.PARTITION), ("a",))
    assert sorted(rules) == ["a", "b", "c"]
    assert "198.18.0.12, 198.18.0.13" in rules["a"]
    assert "{ 198.18.0.11 } drop" in rules["b"]


def test_one_way_the_target_hears_nobody() -> None:
    assert list(rules_of(lab(), FaultEntry(kind=Kind.PARTITION, one_way=True), ("a",))) == ["a"]


def test_a_partition_by_port_drops_calls_and_answers_of_those_ports_only() -> None:
    what = FaultEntry(kind=Kind.PARTITION, ports=(7946, 2377))
    lines = rules_of(lab(), what, ("a",))["b"].splitlines()
    assert [line.strip() for line in lines if "drop" in line] == [
        "ip saddr { 198.18.0.11 } meta l4proto { tcp, udp } th dport { 2377, 7946 } drop",
        "ip saddr { 198.18.0.11 } meta l4proto { tcp, udp } th sport { 2377, 7946 } drop",
    ]


def test_packets_are_lost_each_way_by_chance() -> None:
    rules = rules_of(lab(), FaultEntry(kind=Kind.PACKET_LOSS, loss=0.125), ("a",))
    assert sorted(rules) == ["a", "b", "c"]
    assert "{ 198.18.0.11 } numgen random mod 10000 < 1250 drop" in rules["c"]
