"""Alerts about what copies are worth: proofs, repositories, the time a restore takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.backup_limits import HOUR, LATE_SECONDS, Limit, of_sources, proven_limits, rest
from quorate.alerts.model import Rule, Scope, Severity, duration, one_of

UNREAD_SECONDS = 6 * HOUR
"""A repository that is read after each run is read every hour where there is a Redis."""

SETTLED_SECONDS = 900.0
BY_COPY = "max by (fleet, source, repository, copy)"


def proof_rules(scope: Scope) -> Iterator[Rule]:
    """Of a fleet that names repositories."""
    yield _proof_failed(scope)
    for limit in proven_limits(scope.fleet, of_sources(scope.fleet)):
        yield _unproven(scope, limit)
    yield _never_proven(scope)
    yield _slow(scope)
    yield _repository_damaged(scope)
    yield _repository_silent(scope)


def _proof_failed(scope: Scope) -> Rule:
    return Rule(
        alert="BackupProofFailed",
        expr=f"{BY_COPY} ({scope.of(metrics.PROOF_OK)}) == 0",
        wait=0.0,
        severity=Severity.CRITICAL,
        summary="A copy of {{ $labels.source }} in {{ $labels.repository }} does not restore to "
        "what it was",
        cause="It is damaged, cut off, or what restores it differs from what made it.",
        action=f"`quorate backup list --source {{{{ $labels.source }}}} --fleet {scope.file}` says "
        "which, and which older ones are proven; "
        f"`quorate backup prove {{{{ $labels.source }}}} --all --fleet {scope.file}` tries them "
        "all. Make a new one: "
        f"`quorate backup run {{{{ $labels.source }}}} --fleet {scope.file}`.",
    )


def _unproven(scope: Scope, limit: Limit) -> Rule:
    newest = scope.of(metrics.PROVEN_COPY, one_of("source", limit.sources))
    return Rule(
        alert="BackupUnproven",
        expr=f"time() - {BY_COPY} ({newest}) > {limit.seconds:.0f}",
        wait=LATE_SECONDS,
        severity=Severity.WARNING,
        summary="The newest copy of {{ $labels.source }} in {{ $labels.repository }} that is known "
        "to restore is {{ $value | humanizeDuration }} old",
        cause="Proofs fail, take longer than there is time, or do not begin.",
        action=_prove(scope),
        labels={"schedule": duration(limit.seconds)},
    )


def _never_proven(scope: Scope) -> Rule:
    copies, proven = scope.of(metrics.COPIES), scope.of(metrics.PROVEN_COPY)
    return Rule(
        alert="BackupNeverProven",
        expr=f"{copies} > 0 unless on (fleet, source, repository, copy) {proven}",
        wait=rest(scope.fleet.backup.proving.schedule) + LATE_SECONDS,
        severity=Severity.WARNING,
        summary="Nobody knows whether {{ $labels.source }} can be restored from "
        "{{ $labels.repository }}",
        cause="None of its {{ $value }} copies there was ever restored and found the same.",
        action=_prove(scope),
    )


def _prove(scope: Scope) -> str:
    return (
        f"`quorate backup prove {{{{ $labels.source }}}} --fleet {scope.file}` proves the newest "
        f"now; `quorate backup status {scope.file}` says what was proven, and when."
    )


def _repository_damaged(scope: Scope) -> Rule:
    return Rule(
        alert="BackupRepositoryDamaged",
        expr=f"{scope.of(metrics.REPOSITORY_OK)} == 0",
        wait=0.0,
        severity=Severity.CRITICAL,
        summary="The repository {{ $labels.repository }} did not pass its check",
        cause="Its disk loses or changes data, or somebody removed files in it.",
        action="Look at the disk there. The copies in other repositories are not touched by it: "
        f"`quorate backup list --fleet {scope.file}` says which of them are proven, and `quorate "
        f"backup prove --repository {{{{ $labels.repository }}}} --fleet {scope.file}` which of "
        "this one still restore. Then `restic repair` where it lies.",
    )


def _repository_silent(scope: Scope) -> Rule:
    read = scope.of(metrics.REPOSITORY_READ)
    return Rule(
        alert="BackupRepositorySilent",
        expr=f"time() - max by (fleet, repository) ({read}) > {UNREAD_SECONDS:.0f}",
        wait=SETTLED_SECONDS,
        severity=Severity.WARNING,
        summary="The repository {{ $labels.repository }} could not be read for "
        "{{ $value | humanizeDuration }}",
        cause="Its server or store is down, or refuses us. What is said of its copies is as old.",
        action=f"`quorate backup list --fleet {scope.file}` asks it and says what it answers.",
    )


def _slow(scope: Scope) -> Rule:
    took, target = scope.of(metrics.RTO), scope.of(metrics.RTO_TARGET)
    return Rule(
        alert="BackupRestoreSlow",
        expr=f"max by (fleet, source) ({took}) > max by (fleet, source) ({target})",
        wait=0.0,
        severity=Severity.WARNING,
        summary="Restoring {{ $labels.source }} took {{ $value | humanizeDuration }}, longer than "
        "it may",
        cause="The data has grown, or the server it is restored on is slow.",
        action="Restore it from a repository that is nearer, make it smaller, or say what is "
        "bearable: `restore_within` of the source.",
    )
