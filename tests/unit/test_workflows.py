"""What a verb makes of what the swarm says now, over a fake of where records are kept."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate import workflows
from quorate.deploy import record
from quorate.deploy.prepare import Scene
from quorate.deploy.progress import Silent
from quorate.deploy.record import RecordContent
from quorate.errors import StalePlanError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.plan.model import Plan
from quorate.recover.moving.homes import Home, rehomed
from quorate.tools import clock
from tests.fakes.configs import FakeConfigs
from tests.fakes.fleets import make_fleet, make_plan, make_server

SERVERS = ("one", "two")
ROWS: dict[str, Any] = {"image": "postgres", "volumes": ["rows:/var/lib/postgresql/data"]}
FLEET: Fleet = make_fleet(
    {"shop": {"services": {"db": ROWS, "web": {}}}},
    servers=[make_server(name) for name in SERVERS],
)


def at(server: str) -> str:
    return f"node.hostname=={server}"


def deployed(**homes: str) -> RecordContent:
    """What an `up` leaves in the history, with each service held at its home."""
    held: dict[str, str | None] = {name: at(home) for name, home in homes.items()}
    bodies = {
        name: {"image": name, "deploy": {"placement": {"constraints": [at(home)]}}}
        for name, home in homes.items()
    }
    return RecordContent(
        fleet="office",
        stacks={"shop": {"services": bodies}},
        homes={name: (home,) for name, home in homes.items()},
        home_constraints=held,
        pool_constraints=held,
        plan={
            "services": {
                name: {"stack": "shop", "name": name, "home": home, "homes": [home], "pool": [home]}
                for name, home in homes.items()
            }
        },
    )


def kept(swarm: Any, content: RecordContent) -> None:
    record.mark(swarm, record.write(swarm, content), "healthy")


def moved(content: RecordContent, name: str, server: str) -> RecordContent:
    home = Home(service=name, stack="shop", name=name, servers=(server,))
    return rehomed(content, [home], SERVERS)


@pytest.mark.parametrize("number", [None, 1])
def test_going_back_leaves_data_where_a_move_has_brought_them(number: int | None) -> None:
    swarm: Any = FakeConfigs()
    first = deployed(db="one", web="one")
    kept(swarm, first)
    kept(swarm, moved(moved(first, "db", "two"), "web", "two"))
    said: list[str] = []
    entry, content = workflows.going_back(swarm, FLEET, number, said.append)
    assert entry.number == 1
    assert content.homes == {"db": ("two",), "web": ("one",)}
    assert content.home_constraints == {"db": at("two"), "web": at("one")}
    body = content.stacks["shop"]["services"]["db"]
    assert body["deploy"]["placement"]["constraints"] == [at("two")]
    assert content.plan["services"]["db"]["home"] == "two"
    assert said == ["db stays on two with its data; deployment 1 had it on one"]


def test_going_back_over_no_move_deploys_what_was_deployed() -> None:
    swarm: Any = FakeConfigs()
    first = deployed(db="one", gone="two")
    kept(swarm, first)
    kept(swarm, deployed(db="one", web="two"))
    said: list[str] = []
    assert workflows.going_back(swarm, FLEET, None, said.append)[1] == first and said == []


def test_data_that_are_on_several_servers_are_left_to_the_plan_of_then() -> None:
    swarm: Any = FakeConfigs()
    first, later = deployed(db="one"), deployed(db="two")
    several = later.model_copy(update={"homes": {"db": ("one", "two")}})
    kept(swarm, first)
    kept(swarm, several)
    assert workflows.going_back(swarm, FLEET, None, lambda text: None)[1] == first


def now(**homes: str) -> dict[str, tuple[str, ...]]:
    return {name: (home,) for name, home in homes.items()}


def planned(**homes: str) -> Plan:
    return make_plan(FLEET, homes=now(**homes))


@pytest.mark.parametrize("before", [now(db="one", web="one"), {}])
def test_a_plan_that_takes_back_what_was_moved_meanwhile_is_stale(
    before: dict[str, tuple[str, ...]],
) -> None:
    plan = planned(db="one", web="one")
    with pytest.raises(StalePlanError, match="db has another home") as stale:
        workflows.require_homes(plan, before, now(db="two", web="one"))
    assert stale.value.cause == "it was moved or deployed to two; the plan has it on one"


@pytest.mark.parametrize(
    ("plan", "before", "after"),
    [
        # Nobody was there meanwhile; somebody did the same; nothing is recorded.
        (planned(db="one", web="two"), now(db="one", web="one"), now(db="one", web="one")),
        (planned(db="two", web="one"), now(db="one", web="one"), now(db="two", web="one")),
        (planned(db="one", web="one"), {}, now(db="one", web="one")),
        (planned(db="one", web="one"), {}, {}),
    ],
)
def test_a_plan_that_nobody_has_contradicted_is_deployed(
    plan: Plan, before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]
) -> None:
    workflows.require_homes(plan, before, after)


class Lock:
    def check(self) -> None:
        """It is held."""


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, tuple[str, ...]]]:
    """An `up` of FLEET up to its lock; the homes that are recorded, at each look the next."""
    looks: list[dict[str, tuple[str, ...]]] = []
    nothing = SimpleNamespace(client=object(), target="")
    answers: dict[str, Any] = {
        "Connections": nullcontext(SimpleNamespace(manager=lambda: nothing)),
        "_scene": Scene(
            fleet=FLEET,
            connections=cast(Any, nothing),
            client=cast(Any, nothing.client),
            snapshot=Snapshot(taken_at=clock.now()),
            known={},
        ),
        "make_plan": planned(db="one", web="one"),
        "_preview": SimpleNamespace(nothing_to_do=False, stacks_as_wanted=False),
        "observe": Snapshot(taken_at=clock.now()),
        "_held": nullcontext(Lock()),
    }
    silent = ["_refuse_unfinished", "_look", "render_for", "read_contents", "_own", "execute"]
    silent += ["_require_fresh", "refuse_unfilled", "refuse_beside", "setup_steps", "homes_now"]
    for name in (*silent, *answers):
        monkeypatch.setattr(workflows, name, lambda *a, name=name, **k: answers.get(name))

    def last_applied(client: Any, *, fleet: str) -> RecordContent:
        return RecordContent(fleet=fleet, stacks={}, homes=looks.pop(0))

    monkeypatch.setattr(record, "last_applied", last_applied)
    return looks


def test_a_move_that_ends_while_an_up_is_planned_is_not_taken_back(
    looked: list[dict[str, tuple[str, ...]]],
) -> None:
    looked += [now(db="one", web="one"), now(db="two", web="one")]
    with pytest.raises(StalePlanError, match="db has another home"):
        workflows.up(
            workflows.Opened(fleet=FLEET),
            workflows.UpOptions(),
            report=Silent(),
            confirm=lambda seen: True,
            started=clock.now(),
        )
    assert not looked
