"""Which sources are backed up together, in what order, and what is kept still once for all. Pure.

A database and the files that belong to it fit together only if both are of one state. So the
sources of a group are run one after the other, with their services kept still from before the
first to after the last. Sources whose services are kept still belong together in any case where
they share one: it would otherwise be stopped twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quorate.backup.model import Kind, Source
from quorate.errors import UsageError
from quorate.fleet.backup import SourcePolicy
from quorate.fleet.datasets import Homes, data_sets
from quorate.fleet.model import Engine, Fleet

ORDER = (
    *(Kind.SWARM, Kind.CONFIGS, Kind.SYSTEM, Kind.IMAGES, Kind.GITLAB),
    *(Kind.POSTGRES, Kind.MARIADB, Kind.REDIS, Kind.VOLUME),
)
"""Databases before files: a row that names a file which came later does no harm, a row without
its file does. Files that programs remove are the reason to keep the programs still."""
BLOCKING = ("stop", "pause", "freeze")
METHODS = ("none", *BLOCKING)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Sources that are backed up one after the other, as one.

    `name` is the group's, or the only source's id. `quiesced` are the services that are kept
    still once, from before the first to after the last source, in the order in which they
    stop; they start in the opposite one. `method`: as `quorate.fleet.backup.Quiesce`.
    `seconds`: the time after which all of it counts as dead.
    """

    name: str
    sources: tuple[Source, ...]
    quiesced: tuple[str, ...] = ()
    method: str = "none"
    seconds: float = 0.0


def batches(
    sources: Iterable[Source],
    policies: Mapping[str, SourcePolicy],
    users: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Batch, ...]:
    """The batches of sources that are due at one time.

    Args:
        sources: those that are due.
        policies: by the source's id; a source without one is left out.
        users: the services that mount each volume, by the source's id, as `users_of` has them;
            of sources that are not in it, the source's own service.
    """
    due = [source for source in sources if source.id in policies]
    mounted = users or {}
    services = {one.id: _quiesced(one, policies[one.id], mounted) for one in due}
    found = [_batch(part, policies, services) for part in _parts(due, services)]
    return tuple(sorted(found, key=lambda batch: batch.name))


def _quiesced(
    source: Source, policy: SourcePolicy, users: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """The services that are kept still for a source: only files need it, dumps are of one state."""
    if policy.quiesce not in BLOCKING or source.kind is not Kind.VOLUME:
        return ()
    own = users.get(source.id) or ((source.service,) if source.service else ())
    return tuple(dict.fromkeys(own))


def _parts(due: Sequence[Source], services: Mapping[str, tuple[str, ...]]) -> list[list[Source]]:
    """Sources that hang together, by their group or by a service that is kept still."""
    parts: list[tuple[set[str], list[Source]]] = []
    for source in due:
        keys = {f"service {name}" for name in services[source.id]}
        keys |= {f"group {source.group}"} if source.group else set()
        joined = [part for part in parts if keys & part[0]]
        parts = [part for part in parts if part not in joined]
        names = keys.union(*(part[0] for part in joined))
        parts.append((names, [*(one for part in joined for one in part[1]), source]))
    return [members for _, members in parts]


def _batch(
    members: Sequence[Source],
    policies: Mapping[str, SourcePolicy],
    services: Mapping[str, tuple[str, ...]],
) -> Batch:
    ordered = tuple(sorted(members, key=lambda one: (ORDER.index(one.kind), one.id)))
    quiesced = tuple(dict.fromkeys(name for one in ordered for name in services[one.id]))
    methods = [policies[one.id].quiesce for one in ordered if services[one.id]]
    name = next((one.group for one in ordered if one.group), None) or ordered[0].id
    return Batch(
        name=name,
        sources=ordered,
        quiesced=tuple(name for name in quiesced if not _dumped(name, ordered)),
        method=min(methods, key=METHODS.index) if methods else "none",
        seconds=sum(policies[one.id].deadline for one in ordered),
    )


def _dumped(service: str, members: Iterable[Source]) -> bool:
    """Whether a service is a database of the batch: it has to run to be dumped."""
    return any(one.service == service and one.kind is not Kind.VOLUME for one in members)


def users_of(fleet: Fleet, homes: Homes | None = None) -> dict[str, tuple[str, ...]]:
    """The services that use each source's data, those first that need others of them.

    So they stop before what they need does, and start after it.
    """
    needs = {service.id: service.needs for service in fleet.services}
    return {
        one.id: tuple(sorted(one.services, key=lambda name: (-len(_needed(name, needs)), name)))
        for one in data_sets(fleet, homes)
    }


def _needed(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """All that a service needs, and what that needs, and so on."""
    found: set[str] = set()
    todo = list(needs.get(name, ()))
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += needs.get(other, ())
    return found


def swarm_names(batch: Batch, fleet: Fleet) -> tuple[str, ...]:
    """What the swarm calls the services that a batch keeps still.

    Raises:
        UsageError: one runs by compose, which no label survives.
    """
    services = [fleet.service(name) for name in batch.quiesced]
    for service in services:
        if service.engine is not Engine.SWARM:
            raise UsageError(
                f"{service.id} cannot be kept still for {batch.name}",
                cause=f"its stack {service.stack} runs by compose on one server: nothing there "
                "would start it again if the backup were killed",
                todo="use hooks of the source, or `quiesce: none`",
            )
    return tuple(service.swarm_name for service in services)
