"""What cannot hold together: found, minimal, in words, with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from quorate.errors import InfeasibleError
from quorate.fleet.model import Engine, Fleet, Port, Reserved, Stack, VolumeUse
from quorate.plan.conflict import conflicts, smallest
from quorate.plan.problem import build
from quorate.plan.rules import all_rules
from quorate.plan.solve import make_plan, solve
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.plan.test_brute_force import fleets


def two() -> list[Any]:
    return [server("big", memory=16), server("small", memory=4)]


def shared(name: str) -> tuple[VolumeUse, ...]:
    return (VolumeUse(kind="volume", source=name, target="/data"),)


WEB = (Port(target=80, published=80, mode="host"),)
INGRESS = (Port(target=80, published=8080),)
MAIL = Stack(name="mail", files=(), engine=Engine.COMPOSE, server="small")

CASES: dict[str, tuple[Callable[[], Fleet], list[str]]] = {
    "a pin on a server too small": (
        lambda: fleet(two(), [service("db", memory=5, pins=("small",)), service("web", memory=1)]),
        [
            "db: its owner pins it to small; db takes 5.0 GiB of reserved memory (app.yaml:2:1)",
            "small has 4.0 GiB of memory",
        ],
    ),
    "two pins that fit alone": (
        lambda: fleet(
            two(),
            [
                service("one", memory=3, pins=("small",)),
                service("two", memory=2, pins=("small",)),
                service("free", memory=1),
            ],
        ),
        ["one: its owner pins", "two: its owner pins", "small has 4.0 GiB"],
    ),
    "a pin against a constraint": (
        lambda: fleet(
            two(), [service("db", pins=("big",), constraints=("node.hostname == small",))]
        ),
        ["db: its owner pins it to big", "db: constraint node.hostname == small leaves small"],
    ),
    "near and apart": (
        lambda: fleet(two(), [service("a", near=("b",)), service("b", apart=("a",))]),
        ["a: near b", "b: apart from a"],
    ),
    "more than there is": (
        lambda: fleet(two(), [service(f"s{i}", memory=3) for i in range(7)]),
        [
            "big has 16.0 GiB of memory",
            "small has 4.0 GiB of memory",
        ],
    ),
    "host ports": (
        lambda: fleet(two(), [service(name, ports=WEB) for name in ("a", "b", "c")]),
        ["one task per server may publish host port 80/tcp: a, b and c"],
    ),
    "ingress ports": (
        lambda: fleet(two(), [service("a", ports=INGRESS), service("b", ports=INGRESS)]),
        ["a and b all publish port 8080/tcp"],
    ),
    "a volume shared across pins": (
        lambda: fleet(
            two(),
            [
                service("a", pins=("big",), volumes=shared("v")),
                service("b", pins=("small",), volumes=shared("v")),
            ],
        ),
        ["a: its owner pins", "b: its owner pins", "a and b share the local volume app_v"],
    ),
    "too many replicas per server": (
        lambda: fleet(two(), [service("web", replicas=3, max_replicas_per_node=1)]),
        ["web: max_replicas_per_node is 1"],
    ),
    "a compose stack fills its server": (
        lambda: fleet(
            two(),
            [
                service("mail", memory=3, stack="mail", engine=Engine.COMPOSE),
                service("db", memory=2, pins=("small",)),
            ],
            stacks=[MAIL],
        ),
        ["db: its owner pins it to small", "3.0 GiB used outside Swarm"],
    ),
    "headroom": (
        lambda: fleet([server("one", memory=10)], [service("a", memory=9.5)], headroom_memory=0.1),
        ["1.0 GiB headroom"],
    ),
    "a server's own reservation": (
        lambda: fleet(
            [server("one", memory=4, reserved=(Reserved(name="nfs", memory=2**31),))],
            [service("a", memory=3)],
        ),
        ["one has 2.0 GiB of memory"],
    ),
    "disk": (
        lambda: fleet([server("one")], [service("a", data_size=600 * 2**30, **data())]),
        ["one has 500.0 GiB of disk for data"],
    ),
    "CPU": (
        lambda: fleet([server("one", cpus=2)], [service("a", cpu=1.5), service("b", cpu=0.6)]),
        ["one has 2 threads of CPU"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_conflict(name: str) -> None:
    make, expected = CASES[name]
    with pytest.raises(InfeasibleError) as caught:
        make_plan(make())
    error = caught.value
    assert len(error.conflict) == len(expected), error.conflict
    for words in expected:
        assert any(words in line for line in error.conflict), (words, error.conflict)
    for line in error.conflict:
        assert "yaml:" in line, line
    assert error.todo
    assert error.exit_code == 3


def test_more_than_there_is_in_figures() -> None:
    with pytest.raises(InfeasibleError) as caught:
        make_plan(fleet(two(), [service(f"s{i}", memory=3) for i in range(7)]))
    assert "all services together take 21.0 GiB of reserved memory" in caught.value.what


@settings(max_examples=80)
@given(fleets())
def test_a_conflict_is_minimal(case: tuple[Fleet, dict[str, tuple[str, ...]]]) -> None:
    problem = build(case[0])
    try:
        solve(problem)
    except InfeasibleError:
        rules = smallest(problem, all_rules(problem))
        assert conflicts(problem, rules)
        for rule in rules:
            assert not conflicts(problem, [other for other in rules if other is not rule])


def test_no_server() -> None:
    with pytest.raises(InfeasibleError):
        make_plan(fleet([], [service("a")]))
