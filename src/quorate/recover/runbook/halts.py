"""The parts of step 3 that stop and start services, before, between and after the data. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import Planned
from quorate.fleet.model import Fleet
from quorate.recover.runbook import still
from quorate.recover.runbook.still import Still
from quorate.recover.runbook.words import block, login

Lines = Callable[[Sequence[Still], Mapping[str, Kind]], Iterable[str]]
"""Commands for some services, given which of them are databases."""


def stopping(fleet: Fleet, data: Sequence[Planned]) -> Iterator[str]:
    """What stops what has data open, and what needs a database."""
    yield "### Stop what uses the data"
    yield ""
    every = [(one.source, still.held(fleet, one.source)) for one in data]
    yield from _each(fleet, every, lambda found, _: still.stops(found))
    alone = [source.id for source, found in every if _alone(fleet, source, found)]
    if alone:
        yield f"No service says that it needs {', '.join(alone)} (`x-quorate: {{needs: […]}}`):"
        yield "stop whoever writes there. A Postgres that somebody is logged in to is not restored."
        yield ""


def _alone(fleet: Fleet, source: Source, found: Sequence[Still]) -> bool:
    kinds = still.databases(fleet, [source])
    return bool(kinds) and all(one.service.id in kinds for one in found)


def beginning(fleet: Fleet, data: Sequence[Planned]) -> Iterator[str]:
    """What starts databases, when volumes are there."""
    yield "### Start the databases"
    yield ""
    yield "When volumes and Redis are back; those of the next part are filled while they run. Go on"
    yield "when they are ready (`docker service ls` says 1/1)."
    yield ""
    every = [(one.source, still.held(fleet, one.source, lost=True)) for one in data]
    yield from _each(fleet, every, still.begins)


def starting(fleet: Fleet, data: Sequence[Planned]) -> Iterator[str]:
    """What starts all that was stopped."""
    yield "### Start the rest"
    yield ""
    yield "When all that is to come back is there:"
    yield ""
    every = [(one.source, still.held(fleet, one.source, lost=True)) for one in data]
    yield from _each(fleet, every, still.ends)


def _each(
    fleet: Fleet, every: Iterable[tuple[Source, Sequence[Still]]], lines: Lines
) -> Iterator[str]:
    """The commands by the place where they are typed; sources with the same ones together."""
    places: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for source, found in every:
        for place in dict.fromkeys(("", *(_place(fleet, one) for one in found))):
            mine = [one for one in found if _place(fleet, one) == place]
            typed = tuple(lines(mine, still.databases(fleet, [source])))
            if typed:
                places.setdefault(place, {}).setdefault(typed, []).append(source.id)
    for place, groups in sorted(places.items()):
        yield f"On {_who(fleet, place)}:"
        yield ""
        yield from block(
            line for typed, names in groups.items() for line in (*_named(names), *typed)
        )
    if not places:
        yield "Nothing."
        yield ""


def _named(names: Iterable[str]) -> list[str]:
    return textwrap.wrap(
        f"# {', '.join(names)}",
        still.WIDTH,
        break_on_hyphens=False,
        break_long_words=False,
        subsequent_indent="#   ",
    )


def _place(fleet: Fleet, one: Still) -> str:
    """The server where it is told; empty: any manager."""
    if not one.composed:
        return ""
    return _server(fleet, one)


def _server(fleet: Fleet, one: Still) -> str:
    stack = next(stack for stack in fleet.stacks if stack.name == one.service.stack)
    return stack.server or "its server"


def _who(fleet: Fleet, place: str) -> str:
    if not place:
        return "a manager"
    known = [server for server in fleet.servers if server.name == place]
    return f"{place} (`{login(known[0])}`)" if known else place
