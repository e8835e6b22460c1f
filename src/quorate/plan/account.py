"""`quorate explain`: why a service is where it is, in full.

Memory and disk in bytes, CPU in threads: of the server's own where Swarm counts
reservations, of a speed-1.0 thread where load is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from quorate.errors import UsageError
from quorate.fleet.model import Engine, Fleet, Model, Service
from quorate.plan.assemble import moves
from quorate.plan.explain import Explainer
from quorate.plan.margin import Margin, margins
from quorate.plan.model import Plan
from quorate.plan.whatif.names import find_server, find_service
from quorate.plan.whatif.side import Side, side_of
from quorate.plan.whynot.answer import why_not
from quorate.plan.whynot.model import WhyNot


class Elsewhere(Model):
    """Another server: the rule that forbids it, or what it would add to the price."""

    server: str
    possible: bool
    rule: str | None = Field(None, description="Kind of the first rule that forbids it.")
    words: str
    points: int | None = Field(None, description="What it would cost more, in points.")
    terms: dict[str, int] = Field(default_factory=dict, description="The same by goal.")


class Account(Model):
    """Why a service is where it is, what speaks against every other server, what room it has."""

    service: str
    stack: str
    homes: tuple[str, ...]
    pool: tuple[str, ...]
    movable: bool
    reasons: tuple[str, ...]
    elsewhere: tuple[Elsewhere, ...]
    margins: tuple[Margin, ...]
    next_best: str | None = Field(None, description="The cheapest other server that may have it.")
    why_not: WhyNot | None = None
    assumed: tuple[str, ...] = ()


def account(
    fleet: Fleet, plan: Plan, name: str, *, server: str | None = None, time_limit: float = 10.0
) -> Account:
    """The full account of one service under a plan.

    Args:
        name: of the service: its id, `stack/name` or swarm name.
        server: also say what would have to change for it to be there.
        time_limit: seconds for each plan made to verify such a change.

    Raises:
        UsageError: no such service or server, or it is there already.
    """
    service = find_service("explain", name, fleet)
    side = side_of(fleet, {i: placement.homes for i, placement in plan.services.items()})
    target = None
    if server is not None:
        target = find_server("--why-not", server, {s.name: s for s in fleet.servers})
        _require_elsewhere(service, side, target)
    placement = plan.services.get(service.id)
    elsewhere = tuple(_elsewhere(side, service))
    possible = [one for one in elsewhere if one.points is not None]
    return Account(
        service=service.id,
        stack=service.stack,
        homes=side.homes[service.id],
        pool=placement.pool if placement else (),
        movable=placement.movable if placement else service.movable,
        reasons=placement.reasons if placement else ("it runs nowhere",),
        elsewhere=elsewhere,
        margins=margins(side, service),
        next_best=min(possible, key=lambda one: (one.points or 0, one.server)).server
        if possible
        else None,
        why_not=None if target is None else why_not(side, service, target, time_limit=time_limit),
        assumed=service.assumed,
    )


def _require_elsewhere(service: Service, side: Side, target: str) -> None:
    if target in side.homes[service.id]:
        raise UsageError(f"--why-not {target}: {service.id} is there")
    if not side.homes[service.id]:
        raise UsageError(
            f"--why-not {target}: {service.id} runs nowhere",
            cause="it has 0 replicas, or no server may have it",
        )


def _elsewhere(side: Side, service: Service) -> Iterator[Elsewhere]:
    there = side.occupancy
    explainer = Explainer(there, moves(there))
    if service.id not in side.problem.item_of:
        pool = side.pools[service.id]
        for server, words in explainer.explain(service, pool).rejected.items():
            rule = "compose" if service.engine is Engine.COMPOSE else "constraint"
            yield Elsewhere(server=server, possible=False, rule=rule, words=words)
        return
    for one in explainer.moves.alternatives(service):
        if one.rule is not None:
            yield Elsewhere(server=one.server, possible=False, rule=one.rule.kind, words=one.words)
        else:
            terms = {term: points for term, points in one.points.items() if points}
            yield Elsewhere(
                server=one.server, possible=True, words=one.words, points=one.total, terms=terms
            )
