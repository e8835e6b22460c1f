"""Reads the case files of the stacks tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quorate.fleet.model import Fleet, SecretSource
from quorate.plan.model import Plan
from quorate.stacks.dump import load_as_docker
from tests.fakes.fleets import make_fleet, make_plan, make_server

CASES = Path(__file__).parents[2] / "cases" / "stacks"


def load(name: str) -> Any:
    """A case file, read as YAML 1.1 (file modes in octal)."""
    return load_as_docker((CASES / name).read_text())


def rich(**swarm: Any) -> tuple[Fleet, Plan]:
    """The fleet and the plan of rich.yaml."""
    case = load("rich.yaml")
    fleet = make_fleet(
        case["stacks"],
        servers=[make_server(name, **fields) for name, fields in case["servers"].items()],
        fields=case["fields"],
        swarm=swarm,
        secrets={name: SecretSource(**source) for name, source in case["secrets"].items()},
    )
    placements = case["placements"]
    plan = make_plan(
        fleet,
        homes={name: placement["homes"] for name, placement in placements.items()},
        pools={name: placement["pool"] for name, placement in placements.items()},
    )
    return fleet, plan
