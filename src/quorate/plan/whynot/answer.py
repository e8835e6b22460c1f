"""What would have to change for a service to be on a named server.

First the hard rules, one after another: each is lifted in the fleet, and the placement
with the service there is looked at again until it keeps them all. Then the price: by
which single figure the planner would put it there of its own accord, found by trying,
and checked by planning anew with that figure.
"""

from __future__ import annotations

from quorate.fleet.model import Engine, Service
from quorate.plan.cost import TERMS
from quorate.plan.rules import forbidden
from quorate.plan.whatif.side import Side, side_of
from quorate.plan.whynot.lift import next_step
from quorate.plan.whynot.model import Step, Turn, WhyNot
from quorate.plan.whynot.there import There, first, key
from quorate.plan.whynot.turns import goes_there, turns_of

MOST_STEPS = 40

LARGEST_RESOLVED = 2_000
"""Services up to which a changed figure is checked by planning the whole fleet anew."""


def why_not(side: Side, service: Service, target: str, *, time_limit: float) -> WhyNot:
    """What would have to change for one of the service's tasks to be on `target`."""
    if service.id not in side.problem.item_of:
        return _given(side, service, target)
    there = There(fleet=side.fleet, homes=side.homes, target=target, moving=(service.id,))
    steps: list[Step] = []
    before = {key(rule) for rule in side.broken_rules}
    for _ in range(MOST_STEPS):
        found = next_step(there, service, before)
        if found is None:
            break
        step, there = found
        steps.append(step)
        if not step.verified:
            break
    possible = all(step.verified for step in steps)
    along = tuple(name for name in there.moving if name != service.id)
    if not possible or first(there, before) is not None:
        return WhyNot(
            server=target, steps=tuple(steps), allowed=False, along=along,
            words=f"there is no simple way to have {service.id} on {target}",
        )  # fmt: skip
    return _priced(there, service, tuple(steps), along, time_limit)


def _priced(
    there: There, service: Service, steps: tuple[Step, ...], along: tuple[str, ...], limit: float
) -> WhyNot:
    here = side_of(there.fleet, there.homes)
    moved = there.side()
    extra = {
        term: moved.price[term] - here.price[term]
        for term in TERMS
        if moved.price[term] != here.price[term]
    }
    points = sum(extra.values())
    small = len(there.fleet.services) <= LARGEST_RESOLVED
    goes = goes_there(there.fleet, service, there.target, limit) if small else points < 0
    turns = () if goes else tuple(turns_of(there, service, limit, small=small))
    return WhyNot(
        server=there.target,
        steps=steps,
        allowed=True,
        extra=extra,
        points=points,
        moves_then=goes,
        along=along,
        turns=turns,
        words=_words(service, there.target, points, goes=goes, turns=turns),
    )


def _words(
    service: Service, target: str, points: int, *, goes: bool, turns: tuple[Turn, ...]
) -> str:
    if goes:
        return f"then the planner puts {service.id} on {target} by itself"
    text = f"then {service.id} may be on {target}, and costs {points:,} points more there"
    if not turns:
        return f"{text}; no single figure brings the planner to prefer it"
    return f"{text}; one of these figures brings the planner to prefer it"


def _given(side: Side, service: Service, target: str) -> WhyNot:
    """A service whose servers are given: by its constraints, or by its compose stack."""
    if service.engine is Engine.COMPOSE:
        step = Step(
            rule="compose",
            what=f"the stack {service.stack} is run by docker compose elsewhere",
            change=f"set `server: {target}` of the stack {service.stack}, and move its data",
            verified=True,
        )
        return WhyNot(server=target, steps=(step,), allowed=True, words="it moves by hand, whole")
    host = side.host(target)
    steps = tuple(
        Step(rule=kind, what=f"{service.id}: {words}", change=_lift(kind, words), verified=True)
        for kind, words, out in forbidden(side.problem, service)
        if host in out
    )
    words = "then it has a task there, as it is global"
    return WhyNot(server=target, steps=steps, allowed=True, moves_then=True, words=words)


def _lift(kind: str, words: str) -> str:
    if kind == "pin":
        return "add the server to its pin, or take the pin out"
    expression = words.removeprefix("its constraint ").removesuffix(" excludes it")
    return f"take out the constraint {expression}, or make the server satisfy it"
