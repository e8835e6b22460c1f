"""`quorate what-if`: table, JSON, slips."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.cli.whatif_view import render
from quorate.entry.schemas import schema
from quorate.errors import InfeasibleError, UsageError
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.plan.whatif.model import WhatIf
from tests.unit.plan.whatif.asking import ask

pytestmark = pytest.mark.slow

OFFICE = Path(__file__).parents[4] / "examples" / "office" / "fleet.yaml"

QUESTIONS = [
    ("--move", "gitlab=gmktec"),
    ("--move", "mailcow=hpr", "--move", "grafana=hpr"),
    ("--lose", "hppavilion"),
    ("--lose", "gmktec", "--lose", "wsasus"),
    ("--add", "name=spare,memory=64G,cpus=16", "--replan"),
    ("--resize", "gmktec=12G"),
    ("--scale", "ws-trades=3"),
    ("--without", "keycloak"),
    ("--pin", "grafana=hpr"),
    ("--unpin", "gitlab"),
]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(build(), ["what-if", str(OFFICE), *arguments])


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_json_is_what_its_schema_says_and_the_table_fits_a_terminal(
    question: tuple[str, ...],
) -> None:
    result = run(*question, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    jsonschema.validate(found, schema("what-if"))
    assert all({"before", "after", "winner"} <= set(aspect) for aspect in found["aspects"])
    assert found["recommendation"]["verdict"]
    assert all(con["mitigation"] for con in found["recommendation"]["cons"])
    answer = WhatIf.model_validate(found)
    for width in (80, 130):
        fits(answer, width)


def fits(answer: WhatIf, width: int) -> None:
    """Nothing is wider than the terminal, and nothing is cut off for it."""
    out = StringIO()
    render(answer, Console(file=out, width=width, force_terminal=True, color_system=None))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert answer.recommendation.verdict.upper() in text
    assert "…" not in text.replace("… ", "")


def test_the_question_of_the_document() -> None:
    result = run("--move", "gitlab=gmktec")
    assert result.exit_code == 0
    assert "STAY  stay with gitlab on hppavilion" in result.stdout
    assert "against   CPU power: 6.19 threads of 8 threads" in result.stdout
    assert "set aside its owner pins gitlab to hppavilion" in result.stdout


BAD = [
    ((), "nothing was asked"),
    (("--move", "gitlba=gmktec"), "no service is called gitlba"),
    (("--move", "gitlab=gmktek"), "no server is called gmktek"),
    (("--move", "gitlab=hppavilion"), "gitlab is there already"),
    (("--move", "mailcow=hppavilion"), "mailcow is there already"),
    (("--resize", "hpr=-1G"), "memory"),
    (("--move", "gitlab=hpr", "--link", "fast"), "--link"),
    (("--move", "gitlab=hpr", "--link", "0"), "above 0"),
]


@pytest.mark.parametrize(("arguments", "what"), BAD)
def test_slips_are_usage_errors(arguments: tuple[str, ...], what: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert what in result.exception.what
    assert result.exception.exit_code == 2


def test_a_plan_anew_that_cannot_be_names_the_conflict() -> None:
    result = run("--move", "gitlab=gmktec", "--replan")
    assert isinstance(result.exception, InfeasibleError)
    assert any("near postgres" in rule for rule in result.exception.conflict) or any(
        "near redis" in rule for rule in result.exception.conflict
    )


def test_text_of_files_is_no_markup() -> None:
    fleet = read_fleet(OFFICE)
    answer = ask(fleet, move="gitlab=gmktec").model_copy(
        update={"overridden": ("[red]x[/red] [/]",)}
    )
    out = StringIO()
    render(answer, Console(file=out, width=100))
    assert "[red]x[/red] [/]" in out.getvalue()


@pytest.mark.parametrize("option", ["--live", "--lab"])
def test_it_can_start_from_what_runs(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from quorate import workflows

    fleet = read_fleet(OFFICE)
    plan = make_plan(fleet)
    asked: list[bool] = []

    def open_fleet(path: Path, *, lab: bool = False) -> workflows.Opened:
        asked.append(lab)
        return workflows.Opened(fleet=fleet)

    def running(opened: workflows.Opened, *, time_limit: float) -> object:
        return {"grafana": ("hpr",)}, plan

    monkeypatch.setattr(workflows, "open_fleet", open_fleet)
    monkeypatch.setattr(workflows, "running_and_planned", running)
    found = json.loads(run("--move", "grafana=wsasus", option, "--json").stdout)
    assert asked == [option == "--lab"]
    assert found["before_is"] == "what runs now"
    (change,) = found["services"]
    assert (change["before"], change["after"]) == (["hpr"], ["wsasus"])
