"""The example office, all of it, handed to a real swarm."""

from __future__ import annotations

from pathlib import Path

from quorate.deploy.diff import Changes
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.stacks.render import render, with_constraints
from tests.integration.stacks.comparing import compare
from tests.integration.stacks.engine import Node

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"


def with_minimum_engine(fleet: Fleet, version: str) -> Fleet:
    """Debian 12's engine may be all there is: for it, newer keys are left out."""
    swarm = fleet.swarm.model_copy(update={"minimum_engine": version})
    return fleet.model_copy(update={"swarm": swarm})


def test_the_office_is_taken_and_nothing_differs(node: Node) -> None:
    fleet = with_minimum_engine(read_fleet(OFFICE, environment={}), "20.10")
    rendered = render(fleet, make_plan(fleet))
    node.docker("node", "update", "--availability", "drain", "alpha")
    for name in rendered.secrets:
        node.docker("secret", "create", name, "-", data="x")
    for name in rendered.configs:
        node.docker("config", "create", name, "-", data="x")
    for name, options in rendered.networks.items():
        given = [f"--opt={key}={value}" for key, value in options.items()]
        node.docker("network", "create", "--driver=overlay", "--attachable", *given, name)
    names = {(service.stack, service.name): service.id for service in fleet.swarm_services()}
    try:
        for stack in rendered.stacks:
            homes = {
                name: rendered.home_constraints[names[stack.name, name]]
                for name in stack.document["services"]
            }
            node.deploy(stack.name, with_constraints(stack, homes))
        held = compare(node, rendered.stacks)
        fields = {field.name for change in held.changed for field in change.fields}
        assert fields == {"placement.constraints"}
        assert not any(change.restarts for change in held.changed)
        for stack in rendered.stacks:
            node.deploy(stack.name, stack.document)
        assert compare(node, rendered.stacks) == Changes()
    finally:
        for stack in rendered.stacks:
            node.remove(stack.name)
        node.docker("node", "update", "--availability", "active", "alpha")
