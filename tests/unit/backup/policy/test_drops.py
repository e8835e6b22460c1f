"""Copies that are much smaller than the former ones, or too old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.backup.model import Snapshot
from quorate.backup.policy.drops import size_drop, too_old
from tests.unit.backup.making import at, snapshot

MB = 2**20


def copy(day: int, size: int, *, complete: bool = True) -> Snapshot:
    return replace(snapshot(f"c{day}", complete=complete, hours=24 * day), size=size)


@pytest.mark.parametrize(
    ("former", "size", "found"),
    [
        ([100, 100], 100, False),
        ([100, 100], 51, False),
        ([100, 100], 49, True),
        ([100, 100], 0, True),
        ([100], 0, False),
        ([], 0, False),
        ([100, 1, 100, 100], 49, True),
        ([1, 1, 100], 1, False),
    ],
)
def test_much_smaller_than_the_median(former: list[int], size: int, found: bool) -> None:
    copies = [copy(day, each * MB * 2) for day, each in enumerate(former)]
    said = size_drop(copy(99, size * MB * 2), copies)
    assert (said is not None) == found


def test_what_was_always_small_may_shrink() -> None:
    assert size_drop(copy(9, 0), [copy(1, 1000), copy(2, 1000)]) is None


def test_only_complete_copies_before_it_of_the_same_source_count() -> None:
    after = [copy(10, 100 * MB), copy(11, 100 * MB)]
    broken = [copy(1, 100 * MB, complete=False), copy(2, 100 * MB, complete=False)]
    others = [replace(copy(day, 100 * MB), source="volume/other") for day in (1, 2)]
    elsewhere = [replace(copy(day, 100 * MB), repository="far") for day in (1, 2)]
    one = copy(9, 1)
    assert size_drop(one, [one, *after, *broken, *others, *elsewhere]) is None
    said = size_drop(one, [copy(1, 100 * MB), copy(2, 100 * MB)])
    assert said is not None and "c9" in said and "volume/wiki" in said


def test_only_the_last_copies_say_what_is_usual() -> None:
    large = [copy(day, 900 * MB) for day in range(10)]
    small = [copy(day, 50 * MB) for day in range(10, 20)]
    assert size_drop(copy(30, 50 * MB), large + small) is None


def test_the_newest_copy_may_be_so_old() -> None:
    copies = [copy(0, 1), copy(1, 1), copy(2, 1, complete=False)]
    assert too_old(copies, "volume/wiki", None, at(999)) is None
    assert too_old(copies, "volume/wiki", 3600.0, at(25)) is None
    said = too_old(copies, "volume/wiki", 3600.0, at(26))
    assert said == "the newest copy of volume/wiki is 2.0 hours old"
    assert too_old(copies, "volume/none", 1.0, at(1)) == "volume/none has no complete copy"
