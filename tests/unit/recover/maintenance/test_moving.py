"""How long nothing of a service ran, from what was seen of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quorate.recover.maintenance.moving import Gap

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("serving", "longest"),
    [
        ([1, 1, 2, 1], 0.0),
        ([1, 0, 0, 1, 1], 3.0),
        ([2, 0, 1, 0, 0, 0, 1], 4.0),
        ([0, 0, 1], 0.0),
        ([1, 1, 0], 0.0),
    ],
    ids=["never away", "once", "twice", "before it ran", "not back yet"],
)
def test_a_gap_is_from_when_it_last_ran_to_when_it_ran_again(
    serving: list[int], longest: float
) -> None:
    gap = Gap()
    for second, count in enumerate(serving):
        gap.look(count, START + timedelta(seconds=second))
    assert gap.longest == longest
