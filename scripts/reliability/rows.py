"""The faults that backups are tested against, one row each, and the tests marked with them.

A test says which row it shows by `@pytest.mark.fault(ROW, injected=…, seen=…)`: what is done to
the backup, and what the test sees to it that comes of it. Read from the source, nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

ROWS = (
    "SIGKILL at every step",
    "disk full: source",
    "disk full: spool",
    "disk full: repository",
    "truncated stream with exit 0",
    "role lacking rights",
    "client and server of different major versions",
    "stale lock",
    "overlapping runs",
    "clock step",
    "daylight-saving change",
    "poisoned snapshot time",
    "flipped bytes in the repository",
    "node lost in mid-quiesce",
    "network cut in mid-copy",
    "restore to an empty host",
    "wrong password",
    "repository missing",
    "off-site unreachable",
    "source vanished",
    "policy naming an unknown service",
    "retention 0",
    "two controllers at once",
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A test's word that it shows a row. `test`: its path and name, as pytest takes them."""

    test: str
    row: str
    injected: str
    seen: str

    @property
    def lab(self) -> bool:
        """Whether it needs a lab."""
        return self.test.startswith("tests/scenarios/")


class MarkError(Exception):
    """A mark that cannot be read, or whose row is none."""


def marks(root: Path = ROOT) -> tuple[Mark, ...]:
    """Every mark in the tests, in the order of the rows.

    Raises:
        MarkError: one lacks a part, or names a row that is none.
    """
    files = sorted((root / "tests").rglob("test_*.py"))
    found = [mark for file in files for mark in marks_in(file, root)]
    return tuple(sorted(found, key=lambda mark: ROWS.index(mark.row)))


def marks_in(file: Path, root: Path = ROOT) -> Iterator[Mark]:
    """The marks of one file.

    Raises:
        MarkError: as `marks`.
    """
    text = file.read_text()
    if "mark.fault" not in text:
        return
    where = file.relative_to(root).as_posix()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            for one in node.decorator_list:
                if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.fault":
                    yield _mark(one, f"{where}::{node.name}")


def _mark(call: ast.Call, test: str) -> Mark:
    try:
        (row,) = (ast.literal_eval(one) for one in call.args)
        more = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        mark = Mark(test=test, row=row, **more)
    except (TypeError, ValueError) as error:
        raise MarkError(f"{test}: `fault(ROW, injected=…, seen=…)`, in plain texts") from error
    if mark.row not in ROWS:
        raise MarkError(f"{test}: `{mark.row}` is no row of scripts/reliability/rows.py")
    return mark


def missing(found: Iterable[Mark]) -> tuple[str, ...]:
    """Rows that no test shows."""
    shown = {mark.row for mark in found}
    return tuple(row for row in ROWS if row not in shown)
