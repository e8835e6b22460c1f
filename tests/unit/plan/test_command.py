"""`quorate plan`: table, JSON, plan file, selection."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.cli.plan_view import render
from quorate.errors import InfeasibleError, UsageError
from quorate.fleet.model import Fleet, Mode
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from tests.unit.plan.builders import data, fleet, server, service

WIDTH = 100


def office() -> Fleet:
    return fleet(
        [server("alpha", memory=16, uptime_days=8), server("beta", memory=32, uptime_days=61)],
        [
            service("db", stack="data", workload_class="data", **data()),
            service("web", replicas=2, needs=("db",)),
            *(service(f"worker-{i}", memory=0.25, stack="jobs", needs=("db",)) for i in range(6)),
            service("exporter", memory=0.1, mode=Mode.GLOBAL, assumed=("no load given",)),
        ],
    )


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Fleet]:
    """What the fleet file says, replaceable by a test."""
    fleets = [office()]
    module = ModuleType("quorate.fleet.read")
    vars(module)["read_fleet"] = lambda path: fleets[0]
    monkeypatch.setitem(sys.modules, "quorate.fleet.read", module)
    return fleets


def shown(plan: Plan, *, in_full: bool = False) -> str:
    out = StringIO()
    render(plan, Console(file=out, width=WIDTH), in_full=in_full)
    return out.getvalue()


def test_table() -> None:
    text = shown(make_plan(office()))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "9 services on 2 servers, proven optimal" in text
    assert "jobs: 6 services" in text
    assert "web ×2" in text
    assert "61 days of uptime for its data" in text
    assert "waits for it" in text
    assert "on 2 of 2" in text
    assert "assumed: exporter: no load given" in text


def test_full_description() -> None:
    text = shown(make_plan(office()), in_full=True)
    assert "not alpha" in text
    assert "points more" in text


def test_json(files: list[Fleet]) -> None:
    result = CliRunner().invoke(build(), ["plan", "fleet.yaml", "--json"])
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert plan["status"] == "optimal"
    assert plan["services"]["db"]["home"] == "beta"
    assert plan["services"]["db"]["pool"] == ["beta"]
    assert plan["services"]["db"]["reasons"]
    assert set(plan["services"]["db"]["rejected"]) == {"alpha"}
    assert set(plan["servers"]["beta"]) >= {"memory", "cpu", "disk", "services", "classes"}


def test_only(files: list[Fleet]) -> None:
    arguments = ["plan", "--json", "--only", "db", "--only", "app/web"]
    plan = json.loads(CliRunner().invoke(build(), arguments).stdout)
    assert list(plan["services"]) == ["db", "web"]
    result = CliRunner().invoke(build(), ["plan", "--only", "wbe"])
    assert isinstance(result.exception, UsageError)


def test_plan_file(files: list[Fleet], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    result = CliRunner().invoke(build(), ["plan", "--only", "db", "-o", str(path)])
    assert result.exit_code == 0, result.output
    plan = Plan.model_validate_json(path.read_text())
    assert plan.fleet_digest == files[0].digest
    assert plan.made_at
    assert len(plan.services) == len(files[0].services), "--only shows less, it plans all"


def test_infeasible(files: list[Fleet]) -> None:
    files[0] = fleet([server("a", memory=1)], [service("x", memory=2)])
    result = CliRunner().invoke(build(), ["plan"])
    assert isinstance(result.exception, InfeasibleError)
    assert result.exception.exit_code == 3
