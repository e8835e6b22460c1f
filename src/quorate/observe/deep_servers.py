"""What is wrong with servers and settings: disk, certificate, clock, heartbeat. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from quorate.alerts.limits import (
    CLOCK_SECONDS,
    ENOUGH_FREE,
    FREE_SHARE,
    GIB,
    LEAST_FREE,
    RENEWED_BEFORE,
)
from quorate.fleet.model import Fleet
from quorate.observe.deep_model import (
    Action,
    Check,
    Clock,
    Disk,
    Facts,
    Finding,
    Kind,
    ServerFacts,
    Settings,
    Validity,
)


def drifted(fleet: Fleet, facts: Facts) -> Iterator[Finding]:
    """Settings of the swarm that are not the fleet file's."""
    if facts.settings is None:
        return
    said = [
        f"the {name} is {found}, the fleet file says {wanted}"
        for name, (found, wanted) in settings(fleet, facts.settings).items()
        if found != wanted
    ]
    if said:
        yield Finding(
            check=Check.SETTINGS,
            where="swarm",
            subject="swarm",
            what="; ".join(said),
            why="the heartbeat decides how soon a lost server is noticed",
            mend="set them as the fleet file says, as `quorate up` does",
            action=Action(kind=Kind.TUNE),
        )


def settings(fleet: Fleet, found: Settings) -> Mapping[str, tuple[str, str]]:
    """Setting → what it is in the swarm, and what the fleet file says."""
    wanted = fleet.swarm
    return {
        "dispatcher heartbeat": (f"{found.heartbeat:g} s", f"{wanted.heartbeat:g} s"),
        "task history": (str(found.task_history), str(wanted.task_history)),
    }


def full_disks(fleet: Fleet, facts: Facts) -> Iterator[Finding]:
    """Servers whose engine is about to have no room left."""
    managers = {server.name for server in fleet.managers}
    for name, seen in facts.servers.items():
        if seen.disk is None or not _too_full(seen.disk):
            continue
        why = (
            "a manager that cannot write its log leaves the quorum"
            if name in managers
            else "no image can be pulled there, and what writes fails"
        )
        yield Finding(
            check=Check.DISK,
            where=name,
            subject=name,
            what=f"{seen.disk.free / GIB:.1f} of {seen.disk.size / GIB:.0f} GiB are free "
            f"under {seen.disk.path}",
            why=why,
            mend="remove images without a name and the cache of builds; then look what else is "
            "large: `docker system df -v`",
            action=Action(kind=Kind.PRUNE, server=name),
        )


def _too_full(disk: Disk) -> bool:
    return disk.free < max(LEAST_FREE, min(ENOUGH_FREE, disk.size * FREE_SHARE))


def old_certificates(facts: Facts) -> Iterator[Finding]:
    """Certificates of nodes that ended, or that Swarm should have renewed by now."""
    now = facts.snapshot.taken_at
    for name, seen in facts.servers.items():
        said = _ends(seen.certificate, now) if seen.certificate else ""
        if said:
            yield Finding(
                check=Check.CERTIFICATE,
                where=name,
                subject=name,
                what=said,
                why="a node without a valid certificate is shut out of the swarm",
                mend=f"on {name}: `systemctl restart docker`; if it has ended: there "
                "`docker swarm leave --force` (never on most managers at once), then `quorate up`",
            )


def _ends(certificate: Validity, now: datetime) -> str:
    day = certificate.until.date().isoformat()
    if now < certificate.since:
        return f"its certificate is valid from {certificate.since.isoformat()} only"
    if now >= certificate.until:
        return f"its certificate ended on {day}"
    if (certificate.until - now) / (certificate.until - certificate.since) < RENEWED_BEFORE:
        return f"its certificate ends on {day} and was not renewed in time"
    return ""


def wrong_clocks(facts: Facts) -> Iterator[Finding]:
    """Servers whose clocks differ from the middle one, by more than the look was off."""
    for name, skew in skews(facts.servers).items():
        if abs(skew.ahead) - skew.error > CLOCK_SECONDS:
            way = "ahead of" if skew.ahead > 0 else "behind"
            yield Finding(
                check=Check.CLOCK,
                where=name,
                subject=name,
                what=f"its clock is {abs(skew.ahead):.1f} s {way} the others'",
                why="certificates, logs, leases of databases and signed requests go by the clock",
                mend=f"on {name}: `timedatectl set-ntp true`, and see where it takes the time from",
            )


def skews(servers: Mapping[str, ServerFacts]) -> Mapping[str, Clock]:
    """How far each server's clock is ahead of the middle one; none where fewer than two tell."""
    clocks = {name: seen.clock for name, seen in servers.items() if seen.clock is not None}
    if len(clocks) < 2:
        return {}
    middle = sorted(clocks.values(), key=lambda clock: clock.ahead)[(len(clocks) - 1) // 2]
    return {
        name: Clock(ahead=clock.ahead - middle.ahead, error=clock.error + middle.error)
        for name, clock in clocks.items()
    }
