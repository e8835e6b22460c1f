"""Clocks compared by marks, and locks in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from quorate.backup.runner.looking import in_words, is_stale, skews, wrong_times
from quorate.tools.restic_answers import Lock
from tests.unit.backup.making import at, complete_mark, copy_entry, mark_entry, proof_mark, snapshot


def test_a_clock_that_is_ahead_shows_in_the_marks() -> None:
    copy = replace(copy_entry("c"), hostname="box1")
    entries = [copy, mark_entry("m", complete_mark("c"), hours=1),
               mark_entry("p", proof_mark("c", hours=2), hours=2)]  # fmt: skip
    arrived = {"c": at(1), "m": at(1) - timedelta(seconds=90), "p": at(2) + timedelta(seconds=2)}
    one, two = skews(entries, arrived)
    assert (one.server, one.by, one.worth_saying) == ("box1", timedelta(seconds=90), True)
    assert one.words == "the clock of box1 was 90 s ahead of that of the repository"
    assert (two.server, two.worth_saying) == ("box2", False)
    assert "behind" in replace(two, by=timedelta(seconds=-99)).words


def test_only_the_last_marks_tell() -> None:
    copy = replace(copy_entry("c"), hostname="box1")
    marks = [mark_entry(f"m{hour}", complete_mark("c"), hours=hour) for hour in range(9)]
    arrived = {f"m{hour}": at(hour - (2 if hour < 4 else 0)) for hour in range(9)}
    (found,) = skews([copy, *marks], arrived)
    assert not found.worth_saying


def test_without_times_of_arrival_nothing_is_known() -> None:
    assert skews([copy_entry("c"), mark_entry("m", complete_mark("c"))], {}) == []


def test_copies_of_the_future_are_told() -> None:
    good = replace(snapshot("good"), received=at(0))
    bad = replace(snapshot("bad", hours=48), received=at(0))
    (said,) = wrong_times([good, bad], at(1))
    assert said.startswith("volume/wiki: bad: ") and "after it was received" in said


def test_a_lock_says_who_and_since_when() -> None:
    lock = Lock(id="l", time=at(0), hostname="box1", pid=7, exclusive=True)
    assert in_words(lock, at(2)) == (
        "exclusive, of process 7 on box1, since 2026-03-01 00:00 UTC (120 minutes)"
    )


def test_a_lock_is_stale_after_half_an_hour() -> None:
    lock = Lock(id="l", time=at(0))
    assert not is_stale(lock, at(0) + timedelta(minutes=30))
    assert is_stale(lock, at(0) + timedelta(minutes=31))
