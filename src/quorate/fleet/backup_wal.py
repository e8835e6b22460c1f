"""Where a Postgres' write-ahead log goes, and how much of it the database may hold back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.fleet.backup import Backup, SourcePolicy
from quorate.fleet.backup_policies import policies
from quorate.fleet.backup_read import disk_of
from quorate.fleet.datasets import DataSet, Homes, data_sets
from quorate.fleet.model import Fleet, Server

DATA = "/var/lib/docker"
"""Where an engine keeps its volumes, unless it is told otherwise."""
ROOM_SHARE = 0.1
ROOM_LEAST = 2**30
ROOM_MOST = 16 * 2**30
ROOM_UNKNOWN = 4 * 2**30
"""Bytes a slot may hold back where nobody says how large the disk is."""


def streamed(fleet: Fleet, homes: Homes | None = None) -> Iterator[tuple[DataSet, SourcePolicy]]:
    """Every Postgres whose log is to be streamed, with its policy.

    Args:
        homes: where services are, by a plan or as observed.
    """
    sets = data_sets(fleet, homes)
    rules = policies(fleet.backup, sets)
    for one in sets:
        policy = rules.get(one.id)
        if policy is not None and policy.wal.on and one.kind == "postgres" and one.services:
            yield one, policy


def receiving_server(
    backup: Backup, policy: SourcePolicy, one: DataSet, servers: Sequence[Server]
) -> str | None:
    """The server on which a write-ahead log is received; None: every one may have the database.

    The one that is named; else the first that cannot have the database, of those with a
    repository before others. Where the database may be anywhere, the first that it is not on now
    (`one.servers` has where it is, or may be, in that order).
    """
    if policy.wal.server is not None:
        return policy.wal.server
    names = [server.name for server in servers]
    stores = [one.server for one in backup.candidates(policy) if one.server in names]
    preferred = list(dict.fromkeys([*(name for name in stores if name), *names]))
    apart = [name for name in preferred if name not in one.servers]
    elsewhere = [name for name in preferred if name not in one.servers[:1]]
    return next(iter([*apart, *elsewhere]), None)


def slot_room(policy: SourcePolicy, one: DataSet, servers: Sequence[Server]) -> int:
    """Bytes of its log that the database may hold back for a receiver that does not come.

    A tenth of the smallest disk it may be on, within 1 and 16 GiB.
    """
    if policy.wal.slot_room is not None:
        return policy.wal.slot_room
    smallest = smallest_disk(one, servers)
    if smallest is None:
        return ROOM_UNKNOWN
    return int(min(max(smallest * ROOM_SHARE, ROOM_LEAST), ROOM_MOST))


def smallest_disk(one: DataSet, servers: Sequence[Server]) -> int | None:
    """Bytes of the smallest disk that the database's volume may be on; None: nobody says."""
    disks = [disk_of(server, DATA) for server in servers if server.name in one.servers]
    return min((disk.size for disk in disks if disk is not None), default=None)
