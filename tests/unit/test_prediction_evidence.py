"""The evidence of predictions: a small estate is measured, and the page tells it."""

from __future__ import annotations

from benchmarks import predictions


def test_one_loss_of_a_small_estate() -> None:
    row = predictions.one(60)
    assert row.tasks >= 60
    assert row.seconds > 0
    where = {"measured": "x", "threads": 2, "system": "s", "kernel": "k", "python": "p", "load": 0}
    assert f"| 60 replicas | {row.servers} | {row.tasks} | 20 |" in predictions.page([row], where)
