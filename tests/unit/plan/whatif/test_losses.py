"""`--lose`: what Swarm would do, and what that means."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.model import Fleet, Role
from quorate.fleet.read import read_fleet
from quorate.plan.whatif.model import Verdict, Winner
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.plan.whatif.asking import ask, aspect, winners

OFFICE = Path(__file__).parents[4] / "examples" / "office" / "fleet.yaml"


def three(*services: object, memory: float = 16) -> Fleet:
    servers = [server(n, role=Role.MANAGER, memory=memory) for n in "abc"]
    return fleet(servers, list(services), survive=1)  # type: ignore[arg-type]


def test_what_may_move_moves_to_the_server_with_the_fewest_tasks() -> None:
    one = three(service("x"), service("y"), service("z"))
    answer = ask(one, {"x": ("a",), "y": ("b",), "z": ("b",)}, lose="a")
    (change,) = answer.services
    assert (change.id, change.after, change.cause) == ("x", ("c",), "swarm")
    assert answer.recommendation.verdict is Verdict.HOLDS
    assert answer.servers["a"].after is None


def test_what_keeps_data_waits() -> None:
    one = three(service("db", **data()), service("web", needs=("db",)))
    answer = ask(one, {"db": ("a",), "web": ("b",)}, lose="a")
    assert answer.pending == ("db",)
    assert answer.recommendation.verdict is Verdict.PARTLY
    assert winners(answer)["running"] is winners(answer)["needs"] is Winner.BEFORE
    assert any("db: down until a is back" in con.what for con in answer.recommendation.cons)


def test_what_finds_no_room_is_named() -> None:
    one = three(*(service(n, memory=9) for n in "xyz"))
    answer = ask(one, {"x": ("a",), "y": ("b",), "z": ("c",)}, lose="a")
    assert answer.recommendation.verdict is Verdict.FAILS
    assert answer.pending == ("x",)
    (con,) = [c for c in answer.recommendation.cons if "no room" in c.what]
    assert "9.0 GiB" in con.mitigation


def test_without_a_majority_of_managers_nothing_moves() -> None:
    one = three(service("x"))
    answer = ask(one, {"x": ("a",)}, lose=("a", "b"))
    assert answer.recommendation.verdict is Verdict.FAILS
    assert answer.pending == ("x",)
    assert "no majority" in answer.recommendation.headline


def test_changes_come_before_the_loss() -> None:
    one = three(service("x"), service("y"))
    answer = ask(one, {"x": ("a",), "y": ("a",)}, move="x=b", lose="a")
    found = {change.id: change for change in answer.services}
    assert (found["x"].after, found["x"].cause) == (("b",), "asked")
    assert (found["y"].after, found["y"].cause) == (("c",), "swarm")


@pytest.mark.parametrize(
    ("lost", "verdict", "waits"),
    [
        ("hpr", Verdict.PARTLY, {"dev-postgres"}),
        ("wsasus", Verdict.PARTLY, {"prometheus", "loki"}),
    ],
)
def test_the_office(lost: str, verdict: Verdict, waits: set[str]) -> None:
    answer = ask(read_fleet(OFFICE), lose=lost)
    assert answer.recommendation.verdict is verdict
    assert waits <= set(answer.pending)
    assert aspect(answer, "running").winner is Winner.BEFORE
