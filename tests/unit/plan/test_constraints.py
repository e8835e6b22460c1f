"""Placement constraints, by a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from quorate.fleet.model import Server
from quorate.plan.constraints import holds
from quorate.plan.verify import _satisfied
from tests.unit.plan.builders import server

TABLE = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "plan" / "constraints.yaml")


@pytest.fixture
def machine() -> Server:
    fields = dict(TABLE["server"])
    return server(fields.pop("name"), **fields)


@pytest.mark.parametrize(("expression", "expected"), TABLE["cases"])
def test_constraint(machine: Server, expression: str, expected: bool | None) -> None:
    assert holds(expression, machine) is expected


@pytest.mark.parametrize(
    ("expression", "expected"), [case for case in TABLE["cases"] if case[1] is not None]
)
def test_the_verifier_judges_alike(machine: Server, expression: str, expected: bool) -> None:
    assert _satisfied(expression, machine) is expected


def test_the_architecture_is_a_label() -> None:
    board = server("board", labels={"arch": "arm64"})
    assert holds("node.platform.arch == aarch64", board) is True
    assert holds("node.platform.arch == arm64", board) is False
    assert holds("node.platform.arch == x86_64", board) is False
    assert holds("node.platform.arch == aarch64", server("other", labels={"arch": "aarch64"}))


def test_an_address_by_name_tells_nothing_of_its_ip() -> None:
    assert holds("node.ip == 192.0.2.1", server("one", address="one.example.com")) is None
