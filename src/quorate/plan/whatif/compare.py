"""From a question to its two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.errors import InfeasibleError, UsageError
from quorate.fleet.model import Engine, Fleet
from quorate.plan.conflict import conflict
from quorate.plan.model import LossOutcome
from quorate.plan.problem import GLOBAL_MODES, build
from quorate.plan.whatif.apply import apply
from quorate.plan.whatif.changes import Changes
from quorate.plan.whatif.loss import lose
from quorate.plan.whatif.model import Cause
from quorate.plan.whatif.settle import TIME_LIMIT, optimum, settle
from quorate.plan.whatif.side import Homes, Side, side_of


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both sides, what was asked, and why each service that differs does.

    `settled` is the after side as it is before servers are lost, `outcome` what their
    loss does (None when none are).
    """

    before: Side
    after: Side
    changes: Changes
    causes: Mapping[str, Cause]
    overridden: tuple[str, ...]
    replanned: bool
    settled: Side
    outcome: LossOutcome | None


def sides(
    fleet: Fleet,
    changes: Changes,
    present: Homes,
    *,
    replan: bool = False,
    time_limit: float = TIME_LIMIT,
) -> Pair:
    """Both sides of a question.

    Args:
        present: service id → its homes as planned, or as it runs.
        replan: plan the whole fleet anew instead of leaving the rest where it is.
        time_limit: seconds for the solver.

    Raises:
        UsageError: what is asked is so already.
        InfeasibleError: with `replan`, no placement keeps the rules.
    """
    origin = apply(fleet, Changes(moves=changes.origins))
    before = _settled(side_of(origin.fleet, present), changes.origins, mend=False)
    applied = apply(_from(fleet, origin.fleet, changes), changes)
    base = side_of(applied.fleet, before.homes)
    forced = _hosts(base, changes.moves)
    if replan:
        found = optimum(base, forced, time_limit=time_limit)
        if found is None:
            raise _infeasible(applied.fleet, changes)
        after = found
    else:
        after = _settled(base, changes.moves, time_limit=time_limit)
    settled = after
    loss = lose(settled, changes.lost) if changes.lost else None
    after = loss.side if loss else settled
    _require_difference(fleet, changes, before)
    return Pair(
        before=before,
        after=after,
        changes=changes,
        causes=_causes(before, settled, after, changes, replan=replan),
        overridden=applied.overridden,
        replanned=replan,
        settled=settled,
        outcome=loss.outcome if loss else None,
    )


def _from(fleet: Fleet, origin: Fleet, changes: Changes) -> Fleet:
    """The fleet where what only comes from elsewhere (and is not moved) may stay there."""
    stays = changes.origins.keys() - changes.named
    found = {service.id: service for service in origin.services if service.id in stays}
    services = tuple(found.get(service.id, service) for service in fleet.services)
    return fleet.model_copy(update={"services": services})


def _settled(
    side: Side,
    moves: Mapping[str, tuple[str, ...]],
    *,
    mend: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Side:
    return settle(side, _hosts(side, moves), mend=mend, time_limit=time_limit)


def _hosts(side: Side, moves: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(side.host(server) for server in at) for name, at in moves.items()}


def _infeasible(fleet: Fleet, changes: Changes) -> InfeasibleError:
    services = tuple(
        service.model_copy(update={"pins": tuple(sorted(set(changes.moves[service.id])))})
        if service.id in changes.moves
        else service
        for service in fleet.services
    )
    return conflict(build(fleet.model_copy(update={"services": services})))


def _causes(
    before: Side, settled: Side, after: Side, changes: Changes, *, replan: bool
) -> dict[str, Cause]:
    found: dict[str, Cause] = {}
    stacks = set(changes.stacks)
    for service in (*before.fleet.services, *after.fleet.services):
        name = service.id
        asked = name in changes.named or service.stack in stacks
        if before.homes.get(name) == after.homes.get(name) and name not in changes.scaled:
            continue
        if service.mode in GLOBAL_MODES and not asked:
            found[name] = Cause.GLOBAL
        elif settled.homes.get(name) != after.homes.get(name) and not asked:
            found[name] = Cause.SWARM
        elif asked:
            found[name] = Cause.ASKED
        else:
            found[name] = Cause.REPLANNED if replan else Cause.FORCED
    return found


def _require_difference(fleet: Fleet, changes: Changes, before: Side) -> None:
    """A question whose sides are the same is a slip of its writer."""
    there = [name for name, at in changes.moves.items() if before.homes[name] == at]
    for stack in fleet.stacks:
        if stack.engine is Engine.COMPOSE and changes.stacks.get(stack.name) == stack.server:
            there.append(stack.name)
    if there and len(there) == len(changes.moves) + len(changes.stacks) and changes.only_moves:
        name = there[0]
        at = ",".join(changes.moves.get(name, ())) or changes.stacks[name]
        raise UsageError(
            f"--move {name}={at}: {name} is there already",
            todo=f"to compare with another server, say where it would come from: "
            f"--from {name}=SERVER --move {name}={at}",
        )
