"""The steps from empty servers to a fleet that runs with its data; or why not. Pure.

Nothing is undone: what was installed, formed and restored is what going on needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from quorate.backup.jobs.copies import Known
from quorate.backup.model import Snapshot
from quorate.backup.policy.sources import Planned, homes_of, planned
from quorate.errors import RefusedError
from quorate.fleet.datasets import Homes, data_sets, served
from quorate.fleet.model import Fleet
from quorate.fleet.quantities import show_size
from quorate.recover.fleet.sight import Sight
from quorate.recover.membership.choose import PORTS, unfit, wall_step
from quorate.recover.model import Operation, Step
from quorate.recover.server.lost import (
    ASSUMED_RATE,
    KEPT,
    Asked,
    Choice,
    Lost,
    binds,
    chosen_for,
    needs_disk,
)
from quorate.recover.server.steps import IMAGE, left_there, losses, restore_step

KIND = "recover fleet"
REACH, ENGINES, SWARM = "reach", "engines", "swarm"
DATABASES, SERVICES, VERIFY = "databases", "services", "verify"
MAKE, FILL = "make:", "fill:"
"""Steps of one repository, its name after the colon; `RESTORE` those of one source."""
INTO_VOLUMES, INTO_DATABASES = "restore volumes", "restore databases"
"""What is restored side by side."""
INSTALL_SECONDS, JOIN_SECONDS, SETTLE_SECONDS = 150.0, 8.0, 10.0


def homes_before(fleet: Fleet, copies: Iterable[Snapshot]) -> dict[str, tuple[str, ...]]:
    """Where services with data were when it was copied last: they stay there, if they can."""
    servers = {server.name for server in fleet.servers}
    latest: dict[str, Snapshot] = {}
    for copy in sorted(copies, key=lambda one: (one.taken, one.id)):
        if copy.complete and copy.server in servers:
            latest[copy.source] = copy
    found: dict[str, tuple[str, ...]] = {}
    for one in data_sets(fleet):
        base = one.id.partition("@")[0]
        known = {copy.server for name, copy in latest.items() if name.partition("@")[0] == base}
        for service in one.services:
            if known and service not in found:
                found[service] = tuple(sorted(known))
    return found


def choice(sight: Sight, known: Known, asked: Asked) -> Choice:
    """A copy for each set of data that the fleet keeps, from the repository that is left."""
    homes = homes_of(sight.plan)
    users = {one.id: one.services for one in data_sets(sight.fleet, homes)}
    return chosen_for(sight.fleet, kept(sight.fleet, homes), users, known, asked)


def kept(fleet: Fleet, homes: Homes) -> tuple[Planned, ...]:
    """The sets of data that are restored: databases, GitLab, volumes; what others serve is not."""
    shared = served(fleet)
    return tuple(
        one
        for one in planned(fleet, homes)
        if one.source.kind in KEPT and not shared & set(one.source.volumes)
    )


def directories(fleet: Fleet, homes: Homes) -> tuple[str, ...]:
    """Paths on servers that data may be restored into."""
    return tuple(path for one in kept(fleet, homes) for path in binds(one.source.volumes))


def operation(sight: Sight, chosen: Choice, *, now: datetime, made: datetime) -> Operation:
    """What is to be done.

    Args:
        made: when the bundle was.

    Raises:
        RefusedError: a server does not fit, or the data cannot be brought back as it should be;
            every reason at once.
    """
    if reasons := tuple(_reasons(sight, chosen.lost)):
        raise RefusedError(
            "the servers are not ready for the fleet; nothing was changed on them",
            cause="\n".join(reasons),
            todo=f"mend each of them, then run this again with `--into {sight.directory}`; other "
            "addresses: `--servers NAME=ADDRESS`",
        )
    if chosen.problems:
        raise RefusedError(
            f"{len(chosen.problems)} of what the fleet keeps cannot be brought back as it should "
            "be; nothing was changed",
            cause="\n".join(chosen.problems),
            todo="`--unproven` takes the best copy there is, at that risk; `--without SOURCE` "
            "starts it empty",
        )
    repositories = lying_on_servers(sight.fleet)
    facts = {
        "directory": sight.directory,
        "origin": sight.origin,
        "plan": sight.plan.model_dump(mode="json"),
        "lost": [one.model_dump(mode="json") for one in chosen.lost],
        "firewalled": [name for name, host in sight.hosts.items() if host.ufw],
        "begun": now.isoformat(),
        "bundle": made.isoformat(),
    }
    return Operation(
        kind=KIND,
        subject=sight.fleet.name,
        fleet=sight.fleet.name,
        steps=tuple(_steps(sight, chosen.lost, repositories)),
        loses=losses(chosen.lost, now),
        warnings=(*_warnings(sight, made), *chosen.warnings, *_left_there(sight, chosen.lost)),
        facts=facts,
    )


def lying_on_servers(fleet: Fleet) -> list[str]:
    """Repositories that were directories of lost servers."""
    return [one.name for one in fleet.backup.repositories if one.place == "local"]


def server_of(lost: Lost) -> str:
    """Where a set of data goes: the first of those the plan has it on."""
    return lost.servers[0]


def _steps(sight: Sight, lost: tuple[Lost, ...], repositories: list[str]) -> Iterator[Step]:
    names = [server.name for server in sight.fleet.servers]
    managers = [server.name for server in sight.fleet.managers]
    yield Step(id=REACH, says=f"see that {', '.join(names)} still answer", seconds=5)
    bare = [name for name in names if not sight.hosts[name].engine]
    if bare:
        yield Step(
            id=ENGINES, says=f"install Docker on {', '.join(bare)}, and start it",
            seconds=INSTALL_SECONDS,
        )  # fmt: skip
    if walled := [name for name in names if sight.hosts[name].ufw]:
        yield wall_step(walled)
    yield Step(
        id=SWARM,
        says=f"form a swarm with the managers {', '.join(managers)}",
        seconds=SETTLE_SECONDS + JOIN_SECONDS * len(names),
    )
    yield Step(id=IMAGE, says="have Quorate's own image on every server", seconds=30)
    for one in repositories:
        where = sight.fleet.backup.repository(one).server
        yield Step(id=f"{MAKE}{one}", says=f"make the repository {one} anew on {where}", seconds=15)
    back = [one for one in lost if one.restored]
    yield from (restore_step(one, server_of(one), INTO_VOLUMES) for one in back if not one.database)
    databases = [one for one in back if one.database]
    if databases:
        said = ", ".join(f"{one.service} on {', '.join(one.servers)}" for one in databases)
        yield Step(id=DATABASES, says=f"start {said}, empty", seconds=45)
        yield from (restore_step(one, server_of(one), INTO_DATABASES) for one in databases)
    yield Step(
        id=SERVICES,
        says="deploy every service, with its secrets, configs and networks, as `quorate up` does",
        seconds=60 + 2 * len(sight.fleet.swarm_services()),
    )
    yield Step(id=VERIFY, says="see that every service runs, and the data where it is", seconds=5)
    size = sum(one.copy_used.size for one in back if one.copy_used)
    for one in repositories:
        yield Step(
            id=f"{FILL}{one}",
            says=f"fill {one} with the copies of {sight.origin}",
            seconds=round(SETTLE_SECONDS + size / ASSUMED_RATE, 1),
        )


def _reasons(sight: Sight, lost: Iterable[Lost]) -> Iterator[str]:
    """Why not on these servers."""
    for name, why in sight.silent.items():
        yield f"{name} does not answer ssh: {why}"
    data = {
        volume for one in kept(sight.fleet, homes_of(sight.plan)) for volume in one.source.volumes
    }
    for name, host in sight.hosts.items():
        if host.odd:
            yield f"{name} does not say what it is: {', '.join(host.odd)}"
            continue
        yield from (f"{name} {reason}" for reason in unfit(host))
        if host.host_name and host.host_name.lower() != name.lower():
            yield (
                f"{name} calls itself {host.host_name}, and Swarm knows servers by that name: "
                f"`hostnamectl set-hostname {name}` there"
            )
        if host.swarm not in ("", "inactive"):
            yield (
                f"{name} is in a swarm (its state is {host.swarm}): what is left of this fleet may "
                "live. `quorate recover quorum` or `quorate recover server` mends that; if it is "
                "really not needed, `docker swarm leave --force` there"
            )
        engine = sight.engines.get(name)
        if engine is not None and (there := sorted(data & engine.volumes)):
            yield (
                f"{name} has the volume {', '.join(there)}: data of this fleet may be on it, and "
                "would be written over; remove it there, if it is really not needed"
            )
    yield from _occupied(sight, lost)
    yield from _small(sight, lost)


def _occupied(sight: Sight, lost: Iterable[Lost]) -> Iterator[str]:
    """Which have files where something is to be restored: no engine lists such directories."""
    for one in lost:
        name = server_of(one) if one.restored else ""
        if there := sorted(set(one.binds) & sight.occupied.get(name, frozenset())):
            yield (
                f"{name} has files in {', '.join(there)}: what is restored would take their place; "
                f"`--without {one.source}` starts with them; if they are really not needed, move "
                "them away there"
            )


def _left_there(sight: Sight, lost: Iterable[Lost]) -> Iterator[str]:
    for one in lost:
        for name in one.servers:
            yield from left_there((one,), name, sight.occupied.get(name, frozenset()))


def _small(sight: Sight, lost: Iterable[Lost]) -> Iterator[str]:
    """Which are too small, as their engines say, or they themselves where none is installed."""
    by_server: dict[str, list[Lost]] = {}
    for one in lost:
        if one.restored:
            by_server.setdefault(server_of(one), []).append(one)
    for name, host in sight.hosts.items():
        engine = sight.engines.get(name)
        memory, disk = (engine.memory, engine.disk) if engine else (host.memory, host.disk)
        wanted, needed = sight.fleet.server(name).memory, needs_disk(by_server.get(name, ()))
        # A lab's servers share one machine, and are as large as it says.
        short = memory is not None and memory < wanted * sight.least_memory
        if memory is not None and short and not sight.in_lab:
            yield (
                f"{name} is too small: it has {show_size(memory)} of memory, and the fleet file "
                f"says {show_size(wanted)}; if less will do, write that in {sight.directory}"
            )
        if disk is not None and needed > disk:
            yield (
                f"{name} is too small: {show_size(disk)} of its disk are free, and the data to "
                f"restore takes {show_size(needed)}"
            )


def _warnings(sight: Sight, made: datetime) -> Iterator[str]:
    yield (
        f"the fleet file and all secrets are those of the bundle of {made:%Y-%m-%d %H:%M} UTC, in "
        f"{sight.directory}; what was changed later is not in it"
    )
    yield (
        "none of the lost servers may come back with its old disk: its data is older than what "
        "runs from now on"
    )
    walled = any(host.ufw for host in sight.hosts.values())
    if not walled and not sight.in_lab:
        yield f"these ports must be open between the servers: {PORTS}"
    even = len(sight.fleet.managers) % 2 == 0
    if even:
        yield f"{len(sight.fleet.managers)} managers bear no more losses than one less"
