"""How old backups, their copies and their proofs may be, by the schedules of a fleet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.fleet.backup import SourcePolicy
from quorate.fleet.backup_policies import policies
from quorate.fleet.backup_read import disk_of
from quorate.fleet.cron import longest_rest
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Fleet
from quorate.fleet.schedules import Schedule

HOUR = 3600.0
LATE_SECONDS = HOUR
"""The document's `for: 1h`: by then a run that began in time has ended, and clocks were changed."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How old, in seconds, what these sources (by id) have may be."""

    seconds: float
    sources: tuple[str, ...]


def of_sources(fleet: Fleet) -> dict[str, SourcePolicy]:
    """The policy of each source that is backed up, by id."""
    return policies(fleet.backup, data_sets(fleet))


def made_limits(of: Mapping[str, SourcePolicy]) -> tuple[Limit, ...]:
    """How old the newest copy may be: as long as its schedule rests at most."""
    return _limits({name: rest(policy.schedule) for name, policy in of.items()})


def copied_limits(fleet: Fleet, of: Mapping[str, SourcePolicy]) -> tuple[Limit, ...]:
    """The same off-site: what is made just after it was copied waits for the next time."""
    copying = rest(fleet.backup.copying.schedule)
    return _limits({name: rest(policy.schedule) + copying for name, policy in of.items()})


def proven_limits(fleet: Fleet, of: Mapping[str, SourcePolicy]) -> tuple[Limit, ...]:
    """How old the newest proven copy may be, wherever it lies: copying and proving come on top."""
    proving = rest(fleet.backup.proving.schedule)
    copying = rest(fleet.backup.copying.schedule) if fleet.backup.copies else 0.0
    return _limits({name: rest(p.schedule) + copying + proving for name, p in of.items()})


def rest(schedule: Schedule) -> float:
    """The longest time between two of its times, in seconds."""
    return longest_rest(schedule.cron).total_seconds()


def _limits(seconds: Mapping[str, float]) -> tuple[Limit, ...]:
    """Sources with the same limit together, the shortest first."""
    by_limit: dict[float, list[str]] = {}
    for name, each in seconds.items():
        by_limit.setdefault(each, []).append(name)
    return tuple(
        Limit(seconds=each, sources=tuple(sorted(by_limit[each]))) for each in sorted(by_limit)
    )


def repository_mounts(fleet: Fleet) -> tuple[str, ...]:
    """Where the disks are mounted that hold repositories on the fleet's own servers.

    Not `/`: with it every server's own disk would be meant.
    """
    servers = {server.name: server for server in fleet.servers}
    found = [
        disk_of(servers[one.server], one.path)
        for one in fleet.backup.repositories
        if one.place == "local" and one.server in servers
    ]
    return tuple(sorted({disk.mount for disk in found if disk and disk.mount != "/"}))
