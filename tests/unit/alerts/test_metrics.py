"""Names by Prometheus' rules, and samples with the labels their metric has."""

from __future__ import annotations

import re

import pytest

from quorate.alerts import metrics
from quorate.alerts.metrics import METRICS, Metric

UNITS = ("_seconds", "_bytes", "_ratio")
WRONG = ("_milliseconds", "_minutes", "_percent", "_kilobytes", "_total", "_count", "_sum")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names(metric: Metric) -> None:
    assert re.fullmatch(r"quorate_[a-z]+(_[a-z]+)*", metric.name)
    assert not metric.name.endswith(WRONG)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in metric.labels)
    assert metric.help.endswith(".")


def test_all_are_listed_once() -> None:
    made = [value for value in vars(metrics).values() if isinstance(value, Metric)]
    assert sorted(m.name for m in made) == sorted(m.name for m in METRICS)


def test_what_is_measured_says_its_unit() -> None:
    measured = [m.name for m in METRICS if re.search("seconds|bytes|ratio", m.help + m.name)]
    assert [name for name in measured if not name.endswith(UNITS)] == []


def test_a_sample_has_the_labels_of_its_metric() -> None:
    sample = metrics.NODE_UP.sample("office", "a", "manager", value=True)
    assert (sample.labels, sample.value) == (("office", "a", "manager"), 1.0)
    with pytest.raises(ValueError, match="quorate_node_up"):
        metrics.NODE_UP.sample("office", "a", value=1)
