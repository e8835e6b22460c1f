"""The verb `adopt` as its visible steps: look, match, plan, choose, ask, carry out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quorate import operating
from quorate.deploy.checks import Scale, Severity
from quorate.deploy.preflight import preflight
from quorate.deploy.prepare import read_contents
from quorate.deploy.swarm_setup import execute
from quorate.deploy.swarm_steps import steps as setup_steps
from quorate.deploy.unfilled import refuse_unfilled
from quorate.errors import RefusedError, UsageError
from quorate.fleet.observed import Snapshot
from quorate.observe.whereabouts import where_now
from quorate.plan.solve import make_plan
from quorate.recover.adopt.choose import KIND, Scene, choose, finishing
from quorate.recover.adopt.deploying import rendered_of
from quorate.recover.adopt.look import look
from quorate.recover.adopt.match import Matches, match
from quorate.recover.adopt.model import Adopted
from quorate.recover.adopt.part import rendered_part
from quorate.recover.model import Journal, State

if TYPE_CHECKING:
    from quorate.deploy.progress import Reporter
    from quorate.deploy.swarm_state import SwarmState
    from quorate.recover.model import Operation
    from quorate.recover.site import Site
    from quorate.workflows import Opened

Confirm = Callable[["Operation", tuple[str, ...]], bool]
"""Given what is to be done, and how the swarm is set up before; empty where it is."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was decided; what came of it, None: it was only shown. `setup`: of the swarm."""

    operation: Operation
    setup: tuple[str, ...] = ()
    journal: Journal | None = None


def adopt(
    opened: Opened,
    names: Sequence[str],
    *,
    report: Reporter,
    confirm: Confirm,
    dry_run: bool = False,
    time_limit: float | None = None,
) -> Result:
    """Adopt these services; all that containers run for, if none is named.

    Raises:
        UsageError: a name of no service, or nothing to adopt.
        RefusedError: not confirmed, or something would not come along.
        CheckError: a secret without a value, or one that an import left open.
        InfeasibleError: no placement holds.
        MachineError: a server is not as needed. Otherwise as `operating.carry_out`.
    """
    with operating.site(opened, report) as place:
        report.phase("looking at the servers")
        state = _swarm(opened, place)
        setup = tuple(step.describe() for step in setup_steps(opened.fleet, state))
        works = any(member.works for member in state.members.values())
        snapshot = place.snapshot() if works else Snapshot(taken_at=datetime.now(UTC))
        scene = _scene(place, snapshot, time_limit)
        operation = choose(scene, names)
        _require_values(place, scene, operation)
        if dry_run:
            return Result(operation=operation, setup=setup)

        def agreed(shown: Operation) -> bool:
            """The swarm is made before the first step: journals are kept in it."""
            if not confirm(shown, setup):
                return False
            if setup:
                report.phase("setting up the swarm")
                execute(
                    opened.fleet,
                    place.connections,
                    setup_steps(opened.fleet, state),
                    state,
                    report.note,
                )
            return True

        journal = operating.carry_out(place, operation, confirm=agreed)
        return Result(operation=operation, setup=setup, journal=journal)


def finish(
    opened: Opened,
    *,
    report: Reporter,
    confirm: Callable[[tuple[Adopted, ...], Journal], bool],
    identity: str = "",
) -> Journal:
    """Remove the containers that an adoption has kept; then it cannot be undone any more.

    Raises:
        UsageError: there is none to finish. RefusedError: not confirmed, or one of them runs.
        LockedError: somebody else is at it, or an operation is not over.
    """
    with operating.site(opened, report) as place:
        journal = _adoption(place, identity)
        adopted = _adopted(journal)
        if not confirm(adopted, journal):
            raise RefusedError("not confirmed; nothing was removed")
        return operating.further(place, journal.id, [finishing(adopted)])


def undo(
    opened: Opened,
    *,
    report: Reporter,
    confirm: Callable[[tuple[Adopted, ...], Journal], bool],
    identity: str = "",
) -> Journal:
    """Remove the services again and start the containers that they took the place of.

    Raises:
        UsageError: there is none to undo. RefusedError: not confirmed.
        LockedError: somebody else is at it.
    """
    with operating.site(opened, report) as place:
        journal = _adoption(place, identity, unfinished=True)
        if not confirm(_adopted(journal), journal):
            raise RefusedError("not confirmed; nothing was changed")
        return operating.undo(place, journal.id)


def _adoption(place: Site, identity: str, *, unfinished: bool = False) -> Journal:
    """The newest adoption that can still be undone, or the one with this id."""
    states = (State.DONE, State.BEGUN) if unfinished else (State.DONE,)
    for journal in reversed(place.in_swarm().all()):
        if journal.operation.kind != KIND or (identity and journal.id != identity):
            continue
        if journal.state in states and not journal.sealed():
            return journal
    which = f"the adoption {identity}" if identity else "any adoption"
    raise UsageError(
        f"there is nothing of {which} left to finish or undo",
        todo="see all with `quorate operations list`",
    )


def _adopted(journal: Journal) -> tuple[Adopted, ...]:
    return tuple(Adopted.model_validate(one) for one in journal.operation.facts["adopted"])


def _swarm(opened: Opened, place: Site) -> SwarmState:
    """What swarm there is, every server checked as `up` does.

    Raises:
        MachineError: with every reason not to go on.
    """
    lab = opened.lab
    scale = Scale(memory=lab.memory_factor, cpu=lab.cpu_factor) if lab else Scale()
    found = preflight(opened.fleet, place.connections, scale=scale, say=place.report.note)
    found.raise_errors()
    for finding in found.findings:
        if lab is None and finding.severity is not Severity.NOTE:
            place.report.note(str(finding))
    return found.swarm


def _scene(place: Site, snapshot: Snapshot, time_limit: float | None) -> Scene:
    """What runs outside of Swarm, whose it is, and where all of it would live."""
    fleet = place.fleet
    seen = look(place.connections)
    for server, error in seen.errors.items():
        place.report.note(f"{server} was not asked: {error.what}")
    found = [one for there in seen.results.values() for one in there.containers]
    matches = match(fleet, found)
    place.report.phase("planning")
    plan = make_plan(
        fleet,
        current={**where_now(fleet, snapshot), **_where(matches)},
        time_limit=time_limit,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Scene(
        fleet=fleet,
        plan=plan,
        rendered=rendered_of(place, fleet, plan),
        snapshot=snapshot,
        matches=matches,
        networks={server: there.networks for server, there in seen.results.items()},
    )


def _where(matches: Matches) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted(one.server for one in containers))
        for name, containers in matches.of.items()
    }


def _require_values(place: Site, scene: Scene, operation: Operation) -> None:
    """Nothing is begun that lacks a value: a secret's, or one that an import left open."""
    adopted = tuple(Adopted.model_validate(one) for one in operation.facts["adopted"])
    part = rendered_part(scene.rendered, adopted)
    refuse_unfilled(part)
    read_contents(place.fleet, part)
