"""The evidence of the office's drills: the files, their short copies, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.office_drills import OFFICE, SOME, TOKENS, Ended, chosen, page, shortened
from quorate.drill.file import read_drill

WHERE = {"measured": "2026-01-01", "threads": 2, "system": "Debian", "kernel": "6"}
SPAN: dict[str, Any] = {"low": 10.0, "mean": 12.0, "high": 14.0}


def test_there_is_a_drill_for_each_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOME, raising=False)
    names = [path.stem for path in chosen()]
    assert len(names) == 7
    assert set(TOKENS) <= set(names)
    monkeypatch.setenv(SOME, "lose-the-leader,lose-the-worker")
    assert [path.stem for path in chosen()] == ["lose-the-leader", "lose-the-worker"]


@pytest.mark.parametrize("path", sorted((OFFICE / "drills").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_short_copy_is_the_same_fault(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(shortened(path.read_text()))
    one, other = read_drill(path), read_drill(copy)
    assert (other.target, other.fault.kind, other.guards) == (
        one.target,
        one.fault.kind,
        one.guards,
    )
    assert (other.fault.duration, other.lease) == (30.0, 40.0)


def test_the_page_tells_both_ways() -> None:
    phases: tuple[dict[str, Any], ...] = (
        {"name": "all running", "predicted": SPAN, "measured": 12.3},
    )
    seen = [
        Ended(drill="a", killed=False, resilience="passed", agreement="inside", phases=phases),
        Ended(drill="a", killed=True, undone=41.2),
        Ended(drill="b", killed=True, left=("packet rules on x",), why=("it was late",)),
    ]
    text = page(WHERE, seen)
    assert "| a | passed | inside | 12.3 (10.0 to 14.0) | nothing | 0.0 |" in text
    assert "| a | 41.2 | nothing |" in text
    assert "| b | never | packet rules on x |" in text
    assert "- b: it was late" in text
