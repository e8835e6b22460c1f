"""Rules about backups: whose schedules they take, and that they ask for metrics there are."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.alerts import backup_log_rules
from quorate.alerts.backup_limits import (
    copied_limits,
    made_limits,
    of_sources,
    proven_limits,
    repository_mounts,
)
from quorate.alerts.backup_metrics import BACKUP_METRICS, FOREIGN
from quorate.alerts.backup_rehearsal_rules import OVERDUE_SECONDS
from quorate.alerts.backup_rules import HALF
from quorate.alerts.metrics import FLEET
from quorate.alerts.model import Rule
from quorate.alerts.rules import rules
from quorate.backup.policy import coverage
from quorate.backup.policy.rehearsals import GRACE
from quorate.backup.policy.times import period
from quorate.backup.wal import standing
from quorate.fleet.backup import Override, Rehearsing
from quorate.fleet.cron import longest_rest, parse_cron
from quorate.fleet.schedules import Schedule, When
from quorate.fleet.zones import time_zone
from quorate.serving import lognews
from tests.fakes.backups import NAS, OFFSITE, make_backed_up
from tests.unit.backup.making import START

KNOWN = {metric.name: (FLEET, *metric.labels) for metric in BACKUP_METRICS} | FOREIGN
SERIES = re.compile(r"(\w+)\{([^}]*)\}")
DAY = 86400.0


def made() -> tuple[Rule, ...]:
    return rules(make_backed_up())["backups"]


@pytest.mark.parametrize("rule", made(), ids=lambda rule: rule.alert)
def test_every_series_is_a_known_metric_with_labels_it_has(rule: Rule) -> None:
    found = SERIES.findall(rule.expr)
    assert found
    assert set(re.findall(r"\b(?:quorate|backup|node)_\w+", rule.expr)) == {n for n, _ in found}
    for name, matchers in found:
        labels = re.findall(r"(\w+)(?:=~|!~|=|!=)", matchers)
        assert set(labels) <= set(KNOWN[name]), rule.expr
        assert name in FOREIGN or labels[0] == FLEET, rule.expr


@pytest.mark.parametrize("rule", made(), ids=lambda rule: rule.alert)
def test_annotations_name_only_labels_that_are_left(rule: Rule) -> None:
    by = re.findall(r"max by \(([^)]*)\)", rule.expr)
    has = [set(KNOWN[name]) for name, _ in SERIES.findall(rule.expr)]
    left = set(by[0].split(", ")) if by else has[0]
    said = rule.summary + rule.cause + rule.action
    assert set(re.findall(r"\$labels\.(\w+)", said)) <= left, rule.alert


def test_an_unknown_name_would_be_noticed() -> None:
    rule = made()[0]
    wrong = rule.expr.replace("backup_last_success_timestamp", "backup_last_sucess_timestamp")
    with pytest.raises(KeyError):
        [KNOWN[name] for name, _ in SERIES.findall(wrong)]


def test_limits_go_by_the_schedules() -> None:
    fleet = make_backed_up()
    of = of_sources(fleet)
    hour, day = ("cache",), ("db",)
    assert [(one.seconds, one.sources) for one in made_limits(of)] == [(3600, hour), (DAY, day)]
    assert [one.seconds for one in copied_limits(fleet, of)] == [DAY + 3600, 2 * DAY]
    assert [one.seconds for one in proven_limits(fleet, of)] == [2 * DAY + 3600, 3 * DAY]


def test_a_source_with_a_schedule_of_its_own() -> None:
    fleet = make_backed_up()
    said = Override(when=When(every="weekly", day="monday", at="03:00"))
    backup = fleet.backup.model_copy(update={"sources": {"db": said}})
    limits = made_limits(of_sources(fleet.model_copy(update={"backup": backup})))
    assert [(one.seconds, one.sources) for one in limits] == [
        (3600, ("cache",)),
        (7 * DAY, ("db",)),
    ]


def test_what_is_excluded_is_missed_by_nobody() -> None:
    fleet = make_backed_up(exclude=("db", "configs", "swarm", "system/a", "system/b"))
    assert not any('"db"' in rule.expr for rule in rules(fleet)["backups"])


def test_without_repositories_there_are_no_rules() -> None:
    fleet = make_backed_up()
    bare = fleet.model_copy(update={"backup": fleet.backup.model_copy(update={"repositories": ()})})
    assert "backups" not in rules(bare)


def test_without_copies_elsewhere_nothing_is_said_of_them() -> None:
    alerts = {rule.alert for rule in rules(make_backed_up(NAS))["backups"]}
    assert not any(name.startswith("BackupOffsite") for name in alerts)
    assert {"BackupMissing", "BackupUnproven", "BackupRunnerDead"} <= alerts


def test_the_disk_of_a_repository_is_asked_for_and_never_the_root() -> None:
    assert repository_mounts(make_backed_up()) == ("/mnt/backups",)
    elsewhere = NAS.model_copy(update={"path": "/srv/q"})
    assert repository_mounts(make_backed_up(elsewhere, OFFSITE)) == ()
    found = rules(make_backed_up(elsewhere))["backups"]
    assert [r.labels["seen_by"] for r in found if r.alert == "BackupDiskFull"] == ["quorate"]


def test_the_half_is_that_of_the_grid() -> None:
    assert HALF == coverage.SIZE_DROP


def test_rehearsals_are_overdue_when_the_grid_says_so() -> None:
    assert timedelta(seconds=OVERDUE_SECONDS) == GRACE


def test_logs_are_judged_as_messages_and_status_judge_them() -> None:
    assert backup_log_rules.NEAR == standing.NEAR
    assert timedelta(seconds=backup_log_rules.DOWN_SECONDS) == lognews.BORNE
    assert timedelta(seconds=backup_log_rules.BASE_SECONDS) == lognews.BEGINS


def test_where_no_log_is_streamed_nothing_is_said_of_it() -> None:
    fleet = make_backed_up()
    quiet = fleet.backup.model_copy(update={"sources": {}})
    found = rules(fleet.model_copy(update={"backup": quiet}))["backups"]
    assert not any(rule.alert.startswith("BackupLog") for rule in found)
    unknown = next(rule for rule in made() if rule.alert == "BackupLogUnknown")
    assert 'source="db"' in unknown.expr and "cache" not in unknown.expr


def test_where_nothing_is_rehearsed_nothing_is_said_of_it() -> None:
    fleet = make_backed_up()
    quiet = fleet.backup.model_copy(update={"rehearsing": Rehearsing()})
    found = rules(fleet.model_copy(update={"backup": quiet}))["backups"]
    assert not any(rule.alert.startswith("Rehearsal") for rule in found)
    assert any(rule.alert.startswith("Rehearsal") for rule in made())


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ("0 * * * *", 1),
        ("0 0 * * *", 24),
        ("0 3 * * 0", 7 * 24),
        ("0 5 1 * *", 31 * 24),
        ("0 8,20 * * 1-5", 60),
        ("0 0 29 2 *", (3 * 365 + 366) * 24),
    ],
)
def test_how_long_a_schedule_rests(fields: str, hours: float) -> None:
    assert longest_rest(parse_cron(fields)).total_seconds() == hours * 3600


@given(
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=3),
    days=st.sets(st.integers(0, 6), min_size=1, max_size=3),
)
def test_no_schedule_rests_longer(minutes: set[int], hours: set[int], days: set[int]) -> None:
    """Beside the other way of playing a schedule through, which looks at the next 32 times."""
    fields = f"{_list(minutes)} {_list(hours)} * * {_list(days)}"
    seen = period(Schedule(every=fields), time_zone("UTC"), START)
    assert longest_rest(parse_cron(fields)) >= seen
    several = sorted(minutes)
    if len(several) > 1:
        least = max(b - a for a, b in pairwise(several))
        assert longest_rest(parse_cron(fields)).total_seconds() >= least * 60


def _list(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
