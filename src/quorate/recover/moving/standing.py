"""Where what a move is about is held and runs now: others may have moved it since it was chosen.

What was copied and compared is the volume of one server. Where the service has gone on elsewhere
since, that volume is old, however equal the copies are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.deploy.election import through_election
from quorate.errors import RefusedError
from quorate.plan.words import listed
from quorate.recover.model import Journal, State
from quorate.recover.moving import spec
from quorate.recover.moving.model import Move, Moved, of_facts
from quorate.stacks.pools import is_ours

if TYPE_CHECKING:
    from quorate.fleet.observed import Snapshot
    from quorate.recover.site import Site


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How it stands with one service: Quorate's own constraints, and the servers it runs on.

    A service that is kept still runs on none.
    """

    held: tuple[str, ...]
    runs_on: frozenset[str]

    def words(self) -> str:
        """For people."""
        held = f"is held by {listed(self.held)}" if self.held else "is held nowhere"
        return f"it {held}" + (
            f" and runs on {listed(sorted(self.runs_on))}" if self.runs_on else ""
        )

    def at_source(self, one: Moved) -> bool:
        """Whether it is where the move takes it from."""
        return self.held == _ours(one.former) and self.runs_on <= {one.source}

    def at_target(self, one: Moved) -> bool:
        """Whether it is where the move has taken it."""
        return self.held == (one.constraint,) and self.runs_on <= {one.target}


def require_as_chosen(place: Site, move: Move) -> None:
    """See that all services are where the move takes them from, running or kept still.

    Raises:
        RefusedError: one is not.
    """
    snapshot = through_election(place.snapshot, place.report.note)
    for one in move.moved:
        found = _standing(snapshot, one)
        if found is not None and not found.at_source(one):
            raise RefusedError(
                f"{one.service} is not where it was when the move was chosen; it goes on there",
                cause=f"{found.words()}; the move takes it from {one.source}",
                todo="choose the move anew with `quorate move`; where it has begun, after "
                "`quorate operations undo`",
            )


def require_not_moved_on(place: Site, journal: Journal) -> None:
    """See that undoing would find each service at its new home, or back at its old one already.

    Raises:
        RefusedError: a later move, or somebody, has taken one elsewhere.
    """
    if journal.sealed() or journal.of("home") in (State.PLANNED, State.UNDONE):
        return  # it is refused anyway; or no home is changed by it any more
    snapshot = through_election(place.snapshot, place.report.note)
    for one in of_facts(journal.facts).moved:
        found = _standing(snapshot, one)
        if found is not None and not (found.at_target(one) or found.at_source(one)):
            raise RefusedError(
                f"{one.service} was moved on since; nothing was changed",
                cause=f"{found.words()}; this move took it from {one.source} to {one.target}",
                todo=f"undo the later move first (`quorate move --undo {one.service}`), or move: "
                f"`quorate move {one.service} --to {one.source}`",
            )


def _standing(snapshot: Snapshot, one: Moved) -> Standing | None:
    """None: it is not in the swarm, which whoever changes it says."""
    live = snapshot.service(one.swarm_name)
    if live is None:
        return None
    names = {node.id: node.hostname for node in snapshot.nodes}
    return Standing(
        held=_ours(spec.constraints(live.spec)),
        runs_on=frozenset(names.get(task.node_id or "", "") for task in snapshot.running(live)),
    )


def _ours(constraints: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(is_ours, constraints)))
