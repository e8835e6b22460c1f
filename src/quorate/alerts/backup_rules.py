"""Alerts about backups: missing, failed, out of room, not off-site, unprotected. Pure.

BackupMissing, BackupFailed and BackupDiskFull are the source document's ("Backup Monitoring"), with
its severities and times; how old a copy may be goes by the schedule of its source, where the
document has 24 hours for all. What a rule compares with is in the fleet file where it can be, so
that a controller that is gone takes no alert with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import backup_metrics as metrics
from quorate.alerts.backup_limits import (
    LATE_SECONDS,
    Limit,
    copied_limits,
    made_limits,
    of_sources,
    repository_mounts,
    rest,
)
from quorate.alerts.backup_log_rules import log_rules
from quorate.alerts.backup_proof_rules import BY_COPY, SETTLED_SECONDS, proof_rules
from quorate.alerts.backup_rehearsal_rules import rehearsal_rules
from quorate.alerts.model import Rule, Scope, Severity, duration, one_of, quoted

FAILED_SECONDS = 300.0
FULL_SECONDS = 600.0
FULL_SHARE = 0.1
"""The document's."""

HALF = 0.5
"""As `quorate.backup.policy.coverage.SIZE_DROP` has it."""

DEAD_SECONDS = 180.0
DEAD_WAIT_SECONDS = 120.0
"""A controller whose server is lost is back on another one within a minute or two."""

ORIGINAL = f"copy={quoted(metrics.ORIGINAL)}"
COPIED = f"copy={quoted(metrics.COPIED)}"


def backup_rules(scope: Scope) -> Iterator[Rule]:
    """Of a fleet that names repositories; none of another one."""
    if not scope.fleet.backup.repositories:
        return
    of = of_sources(scope.fleet)
    for limit in made_limits(of):
        yield _missing(scope, limit)
    yield _failed(scope)
    yield from _disk_full(scope)
    if scope.fleet.backup.copies:
        for limit in copied_limits(scope.fleet, of):
            yield _offsite_stale(scope, limit)
        yield _offsite_never(scope)
    yield from proof_rules(scope)
    yield from rehearsal_rules(scope)
    yield from log_rules(scope)
    yield _unprotected(scope)
    yield _size_drop(scope)
    yield _wrong_times(scope)
    yield _runner_dead(scope)


def _missing(scope: Scope, limit: Limit) -> Rule:
    """Of all repositories together: where a source moves, its repository may change."""
    newest = scope.of(metrics.LAST_SUCCESS, one_of("source", limit.sources), ORIGINAL)
    never = " or ".join(
        f"absent({scope.of(metrics.LAST_SUCCESS, f'source={quoted(name)}', ORIGINAL)})"
        for name in limit.sources
    )
    # A long run is no late one, unless the one before it failed.
    going_on = (
        f"({scope.of(metrics.RUNNING)} == 1 unless on (fleet, source) "
        f"max by (fleet, source) ({scope.of(metrics.LAST_EXIT_CODE, ORIGINAL)}) != 0)"
    )
    return Rule(
        alert="BackupMissing",
        expr=f"(time() - max by (fleet, source) ({newest}) > {limit.seconds:.0f} or {never}) "
        f"unless on (fleet, source) {going_on}",
        wait=LATE_SECONDS,
        severity=Severity.CRITICAL,
        summary="{{ $labels.source }} has no new backup for longer than "
        f"{duration(limit.seconds)}, its schedule",
        cause="Its runs fail or do not begin, or there never was one: the controller or the "
        "server with the data is down, the repository cannot be reached, or a password is wrong.",
        action=f"`quorate backup status {scope.file}` says why; "
        f"`quorate backup run {{{{ $labels.source }}}} --fleet {scope.file}` makes one now.",
        labels={"schedule": duration(limit.seconds)},
    )


def _failed(scope: Scope) -> Rule:
    return Rule(
        alert="BackupFailed",
        expr=f"{BY_COPY} ({scope.of(metrics.LAST_EXIT_CODE)}) != 0",
        wait=FAILED_SECONDS,
        severity=Severity.WARNING,
        summary="The last backup of {{ $labels.source }} into {{ $labels.repository }} failed: "
        "exit code {{ $value }}",
        cause="Exit code 6: a program, server, disk or repository is not as needed; "
        "docs/reference/exit-codes.md has the others. The copies that were there are untouched.",
        action=f"`quorate backup status {scope.file}` gives the reason; "
        f"`quorate backup list --fleet {scope.file}` says which repositories do not answer.",
    )


def _disk_full(scope: Scope) -> Iterator[Rule]:
    """By what the controller sees; and by node_exporter, whether there is a controller or not."""
    free, room = scope.of(metrics.REPOSITORY_FREE), scope.of(metrics.REPOSITORY_ROOM)
    yield _full(
        scope,
        expr=f"{free} / {room} < {FULL_SHARE}",
        where="the repository {{ $labels.repository }}",
        seen_by="quorate",
    )
    mounts = repository_mounts(scope.fleet)
    if mounts:
        matcher = "{" + one_of("mountpoint", mounts) + "}"
        yield _full(
            scope,
            expr=f"({metrics.NODE_FREE}{matcher} / {metrics.NODE_SIZE}{matcher}) < {FULL_SHARE}",
            where="{{ $labels.mountpoint }} of {{ $labels.instance }}, where copies lie",
            seen_by="node_exporter",
        )


def _full(scope: Scope, *, expr: str, where: str, seen_by: str) -> Rule:
    return Rule(
        alert="BackupDiskFull",
        expr=expr,
        wait=FULL_SECONDS,
        severity=Severity.WARNING,
        summary=f"Only {{{{ $value | humanizePercentage }}}} are left for {where}",
        cause="Copies grew, are kept for longer, or are not proven: what is not proven takes no "
        "other's place. A backup that finds no room fails.",
        action=f"`quorate backup estimate {scope.file}` says what the policy needs: give it a "
        "larger disk, or keep fewer copies. "
        f"`quorate backup prune --fleet {scope.file} --dry-run` shows what retention lets go.",
        labels={"seen_by": seen_by},
    )


def _offsite_stale(scope: Scope, limit: Limit) -> Rule:
    newest = scope.of(metrics.LAST_SUCCESS, one_of("source", limit.sources), COPIED)
    return Rule(
        alert="BackupOffsiteStale",
        expr=f"time() - {BY_COPY} ({newest}) > {limit.seconds:.0f}",
        wait=LATE_SECONDS,
        severity=Severity.WARNING,
        summary="The newest copy of {{ $labels.source }} in {{ $labels.repository }} is "
        "{{ $value | humanizeDuration }} old",
        cause="Copying fails or does not begin: the far side cannot be reached, is full, or "
        "refuses us.",
        action=f"`quorate backup copy {{{{ $labels.source }}}} --fleet {scope.file}` copies it "
        "now, or says why it cannot.",
        labels={"schedule": duration(limit.seconds)},
    )


def _offsite_never(scope: Scope) -> Rule:
    """Where there is something to copy, and copying has had its turn."""
    copied, made = scope.of(metrics.COPIES, COPIED), scope.of(metrics.COPIES, ORIGINAL)
    return Rule(
        alert="BackupOffsiteMissing",
        expr=f"{copied} == 0 and on (fleet, source) {made} > 0",
        wait=rest(scope.fleet.backup.copying.schedule) + LATE_SECONDS,
        severity=Severity.WARNING,
        summary="No copy of {{ $labels.source }} is in {{ $labels.repository }}",
        cause="There are backups, and none was ever copied there, or none arrived whole.",
        action=f"`quorate backup copy {{{{ $labels.source }}}} --fleet {scope.file}` copies it "
        "now, or says why it cannot.",
    )


def _unprotected(scope: Scope) -> Rule:
    return Rule(
        alert="BackupUnprotected",
        expr=f"{scope.of(metrics.UNPROTECTED)} == 1",
        wait=SETTLED_SECONDS,
        severity=Severity.WARNING,
        summary="Nothing backs up {{ $labels.what }}"
        "{{ if $labels.server }} on {{ $labels.server }}{{ end }}",
        cause="No service that keeps data (`x-quorate.state`) mounts it, it was left behind by one "
        "that moved, or no repository is on another server.",
        action=f"`quorate backup status {scope.file}` gives the reason. Give its service a "
        "`state`, name it under `backup.exclude`, or remove it by hand if it is nothing.",
    )


def _size_drop(scope: Scope) -> Rule:
    size, usual = scope.of(metrics.SIZE, ORIGINAL), scope.of(metrics.USUAL_SIZE, ORIGINAL)
    return Rule(
        alert="BackupSizeDrop",
        expr=f"max by (fleet, source, repository) ({size}) "
        f"< {HALF} * max by (fleet, source, repository) ({usual})",
        wait=0.0,
        severity=Severity.WARNING,
        summary="The newest backup of {{ $labels.source }} holds only "
        "{{ $value | humanize1024 }}B, less than half of those before",
        cause="Data was deleted, the source is not mounted or is another one, or somebody cleaned "
        "up. The copies before it are still there.",
        action=f"Look at the source. If the data is gone: `quorate backup list "
        f"--source {{{{ $labels.source }}}} --fleet {scope.file}`, then `quorate backup restore "
        f"{{{{ $labels.source }}}} --copy ID --fleet {scope.file}` with an older one.",
    )


def _wrong_times(scope: Scope) -> Rule:
    return Rule(
        alert="BackupTimesWrong",
        expr=f"{scope.of(metrics.POISONED)} > 0",
        wait=0.0,
        severity=Severity.WARNING,
        summary="{{ $value }} copies of {{ $labels.source }} have a time that cannot be right",
        cause="The clock of a server was wrong when they were made, or somebody made them who "
        "wants others to be forgotten. They take no other's place, and stay.",
        action=f"`quorate backup status {scope.file}` names them; see the clocks: "
        f"`quorate status {scope.file} --deep`.",
    )


def _runner_dead(scope: Scope) -> Rule:
    beat = scope.of(metrics.HEARTBEAT)
    return Rule(
        alert="BackupRunnerDead",
        expr=f"time() - max by (fleet) ({beat}) > {DEAD_SECONDS:.0f} or absent({beat})",
        wait=DEAD_WAIT_SECONDS,
        severity=Severity.CRITICAL,
        summary="The controller is gone: nothing is backed up, copied or proven any more",
        cause="Its service does not run, hangs, or is not scraped.",
        action=f"`quorate status {scope.file}`, `docker service ps --no-trunc` of `quorate serve` "
        "on a manager; in Prometheus: Status, Targets. Backups can be made by hand meanwhile: "
        f"`quorate backup run --fleet {scope.file}`.",
    )
