"""Whole stacks against their golden files.

To accept a change: QUORATE_UPDATE_GOLDEN=1 pytest tests/unit/stacks, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.stacks.dump import dump, load_as_docker
from quorate.stacks.render import render
from quorate.stacks.write import files, write
from tests.unit.stacks.cases import CASES, rich

GOLDEN = CASES / "rich"
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_rich_fleet_is_as_before() -> None:
    texts = files(render(*rich()))
    if os.environ.get("QUORATE_UPDATE_GOLDEN"):
        write(render(*rich()), GOLDEN)
    assert set(texts) == {path.name for path in GOLDEN.iterdir()}
    for name, text in texts.items():
        assert text == (GOLDEN / name).read_text(), name


@pytest.mark.parametrize("engine", ["20.10", "26.1"])
def test_docker_reads_back_what_was_meant(engine: str) -> None:
    for stack in render(*rich(minimum_engine=engine)).stacks:
        assert load_as_docker(dump(stack.document)) == stack.document


def test_tiny_example_is_as_before() -> None:
    """From the fleet file to the stack file; the planner's answer is proven, so it is one."""
    fleet = read_fleet(EXAMPLES / "tiny" / "fleet.yaml", environment={})
    rendered = render(fleet, make_plan(fleet))
    here = str((EXAMPLES / "tiny").absolute())
    texts = {name: text.replace(here, "HERE") for name, text in files(rendered).items()}
    golden = CASES / "tiny"
    if os.environ.get("QUORATE_UPDATE_GOLDEN"):
        golden.mkdir(exist_ok=True)
        for name, text in texts.items():
            (golden / name).write_text(text)
    assert set(texts) == {path.name for path in golden.iterdir()}
    for name, text in texts.items():
        assert text == (golden / name).read_text(), name


def test_nothing_secret_is_written() -> None:
    texts = "".join(files(render(*rich())).values())
    assert "session.key" in texts  # where it comes from, never what it says
    assert "SMTP_PASSWORD" in texts
