"""Every fault has a test, and docs/reliability.md is what the tests and the last run say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.reliability import page
from scripts.reliability.__main__ import EVIDENCE, PAGE, evidence
from scripts.reliability.rows import ROOT, ROWS, Mark, MarkError, marks, marks_in, missing

MARKED = '@pytest.mark.fault("{row}", injected="a disk of 6 MB", seen="no copy counts")\n'
TEST = "def test_a_disk():\n    pass\n"


def test_every_row_has_a_test() -> None:
    assert missing(marks()) == ()


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page.text(marks(), evidence()), (
        "run `python -m scripts.reliability --page`"
    )


def test_the_page_names_only_tests_that_exist() -> None:
    named = re.findall(r"`((?:unit|integration|scenarios)/[^`]*)::(\w+)`", PAGE.read_text())
    assert len(named) >= len(ROWS)
    for file, name in named:
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), f"{file}::{name}"
    results = evidence()["tests"]
    assert {mark.test for mark in marks()} >= results.keys(), EVIDENCE


def written(directory: Path, text: str) -> Path:
    file = directory / "tests" / "unit" / "test_disks.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_a_mark_is_read_from_the_source(tmp_path: Path) -> None:
    row = ROWS[3]
    file = written(tmp_path, MARKED.format(row=row) + TEST + "def test_other():\n    pass\n")
    (mark,) = marks_in(file, tmp_path)
    test = "tests/unit/test_disks.py::test_a_disk"
    assert mark == Mark(test=test, row=row, injected="a disk of 6 MB", seen="no copy counts")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (MARKED.format(row="disk rather full"), "is no row"),
        ('@pytest.mark.fault("stale lock")\n', "injected"),
        ("@pytest.mark.fault(ROW, injected='a', seen='b')\n", "plain texts"),
    ],
)
def test_a_mark_that_says_too_little(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(MarkError, match=words):
        list(marks_in(written(tmp_path, line + TEST), tmp_path))


def test_what_ended_how() -> None:
    mark = Mark(test="tests/unit/a.py::test_a", row="stale lock", injected="a|b", seen="it is told")
    result = {"outcome": "passed", "when": "2026-01-01", "seconds": 2.2, "saw": ["x", "x"]}
    said = page.text([mark], {"tests": {mark.test: result}})
    line = "| a\\|b | it is told. Seen: x | holds (2026-01-01, 2 s) | `unit/a.py::test_a` |"
    assert line in said
    assert "| stale lock | 1 | 1 | 0 | 0 |" in said
    assert "| not run yet |" in page.text([mark], {})
    failed = {**result, "outcome": "failed"}
    assert "| stale lock | 1 | 0 | 1 | 0 |" in page.text([mark], {"tests": {mark.test: failed}})
