"""What managers without tasks would bring, and what that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.fleet.model import Engine, Fleet
from quorate.plan.model import Plan
from quorate.plan.problem import GLOBAL_MODES
from quorate.plan.scene import scene
from quorate.plan.whatif.apply import without_servers
from quorate.plan.whatif.settle import settle
from quorate.plan.whatif.side import Side, side_of
from quorate.plan.words import listed
from quorate.predict.losses import Losses
from quorate.predict.tune_losses import Seen, every, fullest, mean, see
from quorate.predict.tune_model import Drained, Outage
from quorate.predict.tune_room import Unplaced, tight, unplaced

ALONE = 3
"""Managers drained one at a time: those with the fewest services."""

SECONDS = 5.0
"""For the solver, to find the placement that moves the fewest tasks."""


def drained(fleet: Fleet, plan: Plan, losses: Losses) -> Iterator[Drained]:
    """How it is, then all managers drained, then some of them one at a time.

    What still has room stays; the rest goes where it costs least, and others move only where a
    rule leaves no other way. Stacks under docker compose stay, as draining does not move them.

    Args:
        losses: of the plan, with the settings that are to be.
    """
    managers = losses.managers
    present = unplaced(losses.start, fullest(losses), managers)
    server, share = _reserved(plan)
    yield Drained(fullest=server, share=share, outage=_outage(losses))
    services = dict(zip(losses.nodes, map(len, losses.start.at), strict=True))
    alone = sorted(managers, key=lambda name: services[name])[:ALONE]
    for names in dict.fromkeys([tuple(managers), *((name,) for name in alone)]):
        if names:
            yield _drain(fleet, plan, losses, names, present)


def _drain(
    fleet: Fleet, plan: Plan, losses: Losses, names: tuple[str, ...], present: Unplaced
) -> Drained:
    rest = _rest(fleet, names)
    if not rest.servers:
        return Drained(managers=names, against="no server would be left to run services")
    homes = {
        name: tuple(at for at in placement.homes if at not in names)
        for name, placement in plan.services.items()
    }
    side = settle(side_of(rest, homes), {}, time_limit=SECONDS)
    against = "; ".join(_against(side, rest, names))
    if against:
        return Drained(managers=names, against=against)
    moved = [
        service
        for service in rest.services
        if service.mode not in GLOBAL_MODES and _away(service.id, side, plan)
    ]
    server, share = _reserved(side.plan)
    start = scene(rest, side.plan)
    after = Losses(
        start,
        seed=losses.seed,
        courses=losses.courses,
        clock=losses.timing,
        manners=losses.behaviours,
        drained=names,
    )
    return Drained(
        managers=names,
        moves=tuple(service.id for service in moved),
        data=tuple(service.id for service in moved if not service.movable),
        fullest=server,
        share=share,
        outage=_outage(after),
        tight=tuple(tight(present, unplaced(start, fullest(after), after.managers))),
    )


def _rest(fleet: Fleet, names: Sequence[str]) -> Fleet:
    """The fleet as its scheduler sees it: without these servers, and what stays on them."""
    gone = set(names)
    stacks = {s.name for s in fleet.stacks if s.engine is Engine.COMPOSE and s.server in gone}
    rest = without_servers(fleet, gone)
    return rest.model_copy(
        update={"services": tuple(s for s in rest.services if s.stack not in stacks)}
    )


def _against(side: Side, rest: Fleet, names: Sequence[str]) -> Iterator[str]:
    """Why they cannot be drained, in words."""
    pending = [service for service in rest.services if service.id in side.pending]
    pinned = [s.id for s in pending if s.pins and not set(s.pins) - set(names)]
    if pinned:
        yield f"{listed(pinned)} may run on no other server"
    others = [service.id for service in pending if service.id not in pinned]
    if others:
        yield f"no other server has room, by the rules, for {listed(others)}"
    if not pending:
        yield from side.broken


def _away(name: str, side: Side, plan: Plan) -> bool:
    placement = plan.services.get(name)
    return placement is not None and tuple(sorted(placement.homes)) != side.homes[name]


def _reserved(plan: Plan) -> tuple[str, float]:
    """The server with the highest share of its memory reserved, and the share."""
    shares = {
        name: use.memory.reserved / use.memory.capacity
        for name, use in plan.servers.items()
        if use.memory.capacity
    }
    name = max(shares, key=lambda name: shares[name], default="")
    return name, round(shares.get(name, 0.0), 3)


def _outage(losses: Losses) -> Outage:
    names = dict.fromkeys((*fullest(losses), *losses.managers))
    asked = list(every(names, losses.managers))
    leading = see(losses, [one for one in asked if one.leads])
    others = see(losses, [one for one in asked if not one.leads])
    highs = leading.highs | others.highs
    worst = max(highs, key=lambda name: highs[name], default="")
    return Outage(
        mean=_mean(leading, others),
        leader=_mean(leading),
        worst=worst,
        worst_high=round(highs.get(worst, 0.0), 2),
    )


def _mean(*seen: Seen) -> float:
    """The mean over all losses, those included after which nothing is to come back."""
    times = [time for each in seen for time in each.times]
    return round(mean([*times, (0.0, sum(each.quiet for each in seen))]), 2) if times else 0.0
