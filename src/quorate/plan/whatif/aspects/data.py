"""Disk, data to move, backups and mounts."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.fleet.backup import chosen
from quorate.fleet.backup_policies import policies
from quorate.fleet.datasets import data_sets
from quorate.fleet.model import Fleet, Service
from quorate.plan.whatif.model import Reading, Transfer
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.whatif.transfer import moved, start_first, start_seconds, transfers
from quorate.plan.words import MIB, count, listed, size

MINUTE, HOUR = 60, 3600


def disk(side: Side, scope: Scope) -> Reading:
    """Disk left with all data in place: on the subjects' servers, or on the tightest one."""
    servers = scope.servers(side) if scope.subjects else list(side.uses)
    free = {name: side.uses[name].disk.free for name in servers if side.uses[name].disk.capacity}
    if not free:
        return Reading(text="no disk is listed", figure=None)
    least = min(free, key=lambda name: (free[name], name))
    whole = side.uses[least].disk.capacity
    return Reading(
        text=f"{size(free[least] / MIB)} of {size(whole / MIB)} stay free on {least}",
        figure=free[least],
        details={"capacity": whole},
    )


def data(side: Side, scope: Scope) -> Reading:
    """What has to be copied from where it is now, and for how long services stand still."""
    copies = transfers(side, scope)
    restarts = [
        service
        for service, *_ in moved(side, scope)
        if service.movable and not start_first(service)
    ]
    stops = sum(start_seconds(service) for service in restarts)
    down = sum(copy.down for copy in copies) + stops
    if not copies:
        if not restarts:
            return Reading(text="nothing to copy, nothing stands still", figure=0.0)
        return Reading(
            text=f"nothing to copy; {count(len(restarts), 'task')} restarted, "
            f"down {lasting(stops)} in all",
            figure=down,
        )
    return Reading(
        text=_copied(copies),
        figure=down,
        details={
            "bytes": sum(copy.size or 0 for copy in copies),
            "seconds": sum(copy.seconds for copy in copies),
            "down": down,
            "down_warm": sum(copy.down_warm for copy in copies) + stops,
        },
    )


def _copied(copies: tuple[Transfer, ...]) -> str:
    whole = sum(copy.size or 0 for copy in copies)
    unknown = [copy.service for copy in copies if copy.size is None]
    text = (
        f"{size(whole / MIB)} to copy in about {lasting(sum(c.seconds for c in copies))}; "
        f"down {lasting(sum(c.down for c in copies))} if stopped first, "
        f"{lasting(sum(c.down_warm for c in copies))} if copied while it runs"
    )
    return text + (f"; size of {listed(unknown)} unknown" if unknown else "")


def mounts(side: Side, scope: Scope) -> Reading:
    """Mounts and backups somebody has to look after for this side."""
    said: list[str] = []
    for service, source, target in moved(side, scope):
        said.extend(dict.fromkeys(_mounts(service, source, target)))
        said.extend(_backups(side.fleet, service, source, target))
    if not said:
        return Reading(text="nothing to look after", figure=0.0)
    text = "; ".join(said[:4]) + (f"; and {len(said) - 4} more" if len(said) > 4 else "")
    return Reading(text=text, figure=len(said), lines=tuple(said))


def _mounts(service: Service, source: str, target: str) -> Iterator[str]:
    volumes = [
        use.source or use.target
        for use in service.volumes
        if use.kind == "volume" and use.local_data
    ]
    binds = [use.source or "" for use in service.volumes if use.kind == "bind"]
    shared = [use.source or use.target for use in service.volumes if use.kind == "shared"]
    if volumes and not service.movable:
        yield f"{count(len(volumes), 'volume')} of {service.id} to copy ({listed(volumes)})"
    elif volumes:
        yield f"{service.id} starts with an empty {listed(volumes)}"
    if binds:
        yield f"{listed(binds)} must exist on {target}"
    if shared:
        yield f"{listed(shared)} must be reachable from {target}"


def _backups(fleet: Fleet, service: Service, source: str, target: str) -> Iterator[str]:
    """What becomes of the copies of its data: they follow it, but never onto its own server."""
    if not service.state.keeps_data or not any(use.local_data for use in service.volumes):
        return
    if not fleet.backup.repositories:
        yield f"backups of {service.id} that run on {source} must follow"
        return
    sets = data_sets(fleet)
    rules = policies(fleet.backup, sets)
    for one in sets:
        if service.id not in one.services or one.id not in rules:
            continue
        candidates = fleet.backup.candidates(rules[one.id])
        before, after = chosen(candidates, (source,)), chosen(candidates, (target,))
        if after is None:
            yield f"every repository for the backups of {one.id} is on {target} too"
        elif after != before:
            yield f"backups of {one.id} go to {after.name} from then on"


def lasting(seconds: float) -> str:
    """`45 s`, `13 min`, `2.5 h`."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"
