"""Whether the number of keys in a dump can be right."""

from __future__ import annotations

import pytest

from quorate.backup.sources.redis import doubtful


@pytest.mark.parametrize(
    ("dumped", "before", "after"),
    [(0, 0, 0), (10, 10, 10), (5, 10, 0), (1000, 100, 100), (95_000, 100_000, 104_000)],
)
def test_a_busy_server_is_believed(dumped: int, before: int, after: int) -> None:
    assert doubtful(dumped, before, after) is None


@pytest.mark.parametrize(
    ("dumped", "before", "after"),
    [(0, 10, 10), (0, 1, 2), (3, 1_000_000, 1_000_000), (9000, 100, 100)],
)
def test_too_few_or_too_many_are_not(dumped: int, before: int, after: int) -> None:
    said = doubtful(dumped, before, after)
    assert said is not None and "the dump " in said
