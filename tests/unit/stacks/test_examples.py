"""The example fleets through the whole pure way: read, plan, render, compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.deploy.desired import desired_services
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.stacks.dump import dump, load_as_docker
from quorate.stacks.render import render, with_constraints

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(("name", "version"), [("office", "3.12"), ("tiny", "3.8")])
def test_examples_render(name: str, version: str) -> None:
    fleet = read_fleet(EXAMPLES / name / "fleet.yaml", environment={})
    rendered = render(fleet, make_plan(fleet))
    services = desired_services(rendered)
    assert set(services) == {service.swarm_name for service in fleet.swarm_services()}
    for stack in rendered.stacks:
        assert stack.document["version"] == version
        assert load_as_docker(dump(stack.document)) == stack.document
    reserved = {key for key, spec in services.items() if spec["resources"].get("reservations")}
    assert reserved == set(services)
    assert set(rendered.secrets) == set(fleet.secrets)


def test_office_can_be_held_at_home() -> None:
    fleet = read_fleet(EXAMPLES / "office" / "fleet.yaml", environment={})
    plan = make_plan(fleet)
    rendered = render(fleet, plan)
    for stack in rendered.stacks:
        homes = {
            service.name: rendered.home_constraints[service.id]
            for service in fleet.swarm_services()
            if service.stack == stack.name
        }
        held = with_constraints(stack, homes)
        for name, constraint in homes.items():
            placement = held["services"][name]["deploy"].get("placement", {})
            if constraint is not None:
                assert placement["constraints"][0] == constraint
