"""A move chosen: what goes where, whether it may, in what steps, how long. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quorate.backup.jobs.ways import Way, into_database
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind, Source
from quorate.backup.policy.quiesce import stopping_seconds
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Engine, Fleet, Mode, Service, State
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.fleet.quantities import show_size
from quorate.observe.whereabouts import where_now
from quorate.plan import rules
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.words import listed
from quorate.recover.model import Operation, Step
from quorate.recover.moving.model import KIND, Carried, Move, Moved, Pair, Replica
from quorate.recover.moving.room import key, needed
from quorate.recover.moving.spec import constraints
from quorate.stacks.pools import constraint_for

STOP_SECONDS = 2.0
HASH_RATE = 400e6
"""Bytes per second of which a digest is made: SHA-256 on one thread."""
CHANGED_SHARE = 0.05
"""Share of the data that changes while it is copied, where nobody knows."""
START_SECONDS = 10.0
SMALL_SECONDS = 3.0
DOWN_FACTOR, DOWN_LEAST = 4.0, 900.0
"""How long services may be down until whoever moves them counts as dead: expected time and base."""
REMOTE = ("nfs", "nfs4", "cifs", "sshfs", "glusterfs", "ceph")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A service by its id, and the server it is to go to."""

    service: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known when a move is chosen.

    `homes`: service id → servers, as recorded (what `quorate up` goes by). `volumes`: the named
    volumes on each server. `sizes`: bytes by server and volume, where they were measured. `rate`:
    bytes per second between the servers; `measured`: it was seen, not assumed. `after`: the homes
    that the planner gives once it knows of the move; empty: it was not asked. `over`: volumes that
    may be overwritten. `run`: the key under which services are kept still. `patience`: seconds by
    swarm name.
    """

    snapshot: Snapshot
    homes: Mapping[str, tuple[str, ...]]
    volumes: Mapping[str, Iterable[str]] = field(default_factory=dict)
    sizes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    rate: float
    measured: bool = False
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    over: tuple[str, ...] = ()
    run: str = ""
    patience: Mapping[str, float] = field(default_factory=dict)


def homes_after(
    homes: Mapping[str, tuple[str, ...]], wishes: Iterable[Wish]
) -> dict[str, tuple[str, ...]]:
    """The homes with the moved services at their targets."""
    return {**homes, **{wish.service: (wish.target,) for wish in wishes}}


def operation(fleet: Fleet, wishes: Sequence[Wish], seen: Seen) -> Operation:
    """The move as it is shown, agreed to and done.

    Raises:
        UsageError: a name that is no service's or server's; a service that has nothing to move.
        RefusedError: the fleet's rules or the owner's words forbid it, the target cannot take it,
            or data of another origin are there. Nothing was changed.
        QuorateError: a service does not run, so nobody can tell where its data are.
    """
    if not wishes:
        raise UsageError(
            "there is nothing to move", todo="name a service, or a plan that moves any"
        )
    services = [_service(fleet, wish) for wish in wishes]
    where = where_now(fleet, seen.snapshot)
    moved: list[Moved] = []
    pairs: dict[tuple[str, str], list[Carried]] = {}
    for wish, service in zip(wishes, services, strict=True):
        live = _live(service, seen.snapshot)
        source = _source(service, where, wish.target)
        _require_node(seen.snapshot, wish.target)
        own = carried(service, live)
        if not own:
            raise UsageError(
                f"{service.id} keeps no volume of its own",
                todo="nothing has to be copied: pin it, and `quorate up` starts it there",
            )
        here = pairs.setdefault((source, wish.target), [])
        here += [one for one in own if one.name not in {other.name for other in here}]
        moved.append(_moved(fleet, service, live, wish, source, own, here, seen))
    _require_rules(fleet, wishes, where, seen)
    made = tuple(
        Pair(source=source, target=target, volumes=tuple(volumes))
        for (source, target), volumes in pairs.items()
    )
    _require_free(made, seen)
    _require_disk(fleet, made, seen)
    return _put_together(fleet, services, moved, made, seen)


def carried(service: Service, live: ObservedService) -> tuple[Carried, ...]:
    """The volumes and directories that hold data of a service on its server."""
    template = live.spec.get("TaskTemplate") or {}
    mounts = (template.get("ContainerSpec") or {}).get("Mounts") or ()
    kinds = {use.target: use.kind for use in service.volumes}
    return tuple(
        Carried(name=str(mount["Source"]), mount=dict(mount))
        for mount in mounts
        if mount.get("Source") and _goes_along(mount, kinds.get(str(mount.get("Target")), ""))
    )


def into_primary(fleet: Fleet, snapshot: Snapshot, service: Service) -> Way:
    """The way into a Postgres for a replica, from another server.

    Raises:
        QuorateError: there is none, with why.
    """
    scene = Scene(fleet=fleet, snapshot=snapshot, volumes={})
    source = Source(id=service.id, kind=Kind.POSTGRES, service=service.id)
    way = into_database(scene, source, service, "")
    if way.opened.mounts:
        raise QuorateError(
            f"the password of {service.id} is in a file of its server",
            todo="give it as a secret, to have it move as a streaming replica",
        )
    return way


def _replica(
    fleet: Fleet, services: Sequence[Service], pairs: Sequence[Pair], seen: Seen
) -> tuple[Replica | None, str]:
    """How a Postgres goes over as a replica; or why it does not, empty where there is none."""
    if not any(service.state is State.POSTGRES for service in services):
        return None, ""
    if len(services) > 1 or len(pairs[0].volumes) > 1:
        return None, "it does not move alone, with one volume"
    try:
        way = into_primary(fleet, seen.snapshot, services[0])
    except QuorateError as error:
        return None, f"{error.what}: {error.cause}" if error.cause else error.what
    reach = way.opened.reach.model_dump(mode="json")
    return Replica(network=way.network, reach=reach), ""


def _goes_along(mount: Mapping[str, Any], kind: str) -> bool:
    if mount.get("Type") == "volume":
        driver = (mount.get("VolumeOptions") or {}).get("DriverConfig") or {}
        options = driver.get("Options") or {}
        remote = str(options.get("type") or "") in REMOTE
        return not remote and str(driver.get("Name") or "local") == "local"
    return mount.get("Type") == "bind" and kind == "bind" and not mount.get("ReadOnly")


def _service(fleet: Fleet, wish: Wish) -> Service:
    service = fleet.service(wish.service)
    servers = [server.name for server in fleet.servers]
    if wish.target not in servers:
        raise UsageError(
            f"the fleet has no server {wish.target}", todo=f"the servers are {', '.join(servers)}"
        )
    if service.engine is Engine.COMPOSE:
        raise UsageError(
            f"{service.id} runs by compose on its server, not in the swarm",
            todo="move its stack into the swarm first (`engine: swarm`)",
        )
    if service.mode is not Mode.REPLICATED or service.replicas != 1:
        raise UsageError(
            f"{service.id} is no service with one replica",
            cause=f"it is {service.mode.value}, with {service.replicas} replicas",
            todo="only a service with one replica has one place for its data",
        )
    if service.pins and wish.target not in service.pins:
        raise RefusedError(
            f"{service.id} is pinned to {listed(service.pins)}; nothing was changed",
            cause=f"its owner said so at {service.location}",
            todo=f"write `pin: {wish.target}` there (do not run `quorate up` yet), then move it",
        )
    return service


def _live(service: Service, snapshot: Snapshot) -> ObservedService:
    live = snapshot.service(service.swarm_name)
    if live is None:
        raise QuorateError(
            f"{service.id} is not in the swarm",
            cause="it was not deployed yet, or somebody has removed it",
            todo="`quorate up` deploys it",
        )
    if live.replicas != 1:
        raise QuorateError(
            f"{service.id} is scaled to {live.replicas}",
            todo="let it run with one replica, then move it",
        )
    return live


def _source(service: Service, where: Mapping[str, tuple[str, ...]], target: str) -> str:
    places = where.get(service.id, ())
    if len(places) != 1:
        raise QuorateError(
            f"{service.id} runs on {listed(places)}" if places else f"{service.id} does not run",
            cause="where its data are can only be told from the one task that runs",
            todo=f"see `quorate status` and `quorate logs {service.id}`",
        )
    if places[0] == target:
        raise UsageError(f"{service.id} runs on {target} already")
    return places[0]


def _require_node(snapshot: Snapshot, target: str) -> None:
    own = [node for node in snapshot.nodes if node.hostname == target]
    if any(node.ready and node.availability == "active" for node in own):
        return
    state = ", ".join(f"{node.state}, {node.availability}" for node in own)
    raise RefusedError(
        f"{target} cannot take a service now; nothing was changed",
        cause=f"its node is {state}" if own else "it is not in the swarm",
        todo="`quorate status` shows it; bring it back, then move",
    )


def _moved(
    fleet: Fleet,
    service: Service,
    live: ObservedService,
    wish: Wish,
    source: str,
    own: Sequence[Carried],
    here: Sequence[Carried],
    seen: Seen,
) -> Moved:
    names = [one.name for one in here]
    template = live.spec.get("TaskTemplate") or {}
    dependents = {
        other.swarm_name
        for other in fleet.swarm_services()
        if service.id in other.needs or service.name in other.needs
    }
    servers = [server.name for server in fleet.servers]
    return Moved(
        service=service.id,
        swarm_name=service.swarm_name,
        image=str((template.get("ContainerSpec") or {}).get("Image") or live.image),
        source=source,
        target=wish.target,
        constraint=constraint_for((wish.target,), servers) or f"node.hostname=={wish.target}",
        former=tuple(constraints(live.spec)),
        volumes=tuple(names.index(one.name) for one in own),
        dependents=tuple(sorted(dependents)),
        patience=seen.patience.get(service.swarm_name, 240.0),
        grace=stopping_seconds(live.spec),
    )


def _require_rules(
    fleet: Fleet, wishes: Sequence[Wish], where: Mapping[str, tuple[str, ...]], seen: Seen
) -> None:
    homes = {**where, **seen.homes}
    problem = build(fleet, current=homes)
    before = counts(problem)
    after = counts(build(fleet, current=homes_after(homes, wishes)))
    broken = list(newly_broken(problem, before, after))
    if broken:
        raise RefusedError(
            "the fleet's rules forbid this move; nothing was changed",
            cause="\n".join(broken[:6]),
            todo="`quorate what-if` shows what would have to change",
        )
    for wish in wishes:
        back = seen.after.get(wish.service, (wish.target,))
        if back != (wish.target,):
            service = fleet.service(wish.service)
            raise RefusedError(
                f"{wish.service} would not stay on {wish.target}; nothing was changed",
                cause=f"the next `quorate up` would have it on {listed(back)}, away from its data",
                todo=f"write `pin: {wish.target}` into its `x-quorate` ({service.location}; do not "
                "run `quorate up` yet), then move it",
            )


def counts(problem: Problem) -> Counts:
    """Tasks by item and host, where services are at home now."""
    found = [[0] * len(problem.hosts) for _ in problem.items]
    for index, item in enumerate(problem.items):
        for service in item.services:
            for host in problem.current.get(service.id, ()):
                found[index][host] += 1
    return found


def newly_broken(problem: Problem, before: Counts, after: Counts) -> Iterator[str]:
    """The words of the rules that hold before and not after."""
    for rule in rules.all_rules(problem):
        if any(limit.holds(before) and not limit.holds(after) for limit in rule.limits):
            yield rule.words


def _require_free(pairs: Iterable[Pair], seen: Seen) -> None:
    """Data that are on the target already may be the only ones of their kind."""
    for pair in pairs:
        there = set(seen.volumes.get(pair.target, ()))
        taken = [one.name for one in pair.volumes if one.name in there - set(seen.over)]
        if taken:
            raise RefusedError(
                f"{pair.target} has the volume {listed(taken)} already; nothing was changed",
                cause="it may be left from an earlier move, or hold data of its own",
                todo=f"look at it; then `--over {taken[0]}` overwrites it, or remove it there with "
                f"`docker volume rm {taken[0]}`",
            )


def _require_disk(fleet: Fleet, pairs: Sequence[Pair], seen: Seen) -> None:
    """See that the data fit beside the volumes that are there, where the fleet file lists disks.

    What is free is known to the server alone, which is asked before anything is copied.
    """
    sizes = _sizes(pairs, seen)
    for target in dict.fromkeys(pair.target for pair in pairs):
        disk = fleet.server(target).disk
        need = sum(needed(pair, sizes, seen.over) for pair in pairs if pair.target == target)
        there = sum(size for (server, _), size in seen.sizes.items() if server == target)
        if disk and need and there + need > disk:
            raise RefusedError(
                f"{target} has disks of {show_size(disk)}, with {show_size(there)} in volumes, and "
                f"{show_size(need)} more are needed; nothing was changed",
                cause="the disk is too small for a copy of the data",
                todo="remove volumes there that nobody needs, or move it to another server",
            )


def _sizes(pairs: Iterable[Pair], seen: Seen) -> dict[str, int | None]:
    """Of what goes along, and of what is overwritten by it."""
    found: dict[str, int | None] = {}
    for pair in pairs:
        for name in (one.name for one in pair.volumes):
            found[key(pair.source, name)] = seen.sizes.get((pair.source, name))
            if name in seen.over:
                here = name in seen.volumes.get(pair.target, ())
                size = seen.sizes.get((pair.target, name)) if here else 0
                found[key(pair.target, name)] = size
    return found


def _put_together(
    fleet: Fleet,
    services: Sequence[Service],
    moved: Sequence[Moved],
    pairs: tuple[Pair, ...],
    seen: Seen,
) -> Operation:
    sizes = [seen.sizes.get((pair.source, one.name)) for pair in pairs for one in pair.volumes]
    known = [size for size in sizes if size is not None]
    size = sum(known) if len(known) == len(sizes) else None
    times = _times(size, seen.rate)
    replica, why_not = _replica(fleet, services, pairs, seen)
    move = Move(
        replica=replica,
        run=seen.run,
        moved=tuple(moved),
        pairs=pairs,
        down=DOWN_LEAST + max(one.grace for one in moved) + DOWN_FACTOR * (times.final or 60.0),
        over=seen.over,
        homes={one.service: tuple(seen.homes.get(one.service, (one.source,))) for one in moved},
    )
    names = listed([one.service for one in moved])
    return Operation(
        kind=KIND,
        subject=moved[0].service if len(moved) == 1 else names,
        fleet=fleet.name,
        steps=_steps(move, names, times),
        warnings=(
            *_warnings(services, moved, size, seen),
            *([f"Postgres goes over file by file: {why_not}"] if why_not else []),
        ),
        facts={
            "move": move.model_dump(mode="json"),
            "sizes": _sizes(pairs, seen),
            "rate": round(seen.rate),
            "measured": seen.measured,
            "down_expected": times.down,
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Times:
    """Seconds that are expected; None: nobody knows how much there is."""

    copy: float | None
    final: float | None
    down: float | None


def _times(size: int | None, rate: float) -> _Times:
    if size is None:
        return _Times(copy=None, final=None, down=None)
    copy = size / rate + size / HASH_RATE
    final = SMALL_SECONDS + CHANGED_SHARE * copy
    return _Times(copy=copy, final=final, down=STOP_SECONDS + final + START_SECONDS)


def _steps(move: Move, names: str, times: _Times) -> tuple[Step, ...]:
    targets = listed(sorted({one.target for one in move.moved}))
    sources = listed(sorted({one.source for one in move.moved}))
    copy = f"copy the data to {targets} while {names} runs, again until little changes"
    sync = "copy what has changed since, and compare every file"
    if move.replica is not None:
        copy = f"make a streaming replica of {names} on {targets} (else copy it file by file)"
        sync = "see that the replica has everything that was written, and shut it down"
    return (
        Step(id="image", says=f"fetch the images of {names} on {targets}", seconds=5.0),
        Step(
            id="movers",
            says=f"start what copies, on {sources} and {targets}",
            seconds=10.0,
            back="remove what copies",
        ),
        Step(id="copy", says=copy, seconds=times.copy, back="what was copied stays, unused"),
        Step(
            id="stop",
            says=f"stop {names}",
            seconds=STOP_SECONDS,
            back=f"{names} runs again on {sources}",
        ),
        Step(id="sync", says=sync, seconds=times.final),
        Step(
            id="home",
            says=f"record {targets} as its home, so that `quorate up` keeps it there",
            seconds=1.0,
            back=f"its home is {sources} again",
        ),
        Step(
            id="switch",
            says=f"start {names} on {targets}",
            seconds=1.0,
            back=f"stop it on {targets}; what was written there since is not taken along",
        ),
        Step(
            id="check",
            says="wait until it and what needs it are healthy",
            seconds=START_SECONDS,
        ),
        Step(id="clear", says="remove what copied; the data on the old server stay", seconds=2.0),
    )


def _warnings(
    services: Sequence[Service], moved: Sequence[Moved], size: int | None, seen: Seen
) -> Iterator[str]:
    told = "measured" if seen.measured else "assumed; `--measure` measures it"
    whole = show_size(size) if size is not None else "not known"
    yield f"data to copy: {whole}; between the servers {show_size(seen.rate)}/s ({told})"
    for service, one in zip(services, moved, strict=True):
        fixed = [use for use in service.volumes if use.kind == "bind" and use.read_only]
        if fixed:
            paths = listed([str(use.source) for use in fixed])
            yield f"{service.id} reads {paths} of its server: {one.target} needs that too"
        home = seen.homes.get(service.id, (one.source,))
        if home != (one.source,):
            yield f"{service.id} is at home on {listed(home)}, and moves from {one.source}"
