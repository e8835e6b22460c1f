"""What a plan says of the losses it does not survive: the table, and that each cure is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from quorate.fleet.model import Fleet
from quorate.plan import cure
from quorate.plan.cure import moved_in
from quorate.plan.model import LossOutcome, Plan
from quorate.plan.scene import scene
from quorate.plan.solve import make_plan
from quorate.plan.survive import replay, survival
from tests.unit.plan.builders import GIB, fleet, server, service

ROWS = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "plan" / "survive.yaml")
NAMES = [row["what"] for row in ROWS]


def fields(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {"memory": value}


def made(row: dict[str, Any]) -> tuple[Fleet, Plan]:
    homes = {name: tuple(fields(f)["at"]) for name, f in row["services"].items()}
    services = []
    for name, given in row["services"].items():
        settings = fields(given)
        settings.pop("at")
        services.append(service(name, **settings))
    machines = [server(name, **fields(given)) for name, given in row["servers"].items()]
    found = fleet(machines, services, survive=row["survive"], headroom_cpu=0.0)
    plan = moved_in(found, make_plan(found), homes)
    return found, plan


def losses(row: dict[str, Any]) -> dict[str, LossOutcome]:
    found, plan = made(row)
    survived = cure.with_cures(found, plan, survival(found, plan, row["survive"]))
    return {" ".join(loss.servers): loss for loss in survived.losses}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_what_the_plan_says(row: dict[str, Any]) -> None:
    found = losses(row)
    failing = {name: loss for name, loss in found.items() if not loss.holds}
    assert set(failing) == set(row["losses"])
    for name, said in row["losses"].items():
        loss = failing[name]
        assert loss.pending == tuple(said.get("pending", ()))
        assert loss.at_risk == tuple(said.get("at_risk", ()))
        assert loss.quorum is said.get("quorum", True)
        assert loss.cures == tuple(said["cures"])


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_cure_is_one_and_a_step_less_is_none(row: dict[str, Any]) -> None:
    """By hand: the figures of the table, not the words of the plan."""
    found, plan = made(row)
    for name, said in row["losses"].items():
        for key, holds in (("enough", True), ("short", False)):
            if key in said:
                changed = change(found, said[key])
                start = scene(changed, moved_in(changed, plan, {}))
                assert replay(start, name.split()).holds is holds, (name, key)


def change(found: Fleet, to: dict[str, dict[str, float]]) -> Fleet:
    servers = tuple(
        one.model_copy(update={"memory": int(to["servers"][one.name] * GIB)})
        if one.name in to.get("servers", {})
        else one
        for one in found.servers
    )
    services = tuple(
        one.model_copy(update={"reservation_memory": int(to["services"][one.id] * GIB)})
        if one.id in to.get("services", {})
        else one
        for one in found.services
    )
    return found.model_copy(update={"servers": servers, "services": services})


def test_the_plan_and_its_json_tell_both() -> None:
    plan = make_plan(
        fleet([server("a", memory=8), server("b", memory=4)], [service("big", memory=6)], survive=1)
    )
    assert plan.warnings == (
        "without a, 1 service that may move would stay pending: big; "
        "what would help: 2 GiB more memory on b",
    )
    assert plan.survival is not None
    assert Plan.model_validate_json(plan.model_dump_json()).survival == plan.survival
    assert plan.survival.text == (
        "after 1 of 2 losses of 1 server, not all that may move is sure to find room "
        "(replayed as Swarm would act: all)"
    )


def test_no_cure_is_told_that_none_of_the_tries_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cure, "MOST_TRIALS", 1)
    (row,) = [row for row in ROWS if row["what"] == "one that is too large for what is left"]
    assert losses(row)["a"].cures == ()
    monkeypatch.setattr(cure, "MOST_SIZE", 0)
    monkeypatch.setattr(cure, "MOST_TRIALS", 100)
    assert losses(row)["a"].cures == ()


@pytest.mark.parametrize(
    ("servers", "asked", "text", "warning"),
    [
        (1, 1, "there is one server: its loss stops everything", None),
        (1, 3, "there is one server: its loss stops everything", None),
        (3, 0, None, None),
        (
            3,
            1,
            "what may move finds room after the loss of any 1 server "
            "(replayed as Swarm would act: all)",
            None,
        ),
        (
            3,
            7,
            "what may move finds room after the loss of any 2 servers at once "
            "(replayed as Swarm would act: all)",
            "policy.survive is 7, but of 3 servers no more than 2 can be lost: "
            "what follows a loss of 2 is what was replayed",
        ),
    ],
)
def test_asking_for_more_than_there_is(
    servers: int, asked: int, text: str | None, warning: str | None
) -> None:
    machines = [server(name) for name in "abc"[:servers]]
    plan = make_plan(fleet(machines, [service("web")], survive=asked))
    assert (plan.survival.text if plan.survival else None) == text
    assert plan.warnings == ((warning,) if warning else ())
