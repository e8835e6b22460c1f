"""Which changes restart tasks: what the comparison says, against real tasks."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping

import pytest

from quorate.stacks.model import RenderedStack
from tests.integration.stacks.comparing import Document, compare, set_at
from tests.integration.stacks.engine import SLEEPER, Node, wait_for

RESTARTS: Mapping[str, Callable[[Document], None]] = {
    "label": set_at("deploy", "labels", "owner", "other"),
    "constraint": set_at("deploy", "placement", "constraints", ["node.role==manager"]),
    "preference": set_at("deploy", "placement", "preferences", [{"spread": "node.labels.a"}]),
    "copies": set_at("deploy", "placement", "max_replicas_per_node", 3),
    "replicas": set_at("deploy", "replicas", 2),
    "update": set_at("deploy", "update_config", "delay", "7s"),
    "rollback": set_at("deploy", "rollback_config", "delay", "7s"),
    "variable": set_at("environment", "A", "2"),
    "mount": set_at("volumes", [{"type": "tmpfs", "target": "/cache"}]),
    "container-label": set_at("labels", "a", "b"),
    "reservation": set_at("deploy", "resources", "reservations", "memory", "6M"),
    "restart": set_at("deploy", "restart_policy", "delay", "3s"),
    "grace": set_at("stop_grace_period", "2s"),
    "log": set_at("logging", "options", "max-size", "6m"),
    "endpoint": set_at("deploy", "endpoint_mode", "dnsrr"),
    "nothing": set_at("deploy", "replicas", 1),
}


def sleepers() -> Document:
    """One service per edit, on the engine's own network: each runs with nothing but `sleep`."""
    body = {
        "image": SLEEPER,
        "command": ["/bin/sleep", "3600"],
        "environment": {"A": "1"},
        "stop_grace_period": "1s",
        "logging": {"driver": "json-file", "options": {"max-size": "5m"}},
        "networks": ["host"],
        "deploy": {"replicas": 1, "restart_policy": {"delay": "0s"}},
    }
    return {
        "version": "3.8",
        "services": {name: copy.deepcopy(body) for name in RESTARTS},
        "networks": {"host": {"external": True, "name": "host"}},
    }


def running_tasks(node: Node) -> dict[str, set[str]]:
    """Swarm name → ids of the tasks that run and should."""
    snapshot = node.observe()
    return {
        service.name: {
            task.id
            for task in snapshot.tasks
            if task.service_id == service.id
            and (task.state, task.desired_state) == ("running", "running")
        }
        for service in snapshot.services
        if service.stack == "sleepers"
    }


@pytest.mark.slow
def test_tasks_restart_exactly_where_the_comparison_says_so(node: Node) -> None:
    before = sleepers()
    after = copy.deepcopy(before)
    for name, edit in RESTARTS.items():
        edit(after["services"][name])
    try:
        node.deploy("sleepers", before)
        wait_for(lambda: _all_run(running_tasks(node)), 60)
        old = running_tasks(node)
        stack = RenderedStack(name="sleepers", document=after)
        found = {change.name: change.restarts for change in compare(node, (stack,)).changed}
        node.deploy("sleepers", after)
        said = {name for name, restarts in found.items() if restarts}
        wait_for(lambda: all(_renewed(old, node, name) for name in said), 60)
        time.sleep(3)  # time for a restart that was not foretold
        new = running_tasks(node)
        replaced = {name for name in old if not old[name] <= new[name]}
        assert replaced == said
        assert {name.removeprefix("sleepers_") for name in set(old) - said} == {
            *("label", "constraint", "preference", "copies", "replicas", "update", "rollback"),
            "nothing",
        }
    finally:
        node.remove("sleepers")


def _all_run(tasks: Mapping[str, set[str]]) -> bool:
    return len(tasks) == len(RESTARTS) and all(tasks.values())


def _renewed(old: Mapping[str, set[str]], node: Node, name: str) -> bool:
    now = running_tasks(node)[name]
    return bool(now) and not now & old[name]
