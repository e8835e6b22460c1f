"""The next hard rule in the way, and the fleet without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quorate.fleet.model import Service
from quorate.plan.rules import Rule, allowed, capacity_of, forbidden, sharing
from quorate.plan.whatif.side import Side
from quorate.plan.whynot.capacity import FACTOR, amount, capacity, least, units_of
from quorate.plan.whynot.model import Step
from quorate.plan.whynot.there import Key, There, broken, first, key
from quorate.plan.words import listed

Change = tuple[There | None, str]
"""The fleet without the rule (None: no simple way), and what was done to it."""


def next_step(there: There, service: Service, before: set[Key]) -> tuple[Step, There] | None:
    """The next thing in the way and the fleet without it; None when nothing is."""
    own = _own(there)
    if own is not None:
        return own
    rule = first(there, before)
    if rule is None:
        return None
    resource = capacity_of(rule)
    if resource is not None:
        changed, text = _room(there, rule, resource, before)
    else:
        changed, text = _BY_KIND.get(rule.kind, _stuck)(there, rule, service)
    gone = changed is not None and key(rule) not in map(key, broken(changed, before))
    step = Step(rule=rule.kind, what=rule.words, change=text, verified=gone)
    return step, changed or there


def _own(there: There) -> tuple[Step, There] | None:
    """Pins or a constraint of what moves that forbid the server; pins of all in one step."""
    side = there.side()
    host = side.host(there.target)
    found = [
        (name, kind, words)
        for name in there.moving
        for kind, words, out in forbidden(side.problem, side.services[name])
        if host in out
    ]
    if not found:
        return None
    kind = found[0][1]
    same = [one for one in found if one[1] == kind] if kind == "pin" else found[:1]
    names = listed([name for name, *_ in same], most=8)
    changed = there
    if kind == "pin":
        for name, *_ in same:
            changed = changed.change(name, pins=(*side.services[name].pins, there.target))
        text = f"add {there.target} to the pin of {names}, or take it out"
    else:
        expression = found[0][2].removeprefix("its constraint ").removesuffix(" excludes it")
        kept = tuple(c for c in side.services[names].constraints if c != expression)
        changed = changed.change(names, constraints=kept)
        text = f"take the constraint {expression} out of {names}"
    after = changed.side()
    gone = not any(
        host in out and (words == same[0][2] or other == "pin" == kind)
        for name, *_ in same
        for other, words, out in forbidden(after.problem, after.services[name])
    )
    step = Step(rule=kind, what=f"{names}: {same[0][2]}", change=text, verified=gone)
    return step, changed


def _along(there: There, rule: Rule, service: Service) -> Change:
    """`near` or a shared volume: the others come along, or the wish goes.

    Data that is shared is not divided: all who use it come along, whatever pins them.
    """
    side = there.side()
    host = side.host(there.target)
    joined = _joined(side, there)
    if not joined:
        return None, "no simple way"
    other = joined[0]
    if rule.kind == "near" and host not in allowed(side.problem, other):
        changed = there
        for name in (*there.moving, other.id):
            one = changed.side().services[name]
            mates = {other.id, *there.moving} - {name}
            kept = tuple(near for near in one.near if _id(side, one, near) not in mates)
            changed = changed.change(name, near=kept)
        return changed, f"give up that {service.id} is near {other.id}, or move {other.id} along"
    while joined and rule.kind == "volume":
        there = replace(there, moving=(*there.moving, *(mate.id for mate in joined)))
        joined = _joined(there.side(), there)
    if rule.kind == "near":
        there = replace(there, moving=(*there.moving, other.id))
    names = [name for name in there.moving if name != service.id]
    return there, f"move {listed(names, most=8)} along"


def _joined(side: Side, there: There) -> list[Service]:
    """The services that must share a server with one that moves, and do not move yet."""
    moving = set(there.moving)
    users = [{user.id for user in group} for group in sharing(side.problem).values()]
    return [
        other
        for other in side.fleet.services
        if other.id in side.problem.item_of
        and other.id not in moving
        and (
            any(_id(side, other, name) in moving for name in other.near)
            or any(_near(side, side.services[name], other) for name in moving)
            or any(other.id in group and group & moving for group in users)
        )
    ]


def _near(side: Side, service: Service, other: Service) -> bool:
    return any(_id(side, service, name) == other.id for name in service.near)


def _id(side: Side, service: Service, name: str) -> str | None:
    found = side.problem.find(service, name)
    return found.id if found else None


def _apart(there: There, rule: Rule, service: Service) -> Change:
    changed = there
    for one in there.fleet.services:
        if one.apart and (one.id in there.moving or there.target in there.homes[one.id]):
            changed = changed.change(one.id, apart=())
    return changed, "give up that they are apart, or move the other one away"


def _port(there: There, rule: Rule, service: Service) -> Change:
    return there.change(service.id, ports=()), "publish another port, or none, on the server"


def _copies(there: There, rule: Rule, service: Service) -> Change:
    changed = there.change(service.id, max_replicas_per_node=0)
    return changed, "raise max_replicas_per_node"


def _stuck(there: There, rule: Rule, service: Service) -> Change:
    return None, "no simple way"


_BY_KIND: dict[str, Callable[[There, Rule, Service], Change]] = {
    "near": _along,
    "volume": _along,
    "apart": _apart,
    "host-port": _port,
    "max-replicas": _copies,
}


def _room(there: There, rule: Rule, resource: int, before: set[Key]) -> Change:
    """The least capacity of the server that keeps the rule."""
    server = there.side().server(there.target)

    def enough(units: int) -> bool:
        trial = there.resize(**capacity(server, resource, units))
        return all(capacity_of(r) != resource for r in broken(trial, before))

    now = units_of(server, resource)
    needed = least(now, max(now, 1) * FACTOR, enough)
    if needed is None:
        return None, f"{there.target} is far too small"
    text = f"give {there.target} {amount(resource, needed)} instead of {amount(resource, now)}"
    return there.resize(**capacity(server, resource, needed)), f"{text}, or free as much there"
