"""Which tables are filled by several connections."""

from __future__ import annotations

import pytest

from quorate.backup.sources.large import LARGE_BYTES, large_of

L = LARGE_BYTES


@pytest.mark.parametrize(
    ("sizes", "jobs", "large"),
    [
        ({}, 2, []),
        ({"a": L}, 2, ["a"]),
        ({"a": L - 1}, 2, []),
        ({"a": 20 * L}, 1, []),
        ({"a": 5 * L, "b": L, "c": 7 * L}, 2, ["c", "a"]),
        ({name: 2 * L for name in "abcdefgh"}, 2, []),
    ],
)
def test_what_others_would_wait_for_is_large(
    sizes: dict[str, int], jobs: int, large: list[str]
) -> None:
    assert large_of(sizes, jobs) == large
