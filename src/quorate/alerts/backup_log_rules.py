"""Alerts about write-ahead logs: not received, without a base backup, near a lost slot. Pure.

Which sources have one is in the fleet file, so that a log nobody looks at is missed too.
"""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.backup_limits import HOUR
from quorate.alerts.model import Rule, Scope, Severity, quoted
from quorate.fleet.backup_wal import streamed

BEHIND_SECONDS = 600.0
"""Swarm begins a receiver anew after as long. Status says it after `wal.standing.BEHIND`."""
DOWN_SECONDS = 300.0
"""A database or receiver that is started anew is back by then."""
BASE_SECONDS = HOUR
"""As `serving.lognews.BEGINS` has it: a base backup reads the whole database."""
UNKNOWN_SECONDS = 900.0
NEAR = 0.25
"""As `quorate.backup.wal.standing.NEAR` has it."""

BY_SOURCE = "max by (fleet, source)"


def log_rules(scope: Scope) -> Iterator[Rule]:
    """Of a fleet that streams the write-ahead log of a Postgres; none of another one."""
    sources = tuple(one.id for one, _ in streamed(scope.fleet))
    if not sources:
        return
    yield _not_received(scope)
    yield _unprotected(scope)
    yield _losing(scope)
    yield _unknown(scope, sources)


def _not_received(scope: Scope) -> Rule:
    received = f"time() - {BY_SOURCE} ({scope.of(metrics.LOG_RECEIVED)}) > {BEHIND_SECONDS:.0f}"
    return Rule(
        alert="BackupLogNotReceived",
        expr=f"{BY_SOURCE} ({scope.of(metrics.LOG_UP)}) == 0 or {received}",
        wait=DOWN_SECONDS,
        severity=Severity.CRITICAL,
        summary="The write-ahead log of {{ $labels.source }} is not received: a loss now costs all "
        "since it was",
        cause="Its receiver or its server is down, the database does not answer it, or the slot "
        "was given up.",
        action=f"`quorate backup doctor {scope.file}` says why, and what to do.",
    )


def _unprotected(scope: Scope) -> Rule:
    return Rule(
        alert="BackupLogUnprotected",
        expr=f"{BY_SOURCE} ({scope.of(metrics.LOG_PROTECTED)}) == 0 "
        f"and on (fleet, source) {BY_SOURCE} ({scope.of(metrics.LOG_UP)}) == 1",
        wait=BASE_SECONDS,
        severity=Severity.WARNING,
        summary="The write-ahead log of {{ $labels.source }} is received, and cannot be restored "
        "from",
        cause="Since it was last received without a hole no base backup was made: it fails, or "
        "takes very long.",
        action=f"`quorate backup doctor {scope.file}` says why, and what to do.",
    )


def _losing(scope: Scope) -> Rule:
    room, bound = scope.of(metrics.LOG_SLOT_ROOM), scope.of(metrics.LOG_SLOT_BOUND)
    lost = scope.of(metrics.LOG_SLOT_LOST)
    return Rule(
        alert="BackupLogSlotLosing",
        expr=f"{BY_SOURCE} ({room}) < {NEAR} * {BY_SOURCE} ({bound}) or {BY_SOURCE} ({lost}) == 1",
        wait=0.0,
        severity=Severity.CRITICAL,
        summary="The slot of {{ $labels.source }} is nearly given up, or was: then its write-ahead "
        "log has a hole",
        cause="More is written than is received: the receiver is away or slow, or its disk is "
        "full.",
        action=f"`quorate backup doctor {scope.file}` says how much may still be written. See why "
        "its receiver is behind; let the slot hold back more (`wal: {slot_room: …}`), then "
        f"`quorate up {scope.file}`.",
    )


def _unknown(scope: Scope, sources: tuple[str, ...]) -> Rule:
    """Where there is a controller: one that is gone is told by BackupRunnerDead."""
    absent = " or ".join(
        f"absent({scope.of(metrics.LOG_UP, f'source={quoted(name)}')})" for name in sources
    )
    return Rule(
        alert="BackupLogUnknown",
        expr=f"({absent}) unless on (fleet) absent({scope.of(metrics.HEARTBEAT)})",
        wait=UNKNOWN_SECONDS,
        severity=Severity.WARNING,
        summary="Nobody knows whether the write-ahead log of {{ $labels.source }} is received",
        cause="The controller decides for a fleet file without it, or is of a version that does "
        "not look at logs.",
        action=f"`quorate up {scope.file}` gives the controller this fleet file and starts the "
        f"receiver; `quorate backup status {scope.file}` says how it is now.",
    )
