"""What is wrong with servers and settings: disk, certificate, clock, heartbeat. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from quorate.fleet.model import Fleet
from quorate.observe.deep_model import Action, Check, Disk, Facts, Finding, Kind, Validity

GIB = 1024**3
LEAST_FREE = 1 * GIB
ENOUGH_FREE = 10 * GIB
FREE_SHARE = 0.1
"""Too little is less than a tenth, though never more than 10 GiB nor less than 1 GiB."""

RENEWED_BEFORE = 0.2
"""Swarm renews a certificate when 50 to 80 % of its time is over (swarmkit, ca/renewer.go)."""

CLOCK_SECONDS = 1.0


def drifted(fleet: Fleet, facts: Facts) -> Iterator[Finding]:
    """Settings of the swarm that are not the fleet file's."""
    if facts.settings is None:
        return
    wanted = fleet.swarm
    said = []
    if facts.settings.heartbeat != wanted.heartbeat:
        said.append(
            f"the dispatcher heartbeat is {facts.settings.heartbeat:g} s, "
            f"the fleet file says {wanted.heartbeat:g} s"
        )
    if facts.settings.task_history != wanted.task_history:
        said.append(
            f"the task history is {facts.settings.task_history}, "
            f"the fleet file says {wanted.task_history}"
        )
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
    clocks = {name: seen.clock for name, seen in facts.servers.items() if seen.clock is not None}
    if len(clocks) < 2:
        return
    middle = sorted(clocks.values(), key=lambda clock: clock.ahead)[(len(clocks) - 1) // 2]
    for name, clock in clocks.items():
        ahead = clock.ahead - middle.ahead
        if abs(ahead) - clock.error - middle.error > CLOCK_SECONDS:
            way = "ahead of" if ahead > 0 else "behind"
            yield Finding(
                check=Check.CLOCK,
                where=name,
                subject=name,
                what=f"its clock is {abs(ahead):.1f} s {way} the others'",
                why="certificates, logs, leases of databases and signed requests go by the clock",
                mend=f"on {name}: `timedatectl set-ntp true`, and see where it takes the time from",
            )
