"""Ask a what-if: sides, aspects, recommendation."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.fleet.model import Fleet, Service
from quorate.plan.cost import TERMS
from quorate.plan.whatif.aspects.capacity import CPU, MEMORY, Resource, room
from quorate.plan.whatif.aspects.kinds import aspects
from quorate.plan.whatif.assume import assumptions
from quorate.plan.whatif.changes import Asked, Changes, read_changes
from quorate.plan.whatif.compare import Pair, sides
from quorate.plan.whatif.model import Cause, ServerChange, ServiceChange, WhatIf
from quorate.plan.whatif.recommend import Compared, Price, recommend
from quorate.plan.whatif.scope import Scope, scope_of
from quorate.plan.whatif.settle import TIME_LIMIT
from quorate.plan.whatif.side import Homes, Side
from quorate.plan.whatif.transfer import transfers
from quorate.plan.whatif.verdict import after_loss
from quorate.plan.words import listed

PLANNED = "the present plan"


def what_if(
    fleet: Fleet,
    asked: Asked,
    present: Homes,
    *,
    replan: bool = False,
    link: float | None = None,
    present_is: str = PLANNED,
    time_limit: float = TIME_LIMIT,
) -> WhatIf:
    """The answer to a what-if.

    Args:
        present: service id → its homes, as planned or as it runs.
        replan: plan everything anew on the after side.
        link: bytes per second between servers, where known.
        present_is: what `present` is, in words.
        time_limit: seconds for the solver.

    Raises:
        UsageError: as `read_changes`; or what is asked is so already.
        InfeasibleError: with `replan`, no placement keeps the rules.
    """
    changes = read_changes(fleet, asked)
    pair = sides(fleet, changes, present, replan=replan, time_limit=time_limit)
    scope = scope_of(pair, link=link)
    before, after = pair.before, pair.after
    compared = Compared(
        before=before,
        after=after,
        scope=scope,
        aspects=aspects(before, after, scope),
        price=_price(before, after),
        names=_names(pair, scope, asked),
    )
    return WhatIf(
        fleet=fleet.name,
        asked=asked.lines(),
        before_name=compared.names[0],
        after_name=compared.names[1],
        before_is=f"{present_is}, {_from(changes)}" if changes.origins else present_is,
        after_is=_after_is(pair),
        aspects=compared.aspects,
        recommendation=(
            recommend(compared)
            if pair.outcome is None
            else after_loss(pair.settled, after, pair.outcome)
        ),
        services=tuple(_services(pair, scope)),
        servers=_servers(before, after),
        transfers=transfers(after, scope),
        pending=tuple(sorted(after.pending)),
        loss=pair.outcome,
        broken=tuple(words for words in after.broken if words not in before.broken),
        overridden=pair.overridden,
        price=dict(compared.price),
        assumptions=assumptions(pair, scope),
    )


def _price(before: Side, after: Side) -> Price:
    """By term, where either side pays any. Moving itself is no lasting cost."""
    return {
        term: (before.price[term], after.price[term])
        for term in TERMS
        if term != "move" and (before.price[term] or after.price[term])
    }


def _names(pair: Pair, scope: Scope, asked: Asked) -> tuple[str, str]:
    """What each side is called: `gitlab on hppavilion`, or the change itself."""
    if len(scope.subjects) == 1:
        name = scope.subjects[0]
        both = [sorted(set(side.homes[name])) for side in (pair.before, pair.after)]
        if both[0] != both[1]:
            return f"{name} on {listed(both[0])}", f"{name} on {listed(both[1])}"
    return "things as they are", " ".join(asked.lines())


def _from(changes: Changes) -> str:
    return listed([f"{name} on {listed(at)}" for name, at in changes.origins.items()])


def _after_is(pair: Pair) -> str:
    forced = [name for name, cause in pair.causes.items() if cause is Cause.FORCED]
    if pair.replanned:
        text = "the whole fleet planned anew around what is asked"
    elif forced:
        text = f"what is asked, and what that forces: {listed(sorted(forced))}"
    else:
        text = "what is asked; everything else stays where it is"
        if pair.changes.added or pair.changes.resized or pair.changes.unpinned:
            text += " (--replan would move what is better off elsewhere)"
    return text + ("; then what Swarm does about the loss" if pair.changes.lost else "")


def _services(pair: Pair, scope: Scope) -> Iterator[ServiceChange]:
    before, after = pair.before, pair.after
    for name, cause in pair.causes.items():
        service: Service = after.services.get(name) or before.services[name]
        yield ServiceChange(
            id=name,
            before=before.homes.get(name, ()),
            after=after.homes.get(name, ()),
            pending=after.pending.get(name, 0),
            cause=cause,
            why=_why(name, pair),
            memory=service.load.memory,
            memory_peak=max(service.load.memory, service.load.memory_peak),
            cpu=service.load.cpu,
            cpu_peak=max(service.load.cpu, service.load.cpu_peak),
            memory_room_before=_room(before, name, MEMORY),
            memory_room_after=_room(after, name, MEMORY),
            cpu_room_before=_room(before, name, CPU),
            cpu_room_after=_room(after, name, CPU),
        )


def _room(side: Side, name: str, resource: Resource) -> float | None:
    if name not in side.services or not side.homes[name]:
        return None
    return round(min(room(side, side.services[name], resource).values()), 6)


def _why(name: str, pair: Pair) -> str:
    after = pair.after
    if name not in after.services:
        return "taken out"
    if name in after.pending:
        lost = listed([server.name for server in after.lost])
        if pair.outcome and name in pair.outcome.waits:
            return f"waits for {lost}: {pair.settled.pools[name].why}"
        return "no server has room for it"
    return {
        Cause.ASKED: "as asked",
        Cause.FORCED: "a rule leaves it no other way",
        Cause.SWARM: _swarms(name, pair),
        Cause.REPLANNED: "better there in the new plan",
        Cause.GLOBAL: "one task on every server it reaches",
    }[pair.causes[name]]


def _swarms(name: str, pair: Pair) -> str:
    places = pair.outcome.moved.get(name, ()) if pair.outcome else ()
    others = [place for place in places if place not in pair.after.homes[name]]
    more = f"; it might be {listed(others)} as well" if others else ""
    return f"placed by Swarm after the loss{more}"


def _servers(before: Side, after: Side) -> dict[str, ServerChange]:
    names = dict.fromkeys((*before.uses, *after.uses))
    return {
        name: ServerChange(before=before.uses.get(name), after=after.uses.get(name))
        for name in names
    }
