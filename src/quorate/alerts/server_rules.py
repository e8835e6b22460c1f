"""Alerts about single servers: silence, disk, certificate, clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import metrics
from quorate.alerts.limits import (
    CLOCK_SECONDS,
    ENOUGH_FREE,
    FREE_SHARE,
    LEAST_FREE,
    RENEWED_BEFORE,
)
from quorate.alerts.model import Rule, Scope, Severity, one_of

SILENT_SECONDS = 120.0
DISK_SECONDS = 300.0
CLOCK_WAIT_SECONDS = 300.0
"""Two looks at the servers at least, in all of these."""

RENEWAL_SECONDS = 3600.0


def server_rules(scope: Scope) -> Iterator[Rule]:
    """Of managers and workers."""
    yield _unreachable(scope)
    managers = tuple(server.name for server in scope.fleet.managers)
    yield _raft_disk(scope, managers)
    if len(managers) < len(scope.fleet.servers):
        yield _disk(scope, managers)
    yield _certificate_ended(scope)
    yield _certificate_old(scope)
    yield _clock(scope)


def _unreachable(scope: Scope) -> Rule:
    return Rule(
        alert="ServerUnreachable",
        expr=f"{scope.of(metrics.SERVER_ANSWERS)} == 0",
        wait=SILENT_SECONDS,
        severity=Severity.WARNING,
        summary="{{ $labels.server }} does not answer Quorate",
        cause="It is off, refuses the ssh key, or its engine has stopped. Its disk, certificate, "
        "clock and containers are not seen meanwhile.",
        action=f"`quorate status {scope.file}` gives the reason. On {{{{ $labels.server }}}}: "
        "`systemctl status ssh docker`.",
    )


def _raft_disk(scope: Scope, managers: tuple[str, ...]) -> Rule:
    return Rule(
        alert="RaftDiskLow",
        expr=_low(scope, one_of("server", managers)),
        wait=DISK_SECONDS,
        severity=Severity.CRITICAL,
        summary="{{ $value | humanize1024 }}B are left for the raft log of the manager "
        "{{ $labels.server }}",
        cause="Images, logs or volumes fill the file system of its engine. A manager that cannot "
        "write its log leaves the quorum.",
        action=_clean(scope),
    )


def _disk(scope: Scope, managers: tuple[str, ...]) -> Rule:
    return Rule(
        alert="DiskLow",
        expr=_low(scope, one_of("server", managers, but=True)),
        wait=DISK_SECONDS,
        severity=Severity.WARNING,
        summary="{{ $value | humanize1024 }}B are left for the engine of {{ $labels.server }}",
        cause="Images, logs or volumes fill its file system. No image can be pulled there once it "
        "is full, and what writes fails.",
        action=_clean(scope),
    )


def _low(scope: Scope, matcher: str) -> str:
    free, share = scope.of(metrics.DISK_FREE, matcher), scope.of(metrics.DISK_FREE_RATIO, matcher)
    return f"{free} < {LEAST_FREE} or ({free} < {ENOUGH_FREE} and {share} < {FREE_SHARE})"


def _clean(scope: Scope) -> str:
    return (
        "On {{ $labels.server }}: `docker system df -v` says what is large, `docker image prune` "
        f"removes images without a name; `quorate status {scope.file} --deep --mend` does that."
    )


def _certificate_ended(scope: Scope) -> Rule:
    return Rule(
        alert="CertificateExpired",
        expr=f"{scope.of(metrics.CERTIFICATE_EXPIRY)} <= time()",
        wait=0.0,
        severity=Severity.CRITICAL,
        summary="The certificate of {{ $labels.server }} has ended",
        cause="The node was off while it should have renewed it, or its clock is wrong. Without a "
        "valid one it is shut out of the swarm.",
        action="On {{ $labels.server }}: `docker swarm leave --force` (never on most managers at "
        f"once); then `quorate up {scope.file}` joins it.",
    )


def _certificate_old(scope: Scope) -> Rule:
    start, end = scope.of(metrics.CERTIFICATE_START), scope.of(metrics.CERTIFICATE_EXPIRY)
    return Rule(
        alert="CertificateExpiring",
        expr=f"({end} - time()) / ({end} - {start}) < {RENEWED_BEFORE} and {end} > time()",
        wait=RENEWAL_SECONDS,
        severity=Severity.WARNING,
        summary="The certificate of {{ $labels.server }} was not renewed in time: "
        "{{ $value | humanizePercentage }} of its life is left",
        cause="Swarm renews it when 50 to 80% of its life is over: the node does not reach a "
        "manager, or there is no quorum.",
        action="On {{ $labels.server }}: `systemctl restart docker`, and then "
        f"`quorate status {scope.file} --deep`.",
    )


def _clock(scope: Scope) -> Rule:
    skew, error = scope.of(metrics.CLOCK_SKEW), scope.of(metrics.CLOCK_ERROR)
    return Rule(
        alert="ClockSkew",
        expr=f"abs({skew}) - {error} > {CLOCK_SECONDS:g}",
        wait=CLOCK_WAIT_SECONDS,
        severity=Severity.WARNING,
        summary="The clock of {{ $labels.server }} differs from the others' by at least "
        "{{ $value | humanizeDuration }}",
        cause="Its time service has stopped or cannot be reached. Certificates, logs, leases of "
        "databases and signed requests go by the clock.",
        action="On {{ $labels.server }}: `timedatectl set-ntp true`, and `timedatectl "
        "timesync-status` for where it takes the time from.",
    )
