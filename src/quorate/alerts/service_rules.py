"""Alerts about services: down, with too few tasks, waiting, away from home. Pure.

How long one may be down is the fleet's own promise: its recovery target, or the service's.
"""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import metrics
from quorate.alerts.model import Rule, Scope, Severity, duration, one_of

AWAY_SECONDS = 900.0
"""Away from home is no harm; long enough for a server that restarts to come back."""


def service_rules(scope: Scope) -> Iterator[Rule]:
    """For each recovery target there is."""
    for target, names in _by_target(scope).items():
        matchers = _matchers(scope, names)
        for severity, inside in _graded(scope, names, matchers):
            yield _down(scope, target, inside, severity)
        yield _degraded(scope, target, matchers)
        yield _pending(scope, target, matchers)
    yield _away(scope)


def _by_target(scope: Scope) -> dict[float, tuple[str, ...]]:
    """Recovery target (seconds) → the services with it as their own; none for the fleet's."""
    general = scope.fleet.policy.recovery_target
    own: dict[float, list[str]] = {}
    for service in scope.fleet.swarm_services():
        if service.recovery_target is not None and service.recovery_target != general:
            own.setdefault(service.recovery_target, []).append(service.id)
    return {general: (), **{target: tuple(sorted(own[target])) for target in sorted(own)}}


def _matchers(scope: Scope, names: tuple[str, ...]) -> tuple[str, ...]:
    """For these services; for none: for those without a target of their own."""
    if names:
        return (one_of("service", names),)
    special = [name for found in _by_target(scope).values() for name in found]
    return (one_of("service", tuple(sorted(special)), but=True),) if special else ()


def _graded(
    scope: Scope, names: tuple[str, ...], matchers: tuple[str, ...]
) -> Iterator[tuple[Severity, tuple[str, ...]]]:
    """How bad it is that one is down, and matchers for where it is so."""
    production = scope.fleet.policy.production_classes
    classes = {s.workload_class for s in scope.fleet.swarm_services() if s.id in names}
    if production and (not names or classes & set(production)):
        yield Severity.CRITICAL, (*matchers, one_of("class", production))
    if not names or classes - set(production):
        others = (one_of("class", production, but=True),) if production else ()
        yield Severity.WARNING, (*matchers, *others)


def _down(scope: Scope, target: float, matchers: tuple[str, ...], severity: Severity) -> Rule:
    healthy = scope.of(metrics.SERVICE_HEALTHY, *matchers)
    running = scope.of(metrics.TASKS_RUNNING, *matchers)
    return Rule(
        alert="ServiceDown",
        expr=f"{healthy} == 0 and {running} == 0",
        wait=target,
        severity=severity,
        summary="{{ $labels.service }} does not run, for longer than its recovery target",
        cause="Its tasks fail, wait for a server that would take them, or it is not deployed.",
        action=_look(scope) + " Not deployed, or its update is wrong: "
        f"`quorate up {scope.file}`, or `quorate rollback {scope.file}`.",
        labels={"recovery_target": duration(target)},
    )


def _degraded(scope: Scope, target: float, matchers: tuple[str, ...]) -> Rule:
    healthy = scope.of(metrics.SERVICE_HEALTHY, *matchers)
    running = scope.of(metrics.TASKS_RUNNING, *matchers)
    return Rule(
        alert="ServiceDegraded",
        expr=f"{running} > 0 and {healthy} == 0",
        wait=target,
        severity=Severity.WARNING,
        summary="{{ $labels.service }} runs only {{ $value }} of its tasks",
        cause="Some of its tasks fail, wait, or were on a server that is down.",
        action=_look(scope),
        labels={"recovery_target": duration(target)},
    )


def _pending(scope: Scope, target: float, matchers: tuple[str, ...]) -> Rule:
    return Rule(
        alert="ServicePending",
        expr=f"{scope.of(metrics.TASKS_PENDING, *matchers)} > 0",
        wait=target,
        severity=Severity.WARNING,
        summary="{{ $value }} tasks of {{ $labels.service }} wait for a server",
        cause="No server that is ready fits its constraints and has what it reserves, or the one "
        "with its data is down.",
        action="On a manager: `docker service ps --no-trunc {{ $labels.swarm_service }}` gives "
        f"Swarm's reason; `quorate explain {{{{ $labels.service }}}} {scope.file}` says where it "
        f"may run. Where there is room: `quorate status {scope.file} --deep --mend`.",
        labels={"recovery_target": duration(target)},
    )


def _away(scope: Scope) -> Rule:
    return Rule(
        alert="ServiceAway",
        expr=f"{scope.of(metrics.SERVICE_AWAY)} == 1",
        wait=AWAY_SECONDS,
        severity=Severity.INFO,
        summary="{{ $labels.service }} runs away from home",
        cause="Its server was lost, drained or restarted; Swarm moves nothing back.",
        action=f"`quorate up {scope.file}` brings it home, once its server is up.",
    )


def _look(scope: Scope) -> str:
    return (
        f"`quorate logs {{{{ $labels.service }}}} --fleet {scope.file}`; on a manager: `docker "
        "service ps --no-trunc {{ $labels.swarm_service }}`."
    )
