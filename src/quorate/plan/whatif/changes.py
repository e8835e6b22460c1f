"""What is asked, read against the fleet: every name found, every contradiction named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from quorate.errors import UsageError
from quorate.fleet.model import Engine, Fleet, Server, Service
from quorate.plan.problem import GLOBAL_MODES
from quorate.plan.whatif.hardware import added, resized
from quorate.plan.whatif.names import (
    bad,
    compose_stack,
    find_server,
    find_service,
    find_services,
    pair,
    words,
)

T = TypeVar("T")

MOST_REPLICAS = 10_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options as given: each a list of `NAME=…` or names."""

    move: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    lose: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    resize: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()
    unpin: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """As one reads them on the command line."""
        return tuple(
            f"--{option} {text}"
            for option, texts in (
                ("from" if k == "origin" else k, v) for k, v in vars(self).items()
            )
            for text in texts
        )


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The changes, by id and by server name.

    `moves` and `origins` map a service to a server for each of its tasks;
    `stacks` moves compose stacks whole; `resized` holds the servers as they would be.
    """

    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stacks: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    added: tuple[Server, ...] = ()
    resized: Mapping[str, Server] = field(default_factory=dict)
    scaled: Mapping[str, int] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unpinned: frozenset[str] = frozenset()

    @property
    def only_moves(self) -> bool:
        """Whether nothing but moves is asked."""
        return not (
            *self.lost,
            *self.added,
            *self.resized,
            *self.scaled,
            *self.without,
            *self.pins,
            *self.unpinned,
        )

    @property
    def named(self) -> tuple[str, ...]:
        """Services that an option other than `--lose` names."""
        return tuple(
            dict.fromkeys((*self.moves, *self.scaled, *self.without, *self.pins, *self.unpinned))
        )


def read_changes(fleet: Fleet, asked: Asked) -> Changes:
    """The options against a fleet.

    Raises:
        UsageError: an unknown name, a figure that is none, an impossible move or a
            contradiction between options; or nothing was asked.
    """
    if not any(texts for option, texts in vars(asked).items() if option != "origin"):
        raise UsageError(
            "nothing was asked",
            todo="say what would change: --move SERVICE=SERVER, --lose SERVER, "
            "--add name=…,memory=…,cpus=…, --resize SERVER=memory=…, --scale SERVICE=N, "
            "--without SERVICE, --pin SERVICE=SERVER or --unpin SERVICE",
        )
    new = tuple(added(fleet, text) for text in asked.add)
    servers = {s.name: s for s in (*fleet.servers, *new)}
    if len(servers) < len(fleet.servers) + len(new):
        raise UsageError("--add: two of the servers have the same name")
    lost = tuple(dict.fromkeys(find_server("--lose", text, servers) for text in asked.lose))
    if len(lost) >= len(servers):
        raise UsageError("--lose: no server would be left", todo="leave at least one")
    scaled = _once("--scale", (_scaled(fleet, text) for text in asked.scale))
    moves, stacks = _moves("--move", fleet, asked.move, servers, scaled)
    origins, _ = _moves("--from", fleet, asked.origin, {s.name: s for s in fleet.servers}, {})
    changes = Changes(
        moves=moves,
        origins=origins,
        stacks=stacks,
        lost=lost,
        added=new,
        resized=_once("--resize", (resized(text, servers) for text in asked.resize)),
        scaled=scaled,
        without=frozenset(
            s.id for t in asked.without for s in find_services("--without", t, fleet)
        ),
        pins=_once("--pin", (_pin(fleet, text, servers) for text in asked.pin)),
        unpinned=frozenset(_swarm("--unpin", fleet, text).id for text in asked.unpin),
    )
    _contradictions(changes)
    return changes


def _once(option: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """As a mapping; the same name twice with different values is a contradiction."""
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise UsageError(f"{option} names {name} twice, with different values")
        found[name] = value
    return found


def _swarm(option: str, fleet: Fleet, name: str) -> Service:
    service = find_service(option, name, fleet)
    if service.engine is Engine.COMPOSE:
        raise UsageError(
            f"{option}: {service.id} is run by docker compose on its stack's server",
            todo=f"move the whole stack: --move {service.stack}=SERVER",
        )
    return service


def _moves(
    option: str,
    fleet: Fleet,
    texts: Iterable[str],
    servers: Mapping[str, Server],
    scaled: Mapping[str, int],
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    moves: list[tuple[str, tuple[str, ...]]] = []
    stacks: list[tuple[str, str]] = []
    for text in texts:
        name, right = pair(option, text, "SERVICE=SERVER")
        targets = tuple(find_server(option, word, servers) for word in words(right))
        if not targets:
            raise bad(option, text, "is not of the form SERVICE=SERVER")
        stack = compose_stack(fleet, name)
        if stack is not None:
            if len(targets) > 1:
                raise bad(option, text, f"{stack} is run by docker compose, on one server")
            stacks.append((stack, targets[0]))
            continue
        found = find_services(option, name, fleet)
        if len(found) > 1:  # a whole stack: what is everywhere or nowhere stays so
            found = tuple(s for s in found if s.mode not in GLOBAL_MODES and s.replicas)
        for service in found:
            moves.append((service.id, _targets(option, text, service, targets, scaled)))
    return _once(option, moves), _once(option, stacks)


def _targets(
    option: str, text: str, service: Service, targets: tuple[str, ...], scaled: Mapping[str, int]
) -> tuple[str, ...]:
    if service.mode in GLOBAL_MODES:
        raise bad(
            option,
            text,
            f"{service.id} is global: it runs on every server its constraints leave",
            todo="change its constraints, or ask --without",
        )
    tasks = scaled.get(service.id, service.replicas)
    if tasks == 0:
        raise bad(option, text, f"{service.id} has 0 replicas: there is nothing to move")
    if len(targets) == tasks:
        return tuple(sorted(targets))
    example = ",".join((targets * tasks)[:tasks])
    raise bad(
        option,
        text,
        f"{service.id} has {tasks} task{'s' if tasks > 1 else ''}, {len(targets)} "
        f"server{'s are' if len(targets) > 1 else ' is'} named",
        todo=f"name one for each task: --move {service.id}={example}",
    )


def _scaled(fleet: Fleet, text: str) -> tuple[str, int]:
    name, right = pair("--scale", text, "SERVICE=NUMBER")
    service = _swarm("--scale", fleet, name)
    if service.mode in GLOBAL_MODES:
        raise bad("--scale", text, f"{service.id} is global: one task on every server it reaches")
    try:
        number = int(right)
    except ValueError:
        raise bad("--scale", text, f"`{right}` is not a whole number") from None
    if not 0 <= number <= MOST_REPLICAS:
        raise bad("--scale", text, f"give a number from 0 to {MOST_REPLICAS}")
    return service.id, number


def _pin(fleet: Fleet, text: str, servers: Mapping[str, Server]) -> tuple[str, tuple[str, ...]]:
    name, right = pair("--pin", text, "SERVICE=SERVER")
    service = _swarm("--pin", fleet, name)
    return service.id, tuple(sorted({find_server("--pin", w, servers) for w in words(right)}))


def _contradictions(changes: Changes) -> None:
    for left, right in _pairs(changes):
        raise UsageError(f"{left} and {right} contradict")


def _pairs(changes: Changes) -> Iterator[tuple[str, str]]:
    """Options that cannot both be meant."""
    lost = set(changes.lost)
    placed = [("--move", name, at) for name, at in changes.moves.items()]
    placed += [("--move", name, (at,)) for name, at in changes.stacks.items()]
    placed += [("--pin", name, at) for name, at in changes.pins.items()]
    for option, name, targets in placed:
        for gone in sorted(lost & set(targets)):
            yield f"{option} {name}={gone}", f"--lose {gone}"
    named = [(option, name) for option, name, _ in placed]
    named += [("--scale", name) for name in changes.scaled]
    yield from (
        (f"{o} {name}", f"--without {name}") for o, name in named if name in changes.without
    )
    yield from ((f"--resize {name}", f"--lose {name}") for name in changes.resized if name in lost)
    for name, targets in changes.pins.items():
        if name in changes.unpinned:
            yield f"--pin {name}", f"--unpin {name}"
        for outside in sorted(set(changes.moves.get(name, ())) - set(targets)):
            yield f"--pin {name}={','.join(targets)}", f"--move {name}={outside}"
