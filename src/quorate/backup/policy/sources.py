"""What there is to back up, how, and where to; and what nobody backs up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from quorate.backup.model import Kind, Source
from quorate.fleet.backup import SPOOL_VOLUME, Repository, SourcePolicy, chosen
from quorate.fleet.backup_policies import policies
from quorate.fleet.datasets import (
    DataSet,
    Homes,
    data_sets,
    files_of,
    keeps,
    mounted,
    out_of_reach,
)
from quorate.fleet.model import Fleet, State
from quorate.plan.model import Plan

TO_BE_REACHED = (
    "`state: volume` with a hook that dumps it into its volume has that backed up; or move it "
    "into the swarm; or dump it yourself (`quorate runbook` has the commands) and `exclude` it"
)
"""What there is to do about a source that no job reaches."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A source with all that the policy says of it.

    `repository` is where it goes, None where every one is on its own server, or no job reaches the
    source; `copies` where that is copied to. `policy` is None where the source is excluded. `size`
    in bytes, 0 if unknown. `unreachable`: why no job reaches it; else empty.
    """

    source: Source
    policy: SourcePolicy | None
    repository: Repository | None = None
    copies: tuple[Repository, ...] = ()
    size: int = 0
    unreachable: str = ""

    @property
    def repositories(self) -> tuple[Repository, ...]:
        """Where copies of it are meant to lie."""
        return (self.repository, *self.copies) if self.repository else ()


@dataclass(frozen=True, kw_only=True)
class Unprotected:
    """Data that no backup holds: `what`, the server it is on (empty: of the fleet), and why."""

    what: str
    server: str = ""
    why: str


def homes_of(plan: Plan) -> Homes:
    """Where a plan has each service."""
    return {name: placement.homes for name, placement in plan.services.items()}


def find_sources(fleet: Fleet, homes: Homes | None = None) -> tuple[Source, ...]:
    """Every source of the fleet, those excluded too.

    Args:
        homes: where services are, by a plan or as observed; otherwise data may lie wherever its
            service may run.
    """
    return tuple(_source(one) for one in data_sets(fleet, homes))


def planned(fleet: Fleet, homes: Homes | None = None) -> tuple[Planned, ...]:
    """Every source with its policy and the repositories it goes to."""
    sets = data_sets(fleet, homes)
    rules = policies(fleet.backup, sets)
    return tuple(_planned(fleet, one, rules.get(one.id)) for one in sets)


def unprotected(
    fleet: Fleet, seen: Mapping[str, Collection[str]] | None = None
) -> tuple[Unprotected, ...]:
    """Data without a source, or whose source has nowhere to go.

    Args:
        seen: the named volumes on each server, as observed.
    """
    return (
        *_nowhere(fleet),
        *_nameless(fleet),
        *_strangers(fleet, seen or {}),
    )


def _source(one: DataSet) -> Source:
    return Source(
        id=one.id,
        kind=Kind(one.kind),
        service=one.services[0] if one.services else None,
        servers=one.servers,
        volumes=one.volumes,
        group=one.group,
    )


def _planned(fleet: Fleet, one: DataSet, policy: SourcePolicy | None) -> Planned:
    source = _source(one)
    why = out_of_reach(fleet, one)
    if policy is None:
        return Planned(source=source, policy=None, size=one.size, unreachable=why)
    if why:
        return Planned(source=source, policy=policy, size=one.size, unreachable=why)
    candidates = fleet.backup.candidates(policy)
    # Data that may lie on several servers is on one at a time; until one looks, the first will do.
    goes = chosen(candidates, one.servers[:1])
    copies = tuple(other for other in fleet.backup.copies if goes and other.name != goes.name)
    return Planned(source=source, policy=policy, repository=goes, copies=copies, size=one.size)


def _nowhere(fleet: Fleet) -> Iterator[Unprotected]:
    for one in planned(fleet):
        if one.policy is not None and one.repository is None:
            why = "every repository for it is on its own server"
            if not fleet.backup.repositories:
                why = "the fleet file names no repository"
            elif one.unreachable:
                why = f"{one.unreachable}; what to do: {TO_BE_REACHED}"
            yield Unprotected(what=one.source.id, why=why)


def _nameless(fleet: Fleet) -> Iterator[Unprotected]:
    for service in fleet.services:
        if not service.state.keeps_data:
            continue
        for use in service.volumes:
            if use.kind == "volume" and use.source is None and not use.read_only:
                why = "a volume without a name is another one for each new container"
                yield Unprotected(what=f"{service.id}: {use.target}", why=why)
        if service.state is State.VOLUME and not any(keeps(use) for use in service.volumes):
            why = "it keeps data (`state: volume`), and mounts nothing to keep it in"
            yield Unprotected(what=service.id, why=why)


def _strangers(fleet: Fleet, seen: Mapping[str, Collection[str]]) -> Iterator[Unprotected]:
    """Volumes seen on servers that no source holds there."""
    sets = data_sets(fleet)
    owners: dict[str, list[DataSet]] = {}
    for one in sets:
        for name in one.volumes:
            owners.setdefault(name, []).append(one)
    of_no_worth = _of_no_worth(fleet)
    for server, names in sorted(seen.items()):
        for name in sorted(names):
            mine = owners.get(name, [])
            if mine and not any(server in one.servers for one in mine):
                where = ", ".join(dict.fromkeys(s for one in mine for s in one.servers))
                why = f"`{mine[0].id}` is backed up from {where}: this may be what it left behind"
                yield Unprotected(what=name, server=server, why=why)
            elif not mine and name not in of_no_worth and name != SPOOL_VOLUME:
                why = "no service of the fleet that keeps data mounts it"
                yield Unprotected(what=name, server=server, why=why)


def _of_no_worth(fleet: Fleet) -> frozenset[str]:
    """Volumes that only services mount which keep nothing, by their own word."""
    files = files_of(fleet)
    return frozenset(
        name
        for service in fleet.services
        if not service.state.keeps_data
        for use in service.volumes
        if (name := mounted(use, files[service.stack])) is not None
    )
