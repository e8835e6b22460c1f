"""The steps that bring back what lived on a lost server. Pure.

Nothing is deleted on the way: the dead entry of the node is all that goes. Undoing lets the
services go that are held; what was joined and restored stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from quorate.backup.model import Kind
from quorate.errors import RefusedError
from quorate.fleet.model import Fleet, Mode, Service
from quorate.fleet.quantities import show_size
from quorate.recover.membership.choose import engine_step, wall_step
from quorate.recover.model import Operation, Step
from quorate.recover.server import refuse
from quorate.recover.server.fitting import bound
from quorate.recover.server.holding import How
from quorate.recover.server.lost import Choice, Lost, age, own_there
from quorate.recover.server.onto import remapped
from quorate.recover.server.sight import Sight

KIND = "recover server"
IMAGE = "image"
"""Before the fleet is changed: where it cannot be had, nothing has happened to it yet."""
HOLD, FORGET, JOIN, START, HOME, VERIFY = "hold", "forget", "join", "start", "home", "verify"
RESTORE, MAKE, FILL = "restore:", "make:", "fill:"
"""Steps of one source or repository, its name after the colon."""


def operation(sight: Sight, choice: Choice, *, now: datetime) -> Operation:
    """What is to be done, or why not.

    Raises:
        UsageError: a server is not of the fleet.
        RefusedError: the server lives, the swarm has no quorum, the replacement is too small, or
        something has no copy that is known to restore.
        UnreachableError: no replacement answers.
    """
    refuse.require_known(sight)
    refuse.require_gone(sight)
    refuse.require_quorum(sight)
    refuse.require_replacement(sight)
    if choice.problems:
        raise RefusedError(
            f"{len(choice.problems)} of what lived on {sight.name} cannot be brought back as it "
            "should be; nothing was changed",
            cause="\n".join(choice.problems),
            todo="`--unproven` takes the best copy there is, at that risk; `--without SOURCE` "
            "starts it empty",
        )
    refuse.require_empty(sight, choice.lost)
    refuse.require_room(sight, choice.lost)
    repositories = lying_on(sight)
    return Operation(
        kind=KIND,
        subject=sight.name,
        fleet=sight.fleet.name,
        steps=tuple(_steps(sight, choice.lost, repositories)),
        loses=losses(choice.lost, now),
        warnings=(
            *_warnings(sight),
            *choice.warnings,
            *left_there(choice.lost, sight.target, sight.occupied),
            *_new_logs(choice.lost),
        ),
        facts={
            "name": sight.name,
            "target": sight.target,
            "dead": [node.id for node in sight.dead],
            "hold": {name: how.value for name, how in to_hold(sight, choice.lost).items()},
            "lost": [one.model_dump(mode="json") for one in choice.lost],
            "repositories": repositories,
            "walls": list(sight.walls),
            "bound": {name: list(at) for name, at in bound(sight).items()},
            "begun": now.isoformat(),
        },
    )


def lying_on(sight: Sight) -> list[str]:
    """Repositories whose directory was on the lost server."""
    every = sight.fleet.backup.repositories
    return [one.name for one in every if one.place == "local" and one.server == sight.name]


def to_hold(sight: Sight, lost: Iterable[Lost]) -> dict[str, How]:
    """Swarm name → how, of what must not start, or write, before its data is back.

    The users of lost data; and what needs such a database, since it would fill an empty one.
    """
    fleet = sight.fleet
    users = {name for one in lost if one.restored for name in one.services}
    bases = {name for one in lost if one.restored and one.database for name in one.services}
    swarm = {service.id: service for service in fleet.swarm_services()}
    found: dict[str, How] = {}
    for name in sorted(users & swarm.keys()):
        found[swarm[name].swarm_name] = _how(swarm[name], sight)
    for name in sorted(needing(fleet, bases) - users):
        if (service := swarm.get(name)) and service.mode is Mode.REPLICATED:
            found[service.swarm_name] = How.STOP
    return found


def needing(fleet: Fleet, names: set[str]) -> set[str]:
    """Services that need one of these, directly or by others."""
    ids = {alias: s.id for s in fleet.services for alias in (s.id, s.name, f"{s.stack}/{s.name}")}
    found: set[str] = set()
    more = set(names)
    while more:
        more = {
            service.id
            for service in fleet.services
            if service.id not in found and {ids.get(need, need) for need in service.needs} & more
        }
        found |= more
    return found


def losses(lost: Iterable[Lost], now: datetime) -> str:
    """What could be lost, source by source: what was written after the copy used, or after its
    write-ahead log was last known to have everything."""
    parts = []
    for one in lost:
        if one.kind is Kind.IMAGES:
            continue
        if one.until is None:
            parts.append(f"{one.source}: everything")
            continue
        span = age(max(0.0, (now - one.until).total_seconds()))
        parts.append(f"{one.source}: what was written in the last {span}{_beside(one, now)}")
    return "; ".join(parts)


def _beside(one: Lost, now: datetime) -> str:
    """What more is lost of something that should come out of its log."""
    if one.log is None:
        return ""
    if one.copy_used is None:
        return " and is not in its log"
    old = age(max(0.0, (now - one.copy_used.taken).total_seconds()))
    return f" and is not in its log (the last {old}, should that fail and its copy be taken)"


def restore_step(one: Lost, server: str, group: str = "") -> Step:
    """Bring one set of data back on a server; steps of one `group` run side by side on servers."""
    where = one.service if one.database else ", ".join(one.volumes)
    if one.log is not None:
        return Step(
            id=f"{RESTORE}{one.source}",
            says=f"replay the write-ahead log of {where} on {one.log.server} to its end (complete "
            f"until {one.log.until:%Y-%m-%d %H:%M:%S} UTC), restore that on {server}, and compare",
            seconds=round(one.seconds * 2, 1) or None,
            group=group,
            lane=server if group else "",
        )
    assert one.copy_used is not None
    copy = one.copy_used
    does = f"load {one.source} on" if one.kind is Kind.IMAGES else f"restore {where} on"
    return Step(
        id=f"{RESTORE}{one.source}",
        says=f"{does} {server} from {copy.id[:8]} in {copy.repository}, "
        f"taken {copy.taken:%Y-%m-%d %H:%M} UTC ({show_size(copy.size)}), and compare",
        seconds=round(one.seconds, 1),
        group=group,
        lane=server if group else "",
    )


def _how(service: Service, sight: Sight) -> How:
    alone = set(sight.homes.get(service.id, ())) <= {sight.name}
    return How.STOP if alone and service.mode is Mode.REPLICATED else How.AWAY


def _steps(sight: Sight, lost: tuple[Lost, ...], repositories: list[str]) -> Iterator[Step]:
    name, target = sight.name, sight.target
    holding = to_hold(sight, lost)
    back = [one for one in lost if one.restored]
    databases = [one for one in back if one.database]
    if sight.bare is not None:
        yield engine_step(sight.bare)
    if sight.walls:
        yield wall_step(sight.walls)
    if back or repositories:
        yield Step(id=IMAGE, says=f"have Quorate's own image on {target}", seconds=30)
    if holding:
        yield Step(
            id=HOLD,
            says=f"hold {', '.join(holding)} until their data is back",
            seconds=5,
            back=f"let {', '.join(holding)} go",
        )
    if sight.dead:
        demoted = "demote it and " if any(n.role == "manager" for n in sight.dead) else ""
        yield Step(
            id=FORGET, says=f"{demoted}remove the dead node {name} from the swarm", seconds=3
        )
    role = sight.fleet.server(target).role
    yield Step(id=JOIN, says=f"let {target} join the swarm as {role}, if it has not", seconds=20)
    for one in repositories:
        yield Step(
            id=f"{MAKE}{one}", says=f"make the repository {one} anew on {target}", seconds=15
        )
    yield from (restore_step(one, target) for one in back if not one.database)
    if databases:
        names = ", ".join(one.service for one in databases)
        yield Step(id=START, says=f"start {names} on {target}, empty", seconds=30)
        yield from (restore_step(one, target) for one in databases)
    yield Step(id=HOME, says="bring every service home, as `quorate up` does", seconds=60)
    yield Step(id=VERIFY, says="see that what was lost runs again, with its data", seconds=5)
    for one in repositories:
        if _origins(sight, one):
            yield Step(id=f"{FILL}{one}", says=f"fill {one} with the copies that others have")


def _origins(sight: Sight, repository: str) -> list[str]:
    return [one.name for one in sight.fleet.backup.repositories if one.name != repository]


def left_there(lost: Iterable[Lost], server: str, occupied: Collection[str]) -> Iterator[str]:
    """What is not restored, and does not start empty: its directory on a server has files."""
    for one in lost:
        for place in () if one.restored else sorted(set(one.binds) & set(occupied)):
            yield f"{place} on {server} is not empty: {one.source} starts with what is in it"


def _new_logs(lost: Iterable[Lost]) -> Iterator[str]:
    for one in lost:
        if one.log is not None:
            yield (
                f"{one.source} comes back as another Postgres, whose log is not received over the "
                f"old one: afterwards move {one.log.path} on {one.log.server} away"
            )


def _warnings(sight: Sight) -> Iterator[str]:
    yield (
        f"{sight.name} must not come back with its old disk: its data is older than what runs from "
        "now on"
    )
    if sight.onto:
        for one in own_there(sight):
            yield (
                f"{one.source.id} is not brought back: {sight.target} has its own data of "
                f"{one.source.service}; what {sight.name} had stays in its copies"
            )
        fleet = remapped(sight.fleet, sight.name, sight.target)
        moved = [
            one.id
            for one, before in zip(fleet.services, sight.fleet.services, strict=True)
            if one != before
        ]
        pins = f", and pin {', '.join(moved)} to {sight.target}" if moved else ""
        yield (
            f"afterwards take {sight.name} out of {sight.fleet.path.name}{pins}: `quorate up` "
            "would look for it again"
        )
        managers = len(fleet.managers)
        if managers % 2 == 0:
            yield f"{managers} managers are left: make it an odd number again"
