"""Alerts about rehearsed recoveries: failed, overdue, longer or dearer than they may be. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.backup_limits import rest
from quorate.alerts.metrics import Metric
from quorate.alerts.model import Rule, Scope, Severity

OVERDUE_SECONDS = 6 * 3600.0
"""As `quorate.backup.policy.rehearsals.GRACE` has it."""

BY_SOURCE = "max by (fleet, source)"


def rehearsal_rules(scope: Scope) -> Iterator[Rule]:
    """Of a fleet whose recoveries are rehearsed; none of another one."""
    if not scope.fleet.backup.rehearsing.on:
        return
    yield _failed(scope)
    yield _overdue(scope)
    yield _slow(scope)
    yield _dear(scope)


def _failed(scope: Scope) -> Rule:
    return Rule(
        alert="RehearsalFailed",
        expr=f"{BY_SOURCE} ({scope.of(metrics.REHEARSAL_OK)}) == 0",
        wait=0.0,
        severity=Severity.CRITICAL,
        summary="The recovery of {{ $labels.source }} was rehearsed, and did not go well",
        cause="Its copy does not restore to what it was, or no server could restore it.",
        action=f"`quorate backup status {scope.file}` says why; `quorate recover database "
        f"{{{{ $labels.source }}}} --rehearse --fleet {scope.file}` does it again.",
    )


def _overdue(scope: Scope) -> Rule:
    limit = rest(scope.fleet.backup.rehearsing.schedule) + OVERDUE_SECONDS
    return Rule(
        alert="RehearsalOverdue",
        expr=f"time() - {BY_SOURCE} ({scope.of(metrics.REHEARSED)}) > {limit:.0f}",
        wait=0.0,
        severity=Severity.WARNING,
        summary="The recovery of {{ $labels.source }} was not rehearsed when it should have been",
        cause="None of its copies is proven, rehearsals fail, or servers have no time for them.",
        action=f"`quorate backup status {scope.file}` says what is wrong with its copies; `quorate "
        f"recover database {{{{ $labels.source }}}} --rehearse --fleet {scope.file}` does it now.",
    )


def _above(scope: Scope, measured: Metric, target: Metric) -> str:
    return f"{BY_SOURCE} ({scope.of(measured)}) > {BY_SOURCE} ({scope.of(target)})"


def _slow(scope: Scope) -> Rule:
    return Rule(
        alert="RehearsalSlow",
        expr=_above(scope, metrics.REHEARSAL_RTO, metrics.RTO_TARGET),
        wait=0.0,
        severity=Severity.WARNING,
        summary="Recovering {{ $labels.source }} took {{ $value | humanizeDuration }} when it was "
        "rehearsed, longer than it may",
        cause="The data has grown, its copy is far away, or the servers are busy or slow.",
        action="Have it in a repository that is nearer, make it smaller, or say what is bearable: "
        "`restore_within` of the source.",
    )


def _dear(scope: Scope) -> Rule:
    return Rule(
        alert="RehearsalLosesTooMuch",
        expr=_above(scope, metrics.REHEARSAL_RPO, metrics.RPO_TARGET),
        wait=0.0,
        severity=Severity.WARNING,
        summary="The last {{ $value | humanizeDuration }} of {{ $labels.source }} would have been "
        "lost when its recovery was rehearsed, more than may be",
        cause="It is backed up too seldom, or copies are proven long after they are made: a "
        "recovery takes the newest proven one.",
        action="Back it up and prove it more often, receive the write-ahead log of a Postgres "
        "(`wal: true`), or say what is bearable: `lose_at_most` of the source.",
    )
