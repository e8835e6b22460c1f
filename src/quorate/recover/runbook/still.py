"""What stands still while data is put back, and what starts it again, as commands. Pure.

What Swarm runs is told on a manager, what runs by compose on its own server.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import Planned, planned
from quorate.fleet.datasets import data_sets
from quorate.fleet.eligible import eligible_servers
from quorate.fleet.model import Engine, Fleet, Mode, Service
from quorate.recover.server.steps import needing

SERVER = "SERVER"
"""For a person to fill in: the server where data lives that nothing pins."""
NOWHERE = "node.hostname==nowhere"
"""What no server is: a service with a task on each of them has none by it."""
RUNNING = (Kind.POSTGRES, Kind.MARIADB, Kind.GITLAB)
"""Filled while their own service runs; all others while it stands still."""
DATABASES = (*RUNNING, Kind.REDIS)
UNHEEDED = "# Swarm replaces what is not healthy"
JOBS = (Mode.REPLICATED_JOB, Mode.GLOBAL_JOB)
WIDTH = 90


@dataclass(frozen=True, kw_only=True)
class Still:
    """A service that stands still.

    `away`: the one server that it leaves, where each of its tasks has data of its own. `home`:
    where it starts again, said since nothing else keeps it there; empty: it needs no saying.
    """

    service: Service
    away: str = ""
    home: str = ""

    @property
    def counted(self) -> bool:
        """Whether its number of tasks says it all."""
        return not self.composed and self.service.mode is Mode.REPLICATED and not self.away

    @property
    def composed(self) -> bool:
        """Whether it runs by compose."""
        return self.service.engine is Engine.COMPOSE

    @property
    def constraint(self) -> str:
        """What keeps it from its servers, where its number cannot."""
        return f"'node.hostname!={self.away}'" if self.away else f"'{NOWHERE}'"


def loose(fleet: Fleet, service: Service) -> tuple[str, ...]:
    """The servers of which one has a service's data, and nothing says which; else none."""
    if service.movable or service.mode is not Mode.REPLICATED or service.replicas > 1:
        return ()
    found = eligible_servers(service, fleet.servers)
    return tuple(one.name for one in found) if len(found) > 1 else ()


def wanted(fleet: Fleet) -> tuple[Planned, ...]:
    """What comes back by step 3: what is backed up, and what no backup reaches."""
    return tuple(one for one in planned(fleet) if one.policy is not None or one.unreachable)


def users_of(fleet: Fleet, source: Source) -> tuple[str, ...]:
    """The services that use it."""
    return next((one.services for one in data_sets(fleet) if one.id == source.id), ())


def held(
    fleet: Fleet, source: Source, *, lost: bool = False, home: str = SERVER
) -> tuple[Still, ...]:
    """What stands still for a source: what has it open while it is filled, and what needs a
    database.

    Args:
        lost: its server is; then its database is kept from starting, too.
        home: where it is to live, if nothing pins it.
    """
    own = set(users_of(fleet, source))
    others = needing(fleet, own) - own if source.kind in DATABASES else set()
    if lost or source.kind not in RUNNING:
        others |= own
    return tuple(
        still_of(fleet, service, source if service.id in own else None, home)
        for service in fleet.services
        if service.id in others and runs(service)
    )


def still_of(
    fleet: Fleet, service: Service, source: Source | None = None, home: str = SERVER
) -> Still:
    """A service that stands still, for a source of its own or because it needs another's."""
    if source is None:
        return Still(service=service, home=SERVER if loose(fleet, service) else "")
    return Still(
        service=service,
        away=_away(service, source),
        home=home if loose(fleet, service) else "",
    )


def databases(fleet: Fleet, sources: Iterable[Source]) -> dict[str, Kind]:
    """The services of those that are databases, and their kinds."""
    return {
        name: source.kind
        for source in sources
        if source.kind in DATABASES
        for name in users_of(fleet, source)
    }


def in_need(fleet: Fleet) -> tuple[Still, ...]:
    """Of all that Swarm runs: what keeps data, and what needs a database that comes back."""
    kinds = databases(fleet, (one.source for one in wanted(fleet)))
    others = needing(fleet, set(kinds))
    return tuple(
        still_of(fleet, one)
        for one in fleet.swarm_services()
        if (one.state.keeps_data or one.id in others) and runs(one)
    )


def runs(service: Service) -> bool:
    """Whether it goes on for good, by its files."""
    return service.mode not in JOBS and (service.mode is Mode.GLOBAL or service.replicas > 0)


def _away(service: Service, source: Source) -> str:
    several = service.mode is Mode.GLOBAL or service.replicas > 1
    return source.servers[0] if "@" in source.id and several else ""


def by_swarm(found: Iterable[Still]) -> tuple[Still, ...]:
    """Those that a manager is told of, each once."""
    every = [one for one in found if not one.composed]
    # What is known of its home counts more than that somebody has to look.
    every.sort(key=lambda one: one.home != SERVER)
    each = {(one.service.id, one.away): one for one in every}
    return tuple(each.values())


def stops(found: Iterable[Still]) -> Iterator[str]:
    """What stops them."""
    every = list(found)
    yield from _scaled(f"{_name(one)}=0" for one in every if one.counted and not one.home)
    yield from _composed(every, "stop")
    for one in every:
        if one.composed:
            continue
        if not one.counted:
            # Nobody waits for tasks that are not to be.
            yield f"docker service update -d --constraint-add {one.constraint} {_name(one)}"
        elif one.home:
            there = f"--constraint-add 'node.hostname=={one.home}'"
            look = f"    # {SERVER}: where its data is" if one.home == SERVER else ""
            yield f"docker service update --replicas 0 {there} {_name(one)}{look}"


def starts(found: Iterable[Still]) -> Iterator[str]:
    """What starts them again."""
    every = list(found)
    yield from _scaled(f"{_name(one)}={one.service.replicas}" for one in every if one.counted)
    yield from _composed(every, "start")
    for one in every:
        if not one.composed and not one.counted:
            yield f"docker service update --constraint-rm {one.constraint} {_name(one)}"


def begins(found: Iterable[Still], kinds: Mapping[str, Kind]) -> Iterator[str]:
    """What starts those that are databases, to be filled, or filled before.

    Args:
        kinds: of what kind the databases are, by their services.
    """
    every = [one for one in found if one.service.id in kinds]
    yield from starts(one for one in every if not _checked(one, kinds))
    for one in every:
        if _checked(one, kinds):
            more = f"--constraint-rm {one.constraint}"
            if one.counted:
                more = f"--replicas {one.service.replicas}"
            yield f"docker service update --no-healthcheck {more} {_name(one)}    {UNHEEDED}"


def ends(found: Iterable[Still], kinds: Mapping[str, Kind]) -> Iterator[str]:
    """What starts the others, and gives a GitLab its health check again.

    Args:
        kinds: of what kind the databases are, by their services.
    """
    every = list(found)
    for one in every:
        if _checked(one, kinds):
            yield f"docker service rollback {_name(one)}    # its health check is there again"
            # Back to what it was before that: it may have stood still.
            yield from starts([one])
    yield from starts(one for one in every if one.service.id not in kinds)


def _checked(one: Still, kinds: Mapping[str, Kind]) -> bool:
    """Whether it is filled without its health check."""
    return not one.composed and kinds.get(one.service.id) is Kind.GITLAB


def _name(one: Still) -> str:
    return one.service.swarm_name


def _composed(every: Iterable[Still], verb: str) -> Iterator[str]:
    stacks: dict[str, list[str]] = {}
    for one in every:
        if one.composed:
            stacks.setdefault(one.service.stack, []).append(one.service.name)
    for stack, names in stacks.items():
        yield from _wrapped(f"docker compose -p {stack} {verb} {' '.join(names)}")


def _scaled(counts: Iterable[str]) -> Iterator[str]:
    words = " ".join(dict.fromkeys(counts))
    if words:
        yield from _wrapped(f"docker service scale {words}")


def _wrapped(command: str) -> Iterator[str]:
    lines = textwrap.wrap(
        command, WIDTH, break_on_hyphens=False, break_long_words=False, subsequent_indent="  "
    )
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]
