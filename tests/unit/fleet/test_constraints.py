"""Placement constraints, decided for servers of a fleet file."""

from __future__ import annotations

import pytest

from quorate.fleet.constraints import allows, hostnames, parse_constraint
from quorate.fleet.model import Role, Server

SERVER = Server(
    name="One", address="192.0.2.1", role=Role.MANAGER, cpus=1, memory=1, labels={"disk": "Fast"}
)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("node.hostname==one", True),
        ("node.hostname != one", False),
        ("node.role==manager", True),
        ("node.role==worker", False),
        ("node.labels.disk==fast", True),
        ("node.labels.Disk==fast", False),
        ("node.labels.other!=x", True),
        ("node.ip==192.0.2.1", True),
        ("node.ip==192.0.2.0/24", True),
        ("node.ip!=192.0.2.0/24", False),
        ("node.platform.os==linux", True),
        ("node.platform.arch==x86_64", True),
        ("node.platform.arch==aarch64", True),  # the file does not tell
        ("node.platform.arch==amd64", False),  # whatever it is, engines call it x86_64
        ("node.platform.arch!=arm64", True),
        ("engine.labels.x==y", True),
    ],
)
def test_constraints(text: str, allowed: bool) -> None:
    assert allows(parse_constraint(text), SERVER) is allowed


@pytest.mark.parametrize("text", ["", "node.role", "node.role=manager", "role==x", "a b==c", "==x"])
def test_what_swarm_would_refuse(text: str) -> None:
    with pytest.raises(ValueError, match="constraint"):
        parse_constraint(text)


def test_the_label_tells_the_architecture() -> None:
    board = SERVER.model_copy(update={"labels": {"arch": "arm64"}})
    assert allows(parse_constraint("node.platform.arch==aarch64"), board)
    assert not allows(parse_constraint("node.platform.arch==x86_64"), board)


def test_host_names_of_constraints() -> None:
    assert hostnames(("node.hostname == a", "node.hostname!=b", "node.role==manager")) == ("a",)
