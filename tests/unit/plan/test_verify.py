"""The independent verifier finds every kind of broken rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quorate.fleet.model import Engine, Fleet, Mode, Port, Stack, VolumeUse
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.plan.verify import violations
from tests.unit.plan.builders import GIB, data, fleet, server, service

HOST_PORT = (Port(target=80, published=80, mode="host"),)
SHARED = (VolumeUse(kind="volume", source="v", target="/data"),)
MAIL = Stack(name="mail", files=(), engine=Engine.COMPOSE, server="a")


def machines() -> list[Any]:
    return [server("a", memory=8), server("b", memory=8)]


def at(plan: Plan, **homes: tuple[str, ...]) -> Plan:
    """The plan with other homes for some services."""
    services = dict(plan.services)
    for name, where in homes.items():
        pool = tuple(sorted({*services[name].pool, *where}))
        services[name] = services[name].model_copy(
            update={"homes": where, "home": where[0], "pool": pool}
        )
    return plan.model_copy(update={"services": services})


Case = tuple[Callable[[], Fleet], dict[str, tuple[str, ...]], str]

CASES: dict[str, Case] = {
    "pin": (
        lambda: fleet(machines(), [service("x", pins=("a",))]),
        {"x": ("b",)},
        "x must not be on b",
    ),
    "constraint": (
        lambda: fleet(machines(), [service("x", constraints=("node.hostname == a",))]),
        {"x": ("b",)},
        "x must not be on b",
    ),
    "memory": (
        lambda: fleet(machines(), [service("x", memory=5), service("y", memory=5)]),
        {"x": ("a",), "y": ("a",)},
        "a has too little memory",
    ),
    "CPU": (
        lambda: fleet(machines(), [service("x", cpu=3), service("y", cpu=3)]),
        {"x": ("a",), "y": ("a",)},
        "a has too little CPU",
    ),
    "disk": (
        lambda: fleet(
            machines(),
            [service(name, data_size=300 * GIB, **data(name)) for name in ("x", "y")],
        ),
        {"x": ("a",), "y": ("a",)},
        "a has too little disk",
    ),
    "headroom": (
        lambda: fleet(
            machines(), [service("x", memory=4), service("y", memory=4)], headroom_memory=0.1
        ),
        {"x": ("a",), "y": ("a",)},
        "a has too little memory",
    ),
    "beside a compose stack": (
        lambda: fleet(
            machines(),
            [service("x", memory=6), service("m", memory=6, stack="mail", engine=Engine.COMPOSE)],
            stacks=[MAIL],
        ),
        {"x": ("a",)},
        "a has too little memory",
    ),
    "compose moved": (
        lambda: fleet(
            machines(), [service("m", stack="mail", engine=Engine.COMPOSE)], stacks=[MAIL]
        ),
        {"m": ("b",)},
        "m must not be on b",
    ),
    "spread": (
        lambda: fleet(machines(), [service("x", replicas=2)]),
        {"x": ("a", "a")},
        "x has 2 tasks on a, at most 1",
    ),
    "max replicas": (
        lambda: fleet(machines(), [service("x", replicas=2, max_replicas_per_node=1)]),
        {"x": ("a", "a")},
        "x has 2 tasks on a, at most 1",
    ),
    "near": (
        lambda: fleet(machines(), [service("x", near=("y",)), service("y")]),
        {"x": ("a",), "y": ("b",)},
        "x must be near y",
    ),
    "apart": (
        lambda: fleet(machines(), [service("x", apart=("y",)), service("y")]),
        {"x": ("a",), "y": ("a",)},
        "x must be apart from y",
    ),
    "apart from itself": (
        lambda: fleet([server("a"), server("b")], [service("x", replicas=2, apart=("x",))]),
        {"x": ("a", "a")},
        "x has two replicas on one server",
    ),
    "volume": (
        lambda: fleet(machines(), [service("x", volumes=SHARED), service("y", volumes=SHARED)]),
        {"x": ("a",), "y": ("b",)},
        "x and y share the volume app_v on different servers",
    ),
    "host port": (
        lambda: fleet(machines(), [service("x", ports=HOST_PORT), service("y", ports=HOST_PORT)]),
        {"x": ("a",), "y": ("a",)},
        "host port 80/tcp is published more than once on a",
    ),
    "global": (
        lambda: fleet(machines(), [service("x", mode=Mode.GLOBAL)]),
        {"x": ("a",)},
        "x has 1 homes for 2 tasks",
    ),
    "too few": (
        lambda: fleet(machines(), [service("x", replicas=2)]),
        {"x": ("a",)},
        "x has 1 homes for 2 tasks",
    ),
    "unknown server": (
        lambda: fleet(machines(), [service("x")]),
        {"x": ("nowhere",)},
        "x is planned on nowhere",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_rule(name: str) -> None:
    make, homes, words = CASES[name]
    made = make()
    plan = make_plan(made)
    assert violations(made, plan) == ()
    found = violations(made, at(plan, **homes))
    assert any(words in text for text in found), found


def test_services_missing_and_unknown() -> None:
    made = fleet(machines(), [service("x"), service("y")])
    plan = make_plan(made)
    less = plan.model_copy(update={"services": {"x": plan.services["x"]}})
    assert violations(made, less) == ("y is not in the plan",)
    smaller = fleet(machines(), [service("x")])
    assert violations(smaller, plan) == ("y is in the plan, not in the fleet",)


def test_a_home_outside_the_pool() -> None:
    made = fleet(machines(), [service("x")])
    plan = make_plan(made)
    outside = plan.services["x"].model_copy(update={"pool": ()})
    found = violations(made, plan.model_copy(update={"services": {"x": outside}}))
    assert found == ("x has a home outside its pool",)
