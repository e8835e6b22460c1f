"""Percentiles, and tasks of a moment into figures of a service."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from quorate.measured.figures import Gathering, Moments, Sample, figures, percentile
from quorate.measured.model import Figures

AMOUNTS = some.lists(some.floats(0, 1e15), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("values", "p50", "p95", "peak"),
    [
        ([7.0], 7, 7, 7),
        ([1.0, 2.0], 1, 2, 2),
        ([3.0, 1.0, 2.0], 2, 3, 3),
        ([float(n) for n in range(1, 21)], 10, 19, 20),
        ([float(n) for n in range(1, 101)], 50, 95, 100),
        ([float(n) for n in range(1, 102)], 51, 96, 101),
        ([0.0] * 95 + [9.0] * 5, 0, 0, 9),
        ([0.0] * 94 + [9.0] * 6, 0, 9, 9),
    ],
)
def test_nearest_rank(values: list[float], p50: float, p95: float, peak: float) -> None:
    assert figures(values) == Figures(p50=p50, p95=p95, peak=peak)


@settings(max_examples=50)
@given(AMOUNTS, some.integers(1, 100))
def test_a_percentile_was_seen_and_covers_its_share(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    at_most = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert at_most * 100 >= percent * len(values)
    assert below * 100 < percent * len(values), "a smaller value would have done"


@settings(max_examples=50)
@given(AMOUNTS)
def test_the_order_of_samples_is_nothing(values: list[float]) -> None:
    assert figures(values) == figures(list(reversed(values)))


def test_busiest_mean_and_total_of_a_moment() -> None:
    moments = Moments()
    for moment, loads in enumerate(([1.0, 3.0], [2.0], [4.0, 5.0, 6.0])):
        for task, value in enumerate(loads):
            moments.add(moment, str(task), value)
    found = moments.signal()
    assert found is not None
    assert found.samples == 3
    assert moments.tasks == 3
    assert found.busiest == Figures(p50=3, p95=6, peak=6)
    assert found.mean == Figures(p50=2, p95=5, peak=5)
    assert found.total == Figures(p50=4, p95=15, peak=15)


def test_a_task_that_two_scrape_counts_once() -> None:
    moments = Moments()
    moments.add(0, "a", 2.0)
    moments.add(0, "a", 3.0)
    found = moments.signal()
    assert found is not None
    assert (found.total.peak, moments.tasks) == (3.0, 1)


@settings(max_examples=50)
@given(
    some.lists(
        some.tuples(some.integers(0, 9), some.sampled_from("abc"), some.floats(0, 9)), max_size=40
    )
)
def test_folding_in_between_changes_nothing(samples: list[tuple[int, str, float]]) -> None:
    whole, piecewise = Moments(), Moments()
    last = None
    for moment, task, value in sorted(samples, key=lambda sample: sample[0]):
        if moment != last:
            piecewise.fold()
        last = moment
        whole.add(moment, task, value)
        piecewise.add(moment, task, value)
    assert whole.signal() == piecewise.signal()


def test_work_is_cpu_by_the_speed_of_the_server() -> None:
    gathering = Gathering({"slow": 1.0, "fast": 2.0})
    gathering.add_cpu(Sample("web", "a", "slow", 0, 0.5))
    gathering.add_cpu(Sample("web", "b", "fast", 0, 0.5))
    seen = gathering.seen()["web"]
    assert seen.cpu is not None and seen.work is not None
    assert seen.cpu.busiest.peak == 0.5
    assert seen.work.busiest.peak == 1.0
    assert seen.work.mean.peak == 0.75
    assert seen.servers == ("fast", "slow")
    assert not gathering.placeless


def test_an_unknown_server_is_told() -> None:
    gathering = Gathering({"slow": 1.0})
    gathering.add_cpu(Sample("web", "a", None, 0, 0.5))
    assert gathering.placeless
    seen = gathering.seen()["web"]
    assert seen.work == seen.cpu
    assert seen.memory is None
    assert seen.samples == 0
