"""Alerts about the swarm as a whole: its quorum, its managers, its nodes, its settings. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.alerts import metrics
from quorate.alerts.model import Rule, Scope, Severity, duration

SILENT_SECONDS = 60.0
"""For a network to come back before it is said that no manager answers."""

DRIFT_SECONDS = 600.0
"""An `up` on its way sets what it finds drifted."""


def swarm_rules(scope: Scope) -> Iterator[Rule]:
    """Worst first."""
    yield _quorum_lost(scope)
    yield _no_manager_answers(scope)
    yield _quorum_at_risk(scope)
    yield _manager_unreachable(scope)
    yield _node_down(scope)
    yield _settings_drifted(scope)


def _quorum_lost(scope: Scope) -> Rule:
    """By what a manager that is left says of itself: it needs no quorum for that."""
    return Rule(
        alert="QuorumLost",
        expr=f"{scope.of(metrics.QUORUM)} == 0",
        wait=scope.election,
        severity=Severity.CRITICAL,
        summary="The swarm has no quorum: nothing that fails is replaced",
        cause="More than half of the managers are down or cannot reach each other. What runs goes "
        f"on. An election takes less than {duration(scope.election)}.",
        action=f"`quorate status {scope.file}` says which servers do not answer: power those "
        "managers on. Only where they are lost for good, on one that is left: `docker swarm init "
        "--force-new-cluster --advertise-addr ITS_ADDRESS`, then "
        f"`quorate up {scope.file}`.",
    )


def _no_manager_answers(scope: Scope) -> Rule:
    return Rule(
        alert="NoManagerAnswers",
        expr=f"{scope.of(metrics.MANAGERS_ANSWERING)} == 0",
        wait=SILENT_SECONDS,
        severity=Severity.CRITICAL,
        summary="No manager answers: nothing is known of the swarm",
        cause="All managers are off, and the quorum with them; or the machine that runs `quorate "
        "metrics` is cut off from them.",
        action=f"On that machine: `quorate status {scope.file}`, which gives each server's reason. "
        "Power the managers on: most of them are needed.",
    )


def _quorum_at_risk(scope: Scope) -> Rule:
    """Not where a fleet has so few managers that none may be lost in any case."""
    reachable, managers = scope.of(metrics.MANAGERS_REACHABLE), scope.of(metrics.MANAGERS)
    return Rule(
        alert="QuorumAtRisk",
        expr=f"{scope.of(metrics.QUORUM_MARGIN)} == 0 and {reachable} < {managers}",
        wait=scope.noticed,
        severity=Severity.CRITICAL,
        summary="The loss of one more manager ends the quorum",
        cause="As many managers are down or unreachable as may be.",
        action=f"`docker node ls` on a manager, or `quorate status {scope.file}`, says which. "
        "Bring it back before any work on another manager. If it is gone for good: `docker node "
        "demote SERVER`, `docker node rm SERVER`, another one as manager in the fleet file, "
        f"`quorate up {scope.file}`.",
    )


def _manager_unreachable(scope: Scope) -> Rule:
    return Rule(
        alert="ManagerUnreachable",
        expr=f"{scope.of(metrics.MANAGER_REACHABLE)} == 0",
        wait=scope.noticed,
        severity=Severity.WARNING,
        summary="The leader does not reach the manager {{ $labels.server }}",
        cause="It is off, its engine has stopped, or port 2377 between the managers is blocked.",
        action="On {{ $labels.server }}: `systemctl status docker`; from another manager: "
        "`nc -z {{ $labels.server }} 2377`.",
    )


def _node_down(scope: Scope) -> Rule:
    return Rule(
        alert="NodeDown",
        expr=f"{scope.of(metrics.NODE_UP)} == 0",
        wait=scope.noticed,
        severity=Severity.CRITICAL,
        summary="{{ $labels.server }} ({{ $labels.role }}) is down for the swarm",
        cause="It lost power or network, its engine has stopped, or it never joined. What may move "
        "is started on other servers; what keeps its data there waits for it.",
        action="Power it on. Where it is on: on {{ $labels.server }} `systemctl restart docker`. "
        f"`quorate predict {scope.file} --fail {{{{ $labels.server }}}}` says what waits for it; "
        f"once it is back, `quorate up {scope.file}` brings services home.",
    )


def _settings_drifted(scope: Scope) -> Rule:
    swarm = scope.fleet.swarm
    return Rule(
        alert="SettingsDrifted",
        expr=f"{scope.of(metrics.DRIFT)} == 1",
        wait=DRIFT_SECONDS,
        severity=Severity.WARNING,
        summary="The swarm's {{ $labels.setting }} is not what the fleet file says",
        cause="Somebody changed it by hand, or the swarm was made anew. The heartbeat decides how "
        "soon a lost server is noticed.",
        action=f"`quorate status {scope.file} --deep --mend`, or on a manager: `docker swarm "
        f"update --dispatcher-heartbeat {swarm.heartbeat:g}s "
        f"--task-history-limit {swarm.task_history}`.",
    )
