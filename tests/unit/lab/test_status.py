"""What a node's engine says, read leniently."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.lab import status


@pytest.mark.parametrize(
    ("info", "role"),
    [
        ({}, "no answer"),
        ({"Swarm": {"LocalNodeState": "inactive"}}, ""),
        ({"Swarm": {"LocalNodeState": "active", "ControlAvailable": True}}, "manager"),
        ({"Swarm": {"LocalNodeState": "active", "ControlAvailable": False}}, "worker"),
        ({"Swarm": {"LocalNodeState": "pending"}}, ""),
        ({"ID": "x"}, ""),
    ],
)
def test_the_role_comes_from_docker_info(info: dict[str, Any], role: str) -> None:
    assert status.role(info) == role


@pytest.mark.parametrize(
    ("said", "memory", "version", "info"),
    [
        ('100 30\n26.1.5\n{"ID": "x"}\n', 70, "26.1.5", {"ID": "x"}),
        ("10 40\n26.1.5\n", 0, "26.1.5", {}),  # a manager without a leader
        ("100 30\n", 70, "", {}),  # no engine
        ('100 30\n26.1.5\n{"ID": ', 70, "26.1.5", {}),
        ("", 0, "", {}),
        ("sh: something odd\n", 0, "", {}),
    ],
)
def test_whatever_a_node_leaves_out_stays_empty(
    said: str, memory: int, version: str, info: dict[str, Any]
) -> None:
    seen = status.parse_look(said)
    assert (seen.memory_used, seen.version, seen.info) == (memory, version, info)
