"""The evidence of false alarms: what counts as one, and the page."""

from __future__ import annotations

from benchmarks.alarms import Watched, page

WHERE: dict[str, object] = {
    "measured": "2026-01-01",
    "threads": 2,
    "system": "Debian",
    "kernel": "6",
}


def test_a_lost_server_and_a_replaced_task_are_alarms() -> None:
    assert Watched(looks=10, blind=3).alarms == 0
    assert Watched(lost=["four"], replaced=["web", "api"]).alarms == 3


def test_the_page_counts_them() -> None:
    made = [{"server": "one", "seconds": 1.2}, {"server": "two", "seconds": 1.95}]
    stood = Watched(looks=40, lost=["one"], replaced=["web", "web"])
    text = page(WHERE, stood, made, Watched(looks=90, blind=2), 600.0)
    assert (
        "| 2 freezes of 1 to 2 s (longest 1.95 s), each server in turn | 1 | 2 | 40 | 0 |" in text
    )
    assert "| 10 min with every thread busy | 0 | 0 | 90 | 2 |" in text
