"""`recover service`: what is looked at twice, what each step does, and what doing it twice does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from quorate.backup import quiesce
from quorate.backup.policy.quiesce import Stale
from quorate.deploy import mend
from quorate.deploy.progress import Silent
from quorate.errors import DeployError, EngineError, UsageError
from quorate.fleet.model import Engine, Fleet
from quorate.fleet.observed import Snapshot
from quorate.observe.deep_model import Action, Check, Finding, Kind
from quorate.recover import choose_service, service
from quorate.recover.model import Journal
from quorate.tools import clock
from tests.fakes.fleets import make_fleet, make_server
from tests.unit.backup.jobs.made import NOW, snapshot

NAME = "app_db"
STARTED = datetime(2026, 11, 28, 7, tzinfo=UTC)
FLEET = make_fleet({"app": {"services": {"db": {}, "web": {}}}}, servers=[make_server("one")])
RESTART = Action(kind=Kind.RESTART, target=NAME)
REMOVE = Action(kind=Kind.REMOVE, target="c1", server="one")
REPLACE = Action(kind=Kind.REPLACE, target="id-one")


def found(check: Check = Check.PENDING, subject: str = NAME, **more: object) -> Finding:
    given = {"check": check, "where": "one", "subject": subject, "what": f"{subject}: wrong"}
    return Finding.model_validate({**given, "mend": "by hand", **more})


@dataclass
class World:
    """What each look finds, the last one for ever; and what was done, in order."""

    looks: list[tuple[Finding, ...]] = field(default_factory=lambda: [()])
    seen: Snapshot = field(default_factory=snapshot)
    left: tuple[Stale, ...] = ()
    done: list[str] = field(default_factory=list)
    availability: str = "active"
    refuses: bool = False
    now: float = 0.0
    looked: int = 0

    def once(self, place: Any) -> tuple[tuple[Finding, ...], Snapshot]:
        self.looked += 1
        return (self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]), self.seen

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def mended(self, action: Action, scene: mend.Scene) -> None:
        """As the real one: a dead node is drained, and then what it was at first sight."""
        was = self.availability
        if action.kind is Kind.REPLACE:
            self.availability = "drain"
        self.done.append(f"{action.kind.name} {action.target}")
        if self.refuses:
            raise EngineError("the engine refuses")
        self.availability = was

    def update(self, client: Any, identity: str, change: Callable[[Any], Any]) -> None:
        if self.seen.node(identity) is None:
            raise EngineError(f"node {identity} could not be changed", cause="not found")
        self.availability = change({"Availability": self.availability})["Availability"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(clock, "monotonic", lambda: made.now)
    monkeypatch.setattr(clock, "sleep", made.sleep)
    monkeypatch.setattr(
        clock, "now", lambda: datetime.fromtimestamp(STARTED.timestamp() + made.now, UTC)
    )
    monkeypatch.setattr(service, "_once", made.once)
    monkeypatch.setattr(service, "update_node", made.update)
    monkeypatch.setattr(mend, "mend", made.mended)
    monkeypatch.setattr(
        service, "until_well", lambda place, names: made.done.append(f"well {names}")
    )
    monkeypatch.setattr(quiesce, "stale", lambda client, active: made.left)
    monkeypatch.setattr(quiesce, "end", lambda client, run: made.done.append(f"let go {run}"))
    return made


def place(world: World, fleet: Fleet = FLEET) -> Any:
    return SimpleNamespace(
        fleet=fleet,
        connections=None,
        report=Silent(),
        client=lambda: None,
        manager=lambda: None,
        snapshot=lambda: world.seen,
    )


def journal(world: World) -> Journal:
    operation = service.looked(place(world), "db").operation
    assert operation is not None
    return Journal(
        id="x",
        operation=operation,
        started=STARTED.isoformat(),
        who="me",
        facts=dict(operation.facts),
    )


def do(world: World, of: Journal, step: str) -> Any:
    return service.actions(place(world), of)[step].do(dict(of.facts))


def test_what_may_pass_is_looked_at_twice_and_what_has_passed_is_nothing(world: World) -> None:
    world.looks = [(found(Check.PENDING, action=RESTART),), ()]
    seen = service.looked(place(world), "db")
    assert (world.looked, world.now) == (2, service.AGAIN_SECONDS)
    assert seen.found == () and seen.operation is None and world.done == []


def test_what_stays_is_mended_and_what_cannot_pass_is_not_waited_for(world: World) -> None:
    world.looks = [(found(Check.DISK, action=RESTART),)]
    seen = service.looked(place(world), "app_db")
    assert world.now == 0.0 and len(seen.found) == 1 and seen.service == NAME
    assert seen.operation is not None
    assert [one.id for one in seen.operation.steps] == ["mend-0", "verify"]
    assert world.done == [], "looking changes nothing"


def test_a_service_that_nobody_has_or_that_runs_by_compose_is_refused() -> None:
    with pytest.raises(UsageError, match="no service nothing"):
        service.named(FLEET, "nothing")
    (db, web) = FLEET.services
    mail = FLEET.model_copy(
        update={"services": (db.model_copy(update={"engine": Engine.COMPOSE}), web)}
    )
    with pytest.raises(UsageError, match="db runs by compose"):
        service.named(mail, "db")
    assert service.named(mail, "app_web") is web


def test_each_step_does_its_own_and_may_be_done_twice(world: World) -> None:
    world.looks = [
        (found(Check.DISK, action=RESTART), found(Check.DISK, subject="app_db c1", action=REMOVE))
    ]
    world.left = (Stale(id="s", name=NAME, run="dead", why="the run dead has ended"),)
    of = journal(world)
    assert list(service.actions(place(world), of)) == [
        *("mend-0", "mend-1", "let-go-0", "verify"),
    ]  # fmt: skip
    for _ in range(2):
        for step in ("let-go-0", "mend-0", "mend-1"):
            do(world, of, step)
    assert world.done == ["let go dead", "REMOVE c1", "RESTART app_db"] * 2
    assert world.availability == "active"


def test_a_server_that_was_drained_when_it_was_killed_is_what_it_was(world: World) -> None:
    world.looks = [(found(Check.DEAD_NODE, subject="app_db id-one", action=REPLACE),)]
    of = journal(world)
    assert of.facts["mends"][0]["availability"] == "active"
    world.refuses = True
    with pytest.raises(EngineError):
        do(world, of, "mend-0")
    assert world.availability == "drain", "somebody was killed in the middle"
    world.refuses = False
    do(world, of, "mend-0")
    assert world.availability == "active"


def test_a_dead_server_that_was_removed_meanwhile_is_mended(world: World) -> None:
    world.looks = [(found(Check.DEAD_NODE, subject="app_db id-one", action=REPLACE),)]
    of = journal(world)
    world.seen = Snapshot(taken_at=NOW, nodes=(), services=(), tasks=())
    do(world, of, "mend-0")
    assert world.done == ["REPLACE id-one"]


def test_it_is_over_once_what_was_wrong_is_so_no_more(world: World) -> None:
    wrong = found(Check.DISK, action=RESTART)
    world.looks = [(wrong,)]
    of = journal(world)
    other = found(Check.DISK, subject="app_web", action=RESTART)
    world.looks = [(wrong,), (wrong, other), (other, found(Check.NAMES))]
    told = do(world, of, "verify")
    assert world.done == [f"well {(NAME,)}"]
    assert told == {"rto_seconds": 2 * service.AGAIN_SECONDS}


def test_what_stays_wrong_is_told_with_what_to_do(world: World) -> None:
    world.looks = [(found(Check.DISK, action=RESTART),)]
    of = journal(world)
    with pytest.raises(DeployError, match="app_db is still not as it should be") as raised:
        do(world, of, "verify")
    assert raised.value.todo == "by hand" and world.now > service.MENDED_SECONDS


def test_the_verification_of_a_service_of_its_own_key_only(world: World) -> None:
    """A finding of another kind that was there before is not waited for."""
    world.looks = [(found(Check.DISK, action=RESTART),)]
    of = journal(world)
    world.looks = [(found(Check.SKEW),)]
    assert do(world, of, choose_service.VERIFY) == {"rto_seconds": 0.0}
