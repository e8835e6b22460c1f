"""Names of the metrics about backups, and that they say what the coverage grid says."""

from __future__ import annotations

import re

import pytest

from quorate.alerts import backup_metrics
from quorate.alerts.backup_metrics import BACKUP_METRICS, PUSHED, STATES
from quorate.alerts.metrics import METRICS, Metric
from quorate.backup.policy.coverage import State

THE_DOCUMENTS = ("backup_last_success_timestamp", "backup_last_exit_code")
UNITS = ("_seconds", "_bytes")


@pytest.mark.parametrize("metric", BACKUP_METRICS, ids=lambda metric: metric.name)
def test_names(metric: Metric) -> None:
    ours = re.fullmatch(r"quorate_backup_[a-z]+(_[a-z]+)*", metric.name)
    assert ours or metric.name in THE_DOCUMENTS
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in metric.labels)
    assert metric.help.endswith(".")
    if ours and re.search(r"Unix time|[Hh]ow long|What .* (takes?|holds?)\b", metric.help):
        assert metric.name.endswith(UNITS)


def test_all_are_listed_once_and_no_name_is_taken() -> None:
    made = [value for value in vars(backup_metrics).values() if isinstance(value, Metric)]
    assert sorted(m.name for m in made) == sorted(m.name for m in BACKUP_METRICS)
    assert not {m.name for m in BACKUP_METRICS} & {m.name for m in METRICS}
    assert set(PUSHED) <= set(BACKUP_METRICS)


def test_the_states_are_those_of_the_grid() -> None:
    assert tuple(state.value for state in State) == STATES
    said = re.findall(r"(\d) (\w+)", backup_metrics.STATE.help)
    assert tuple(word for _, word in said) == STATES
    assert [int(number) for number, _ in said] == list(range(len(STATES)))
