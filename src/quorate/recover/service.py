"""`recover service`: the mends of `status --deep` for one service, done and verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quorate.backup import quiesce
from quorate.backup.jobs.door import Door
from quorate.deploy import mend
from quorate.deploy.record import known_homes
from quorate.deploy.swarm_setup import update_node
from quorate.errors import DeployError, UsageError
from quorate.fleet.model import Engine, Fleet, Service
from quorate.fleet.observed import Snapshot
from quorate.observe.deep import decide, faults, lasting, may_pass
from quorate.observe.deep_facts import look
from quorate.observe.deep_model import Action as Mend
from quorate.observe.deep_model import Finding, Kind
from quorate.observe.gather import gather
from quorate.recover import choose_service as choose
from quorate.recover.carrying import Action
from quorate.recover.model import Facts, Journal, Operation
from quorate.recover.site import Site
from quorate.recover.wellness import until_well
from quorate.tools import clock

AGAIN_SECONDS = 4.0
"""Between two looks: longer than Swarm takes to tell its nodes of a task."""
MENDED_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found of a service, and what mends it; None: nothing is to be done by Quorate."""

    service: str
    found: tuple[Finding, ...]
    why: str
    operation: Operation | None


def looked(place: Site, name: str) -> Looked:
    """Look twice at the swarm, its names and its containers; nothing is changed.

    Raises:
        UsageError: there is no such service, or it runs by compose.
        UnreachableError, EngineError: no manager answers.
    """
    service = named(place.fleet, name)
    door = Door(place.client, place.report.note)
    first, _ = _once(place)
    if may_pass(first):
        place.report.phase("looking again, at what may be so for a moment")
        clock.sleep(AGAIN_SECONDS)
    second, seen = _once(place)
    found = choose.of_service(service.swarm_name, lasting(first, second), seen)

    def active() -> frozenset[str]:
        return frozenset(job.run for job in door.jobs(place.fleet.name))

    left = quiesce.stale(place.client(), active)
    return Looked(
        service=service.swarm_name,
        found=found,
        why=choose.stuck(service.swarm_name, seen),
        operation=choose.operation(place.fleet.name, service.swarm_name, found, left, seen),
    )


def named(fleet: Fleet, name: str) -> Service:
    """The service of that name, as people or Swarm write it.

    Raises:
        UsageError: there is none, or it runs by compose.
    """
    found = next((one for one in fleet.services if name in (one.id, one.swarm_name)), None)
    if found is None:
        raise UsageError(
            f"the fleet has no service {name}", todo="`quorate status` shows what there is"
        )
    if found.engine is Engine.COMPOSE:
        raise UsageError(
            f"{found.id} runs by compose, and Swarm has no part in it",
            todo=f"`docker compose up -d` on its server; `quorate logs {found.id}`",
        )
    return found


def actions(place: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps do.

    Each may be done twice: restarting or removing once more hurts nobody, and a node is drained
    only while it is dead.
    """
    facts = journal.facts
    made = {str(one["step"]): Action(do=_told(_mend, place, one)) for one in facts["mends"]}
    made |= {str(one["step"]): Action(do=_told(_let_go, place, one)) for one in facts["let_go"]}
    started = datetime.fromisoformat(journal.started)
    return {**made, choose.VERIFY: Action(do=lambda facts: _verify(place, facts, started))}


def _told(
    act: Callable[[Site, Mapping[str, Any]], None], place: Site, one: Mapping[str, Any]
) -> Callable[[Facts], None]:
    return lambda facts: act(place, one)


def _mend(place: Site, told: Mapping[str, Any]) -> None:
    action = Mend.model_validate(told["action"])
    manager = place.manager()
    scene = mend.Scene(
        fleet=place.fleet, connections=place.connections, manager=manager, say=place.report.note
    )
    mend.mend(action, scene)
    if action.kind is Kind.REPLACE and told["availability"]:
        if place.snapshot().node(action.target) is None:  # it was removed meanwhile
            return
        # Killed in between, the mend itself would take what it had set for how it was.
        was = {"Availability": str(told["availability"])}
        update_node(place.client(), action.target, lambda spec: spec | was)


def _let_go(place: Site, told: Mapping[str, Any]) -> None:
    quiesce.end(place.client(), str(told["run"]))


def _verify(place: Site, facts: Facts, started: datetime) -> Facts:
    name = str(facts["service"])
    until_well(place, (name,))
    keys = {(str(check), str(subject)) for check, subject in facts["keys"]}
    deadline = clock.monotonic() + MENDED_SECONDS
    while True:
        found, seen = _once(place)
        mine = choose.of_service(name, found, seen)
        left = [one for one in faults(mine) if (one.check.value, one.key[1]) in keys]
        if not left:
            return {"rto_seconds": round((clock.now() - started).total_seconds(), 1)}
        if clock.monotonic() > deadline:
            raise DeployError(
                f"{name} is still not as it should be: {left[0].what}",
                todo=left[0].mend or "see `quorate status --deep`",
            )
        clock.sleep(AGAIN_SECONDS)


def _once(place: Site) -> tuple[tuple[Finding, ...], Snapshot]:
    place.connections.renew()
    gathered = gather(place.connections)
    if gathered.why is not None:
        raise gathered.why
    homes = known_homes(gathered.client, fleet=place.fleet.name) if gathered.client else {}
    found = decide(place.fleet, look(place.connections, gathered, homes))
    return found, gathered.snapshot
