"""What containers use right now: a few looks, and what they come to."""

from __future__ import annotations

from quorate.measured.stats import Reading
from quorate.observe.usage import summary

MIB = 2**20


def look(at: float, memory: float | None, cpu: float | None) -> Reading:
    return Reading(read=at, memory=memory, cpu_seconds=cpu)


def test_typical_and_highest_use() -> None:
    looks = [look(10.0, 40.0 * MIB, 1.0), look(12.0, 90.0 * MIB, 2.0), look(14.0, 50.0 * MIB, 2.5)]
    found = summary(looks, "one")
    assert found is not None
    assert (found.memory, found.memory_peak) == (50 * MIB, 90 * MIB)
    assert (found.cpu, found.cpu_peak) == (0.375, 0.5)
    assert (found.seconds, found.where) == (4.0, "one")


def test_one_look_says_nothing() -> None:
    assert summary([look(10.0, 40.0 * MIB, 1.0)], "one") is None
    assert summary([look(10.0, 40.0 * MIB, 1.0), look(12.0, None, 2.0)], "one") is None


def test_a_container_that_began_anew_has_no_rate_between() -> None:
    looks = [look(10.0, 1.0 * MIB, 9.0), look(12.0, 1.0 * MIB, 0.5), look(14.0, 1.0 * MIB, 1.5)]
    found = summary(looks, "one")
    assert found is not None
    assert (found.cpu, found.cpu_peak) == (0.5, 0.5)


def test_without_a_counter_there_is_no_rate() -> None:
    found = summary([look(10.0, 1.0 * MIB, None), look(12.0, 1.0 * MIB, None)], "one")
    assert found is not None
    assert found.cpu == found.cpu_peak == 0.0
