"""What the pages show of `what-if`, `explain`, `predict` and `tune` is what these commands print.

A line `…` stands for any number of lines. Columns are those of a terminal of 100.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.entry.cli import output
from quorate.entry.cli.main import build

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PAGES = (
    ROOT / "README.md",
    *(ROOT / "docs" / "how-to" / f"{n}.md" for n in ("what-if", "predict", "tune")),
)
SHOWN = re.compile(
    r"^```console\n\$ quorate ((?:what-if|explain|predict|tune) [^\n]*)\n(.*?)^```", re.M | re.S
)
BLOCKS = [
    pytest.param(command, text, id=f"{page.name}: {command}")
    for page in PAGES
    for command, text in SHOWN.findall(page.read_text(encoding="utf-8"))
]


def console(*, stderr: bool = False) -> Console:
    """A terminal of 100 columns, without colour."""
    return Console(
        file=sys.stderr if stderr else sys.stdout, width=100, highlight=False, color_system=None
    )


def pattern(text: str) -> re.Pattern[str]:
    lines = [re.escape(line.rstrip()) for line in text.splitlines()]
    return re.compile("\n".join("(?:.*\n)*?.*" if line == "…" else line for line in lines))


def test_the_pages_show_them() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize(("command", "text"), BLOCKS)
def test_shown_is_printed(command: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(output, "console", console)
    result = CliRunner().invoke(build(), shlex.split(command))
    assert result.exit_code == 0, result.output
    printed = "\n".join(line.rstrip() for line in result.stdout.splitlines())
    assert pattern(text).fullmatch(printed), printed
