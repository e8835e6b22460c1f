"""The page of recoveries: what was measured, against what is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import recoveries

WHERE = {"measured": "2026-01-01", "threads": 2, "load": 0.5}


def part(*figures: dict[str, Any], failed: list[str] | None = None) -> dict[str, Any]:
    run = {"passed": not failed, "failed": failed or [], "figures": list(figures)}
    return {"machine": WHERE, "runs": [run, run]}


def test_figures_come_by_what_they_are_of_in_the_order_of_runs() -> None:
    raw = {
        "move": part({"what": "b", "outage": 1.0}),
        "database": part({"what": "a", "RTO": 2.0, "RPO": 9.0}),
    }
    assert list(recoveries.by_what(raw).items()) == [
        ("a", [{"RTO": 2.0, "RPO": 9.0}] * 2),
        ("b", [{"outage": 1.0}] * 2),
    ]


@pytest.mark.parametrize(
    ("what", "worst", "said"),
    [
        ("recover quorum", 120.0, "RTO ≤ 120 s: met"),
        ("recover quorum", 120.1, "RTO ≤ 120 s: **missed**"),
        ("recover service", 999.0, ""),
    ],
)
def test_the_worst_one_counts(what: str, worst: float, said: str) -> None:
    assert recoveries.verdict(what, [{"RTO": 1.0}, {"RTO": worst}, {"RTO": 2.0}]) == said


def test_a_run_that_failed_is_on_the_page() -> None:
    raw = {"quorum": part({"what": "recover quorum", "RTO": 61.0}, failed=["FAILED x"])}
    text = "\n".join(recoveries.page(raw))
    assert "| recover quorum | 2 | 61.0, 61.0 |  | RTO ≤ 120 s: met |" in text
    assert "quorum: 0 of 2 runs passed" in text and "- FAILED x" in text
