"""How findings read on a terminal, and as JSON."""

from __future__ import annotations

import io
import json

import jsonschema
import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.entry.cli.deep_view import view
from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.observe.deep_model import Action, Check, Finding, Grade, Kind
from quorate.observe.standing import Standing

STRAY = Finding(
    check=Check.STRAY,
    where="two",
    subject="c1",
    what="container [x] runs",
    why="it works beside its replacement",
    mend="stop and remove it",
    action=Action(kind=Kind.REMOVE, target="c1", server="two"),
)
UNCHECKED = Finding(
    check=Check.CERTIFICATE, grade=Grade.UNCHECKED, where="one", what="not checked: no right"
)
BLANK = Standing(
    fleet="shop", taken_at="2026-01-01T00:00:00+00:00", swarm=True, servers=(), services=()
)


def standing(*found: Finding, mended: tuple[Finding, ...] = ()) -> Standing:
    return BLANK.model_copy(update={"findings": found, "mended": mended})


def shown(seen: Standing) -> str:
    out = io.StringIO()
    Console(file=out, width=160, highlight=False).print(view(seen))
    return "\n".join(" ".join(line.split()) for line in out.getvalue().splitlines())


def test_nothing_found() -> None:
    assert shown(standing()) == "no after-failure fault"


def test_what_where_why_and_the_mend() -> None:
    said = shown(standing(STRAY, UNCHECKED))
    assert "✗ stray container two container [x] runs\nit works beside its replacement" in said
    assert "→ stop and remove it" in said
    assert "? certificate one not checked: no right" in said
    assert said.splitlines()[-1] == (
        "1 after-failure fault; 1 not checked; `--mend` mends what can be mended, and asks before"
    )


def test_what_was_mended() -> None:
    said = shown(standing(mended=(STRAY,)))
    assert "two: container [x] runs: remove the container" in said
    assert said.endswith("no after-failure fault")


def test_as_json_it_fits_its_schema() -> None:
    for seen in (BLANK, standing(STRAY, UNCHECKED, mended=(STRAY,))):
        data = json.loads(json.dumps(seen.model_dump(mode="json")))
        jsonschema.validate(data, schema("status"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mend"], "--mend goes with --deep"),
        (["--deep", "--yes"], "--yes goes with --mend"),
        (["--deep", "--watch"], "--watch and --deep"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], words: str) -> None:
    ended = CliRunner().invoke(build(), ["status", *options])
    assert ended.exit_code != 0
    assert words in f"{ended.output}{ended.exception}"
