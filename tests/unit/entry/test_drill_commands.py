"""`quorate drill` on real servers: what is refused before any of them is asked; what is shown."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate import drilling
from quorate.drill import armed
from quorate.drill.ground import Intent, Step
from quorate.drill.model import Guard
from quorate.entry.cli.drill_intent_view import effects, render
from quorate.entry.cli.main import build
from quorate.errors import CheckError, LabError, QuorateError, RefusedError, UsageError
from quorate.fleet.read import read_fleet
from quorate.predict.model import Failure, Fate, Span

SHOP = Path(__file__).parents[2] / "scenarios" / "fleets" / "shop"
DRILL = "drill: x\ntarget: {server: four}\nfault: {kind: partition}\n"

INTENT = Intent(
    drill="x",
    fleet="shop",
    target=("four",),
    effects=("four: partition [all of it]",),
    guards=(
        Guard(name="servers", holds=True, text="all ready"),
        Guard(name="capacity", holds=False, text="no room"),
    ),
    prediction=Failure(
        name="four",
        servers=("four",),
        leader="one",
        noticed=Span(low=3, mean=4, high=5),
        fates=(Fate(service="files", workload_class="data", tasks=1, lost=1, waits=True),),
    ),
    steps=(Step(where="four", what="makes the fault", script="nft -f - <<'END'\n[x]\nEND\n"),),
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small fleet; nothing is kept elsewhere."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


def refused(shop: Path, text: str, *more: str) -> QuorateError:
    (shop / "drill.yaml").write_text(text)
    fleet = str(shop / "fleet.yaml")
    arguments = ["drill", "run", str(shop / "drill.yaml"), "--fleet", fleet, *more]
    found = CliRunner().invoke(build(), arguments).exception
    assert isinstance(found, QuorateError), found
    return found


def test_nobody_to_agree_and_no_yes(shop: Path) -> None:
    error = refused(shop, DRILL)
    assert isinstance(error, RefusedError)
    assert "--yes" in (error.todo or "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DRILL.replace("server: four", "role: worker").replace("partition", "freeze-service"),
         "freeze-service needs target.service"),
        (DRILL + "undo: {power_on: 'wake \"x'}\n", "closing quotation"),
        (DRILL + "undo: {power_of: x}\n", "power_on"),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(shop: Path, text: str, words: str) -> None:
    error = refused(shop, text)
    assert isinstance(error, CheckError)
    assert any(words in problem.lower() for problem in error.problems), error.problems


def shown(draw: Any) -> str:
    out = io.StringIO()
    draw(INTENT, Console(file=out, width=200, highlight=False))
    return out.getvalue()


def test_what_would_happen_is_shown_before_it_is_agreed_to() -> None:
    text = shown(effects)
    assert "four: partition [all of it]" in text
    assert "guard capacity does not hold: no room" in text
    assert "nft" not in text


def test_a_dry_run_shows_guards_prediction_and_scripts() -> None:
    text = shown(render)
    for words in (
        "guard servers holds: all ready",
        "predicted: noticed 3.0–5.0 s",
        "predicted: files waits",
        "on four, makes the fault:",
        "[x]",
        "nothing was changed",
    ):
        assert words in text


def test_drills_are_looked_for_where_they_were_started(shop: Path) -> None:
    fleet = shop / "fleet.yaml"
    assert list(drilling.grounds(None, servers=False, everything=True)) == []
    armed.note("shop", armed.Armed(fleet=fleet, drill="x"))
    (ground,) = drilling.grounds(None, servers=False, everything=True)
    assert drilling.where(ground) == "the fleet's servers"
    armed.forget("shop")
    assert armed.every() == []
    # Without a lab of its own a fleet file means its servers.
    assert [ground.lab for ground in drilling.grounds(fleet, servers=False)] == [""]


def test_nothing_is_guessed_without_a_fleet(shop: Path) -> None:
    with pytest.raises(LabError):
        list(drilling.grounds(None, servers=False))
    with pytest.raises(UsageError, match="--servers needs the fleet file"):
        list(drilling.grounds(None, servers=True))


def test_a_note_that_is_broken_hides_no_other(shop: Path, tmp_path: Path) -> None:
    read_fleet(shop / "fleet.yaml", environment={})
    armed.note("shop", armed.Armed(fleet=shop / "fleet.yaml", drill="x"))
    broken = tmp_path / "state" / "quorate" / "drills" / "other" / armed.FILE
    broken.parent.mkdir()
    broken.write_text("{")
    assert [each.drill for each in armed.every()] == ["x"]
