"""All alerting rules of a fleet, and the file that Prometheus loads. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from quorate.alerts import metrics
from quorate.alerts.backup_rules import backup_rules
from quorate.alerts.model import Rule, Scope, Severity, duration
from quorate.alerts.server_rules import server_rules
from quorate.alerts.service_rules import service_rules
from quorate.alerts.swarm_rules import swarm_rules
from quorate.fleet.model import Fleet

EVERY_SECONDS = 15.0
STALE_SECONDS = 180.0
STALE_TIMES = 4
"""Without an answer from most managers one observation alone may take a minute."""

BLIND_SECONDS = 120.0
WIDTH = 100


def rules(fleet: Fleet, *, every: float = EVERY_SECONDS) -> dict[str, tuple[Rule, ...]]:
    """Group → its rules; `every`: seconds between two observations."""
    scope = Scope(fleet=fleet, every=every)
    backups = tuple(backup_rules(scope))
    return {
        "swarm": tuple(swarm_rules(scope)),
        "services": tuple(service_rules(scope)),
        "servers": tuple(server_rules(scope)),
        "quorate": tuple(own_rules(scope)),
        **({"backups": backups} if backups else {}),
    }


def own_rules(scope: Scope) -> Iterator[Rule]:
    """That nobody looks any more: no samples, old ones, or none of the swarm."""
    ok, observed = scope.of(metrics.OBSERVATION_OK), scope.of(metrics.OBSERVED)
    stale = max(STALE_SECONDS, STALE_TIMES * scope.every)
    yield Rule(
        alert="QuorateNotObserving",
        expr=f"({ok} == 0 unless {scope.of(metrics.QUORUM)} == 0) "
        f"or time() - {observed} > {stale:g} or absent({observed})",
        wait=BLIND_SECONDS,
        severity=Severity.WARNING,
        summary="Quorate does not observe the swarm: no other alert of it can be trusted",
        cause="`quorate metrics` has ended, hangs, is not scraped, or finds no swarm.",
        action="On the machine where it runs: see its log, and `quorate metrics "
        f"{scope.file}`; in Prometheus: Status, Targets.",
    )


def document(
    fleet: Fleet, *, every: float = EVERY_SECONDS, at_once: bool = False
) -> dict[str, Any]:
    """The rules in the form Prometheus reads; `at_once`: none waits, for a trial."""
    return {
        "groups": [
            {
                "name": f"quorate-{fleet.name}-{group}",
                "rules": [_written(replace(rule, wait=0.0) if at_once else rule) for rule in found],
            }
            for group, found in rules(fleet, every=every).items()
        ]
    }


def _written(rule: Rule) -> dict[str, Any]:
    wait = {"for": duration(rule.wait)} if rule.wait > 0 else {}
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **wait,
        "labels": {"severity": rule.severity.value, **rule.labels},
        "annotations": {
            "summary": rule.summary,
            "description": rule.cause,
            "action": rule.action,
        },
    }


def text(fleet: Fleet, *, every: float = EVERY_SECONDS, at_once: bool = False) -> str:
    """The file, with a word on what it is."""
    head = (
        f"# Alerting rules of the fleet {fleet.name}, made by `quorate rules`. Make them anew when "
        "the\n# fleet file changes: times and names are its own. Metrics: `quorate metrics`.\n"
    )
    trial = (
        "# For a trial (--at-once): nothing waits. Left in place, every restart is an alarm.\n"
        if at_once
        else ""
    )
    body = yaml.safe_dump(
        document(fleet, every=every, at_once=at_once),
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
    )
    return head + trial + body
