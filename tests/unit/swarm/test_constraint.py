"""Placement constraints against the table of what Swarm says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from quorate.swarm.constraint import matches, parse
from quorate.swarm.model import Node
from tests.unit.swarm.reading import met

TABLE = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "swarm" / "constraints.yaml")
NODE = Node(cpu=1, memory=1, **TABLE["node"])


@pytest.mark.parametrize(("expression", "expected"), TABLE["holds"])
def test_a_constraint_holds_as_in_swarm(expression: str, expected: bool) -> None:
    assert matches(parse(expression), NODE) is expected
    assert met(expression, NODE) is expected


@pytest.mark.parametrize("expression", TABLE["refused"])
def test_what_swarm_would_refuse_is_not_read(expression: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        parse(expression)


@pytest.mark.parametrize("address", ["", "gmktec.example"])
def test_a_node_without_a_known_address_is_in_no_network(address: str) -> None:
    node = Node(id="n", hostname="n", cpu=1, memory=1, address=address)
    assert not matches(parse("node.ip == 192.0.2.0/24"), node)
    assert matches(parse("node.ip != 192.0.2.0/24"), node)
