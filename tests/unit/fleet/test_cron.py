"""Cron's five fields, and schedules in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from quorate.fleet.cron import parse_cron
from quorate.fleet.schedules import Schedule, When
from quorate.fleet.zones import known_zones, time_zone

JANUARY = [date(2026, 1, 1) + timedelta(days=number) for number in range(31)]


def days(text: str) -> list[int]:
    cron = parse_cron(text)
    return [day.day for day in JANUARY if cron.on(day)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 3 * * 0", [4, 11, 18, 25]),
        ("0 3 * * sun", [4, 11, 18, 25]),
        ("0 3 * * 7", [4, 11, 18, 25]),
        ("0 3 1,15 * *", [1, 15]),
        ("0 3 */10 * *", [1, 11, 21, 31]),
        ("0 3 10/10 * *", [10, 20, 30]),
        ("0 3 13 * fri", [2, 9, 13, 16, 23, 30]),  # both restricted: either suffices
        ("0 3 * feb-apr *", []),
        ("0 3 1-3 jan *", [1, 2, 3]),
    ],
)
def test_days(text: str, expected: list[int]) -> None:
    assert days(text) == expected


def test_minutes_and_hours() -> None:
    cron = parse_cron("*/20 8-10 * * *")
    assert (cron.minutes, cron.hours, cron.every_hour) == ((0, 20, 40), (8, 9, 10), False)
    assert parse_cron("5 * * * *").every_hour


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 3 * *", "is no schedule"),
        ("60 3 * * *", "no minute between 0 and 59"),
        ("0 24 * * *", "no hour between"),
        ("0 3 0 * *", "no day of the month"),
        ("0 3 * 13 *", "no month between"),
        ("0 3 * * 8", "no day of the week between"),
        ("0 3 * * mun", "no day of the week between"),
        ("0 3 5-2 * *", "no day of the month"),
        ("*/0 3 * * *", "no minute between"),
        ("x 3 * * *", "is no minute"),
        ("0 3 30 2 *", "never comes"),
        ("0 3 31 4,6 *", "never comes"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_cron(text)


@pytest.mark.parametrize(
    ("written", "fields", "words"),
    [
        (When(every="hourly"), "0 * * * *", "hourly"),
        (When(every="hourly", at="15"), "15 * * * *", "hourly at :15"),
        (When(every="Daily", at="4:05"), "5 4 * * *", "daily at 04:05"),
        (When(every="weekly", day="Sat"), "0 0 * * 6", "Saturdays at 00:00"),
        (
            When(every="monthly", day="15", at="23:30"),
            "30 23 15 * *",
            "day 15 of the month at 23:30",
        ),
        (When(every="*/5 8-18 * * 1-5"), "*/5 8-18 * * 1-5", "at `*/5 8-18 * * 1-5`"),
        (When(at="05:00"), "0 5 * * 0", "Sundays at 05:00"),
        (When(day="monday"), "0 3 * * 1", "Mondays at 03:00"),
    ],
)
def test_what_is_written_changes_a_schedule(written: When, fields: str, words: str) -> None:
    weekly = Schedule(every="weekly", day="sunday", at="03:00")
    changed = weekly.changed(written)
    assert (changed.fields, changed.words) == (fields, words)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (When(every="hourly", at="03:00"), "the minute only"),
        (When(every="hourly", day="1"), "the minute only"),
        (When(every="daily", at="25:00"), "no time of day"),
        (When(every="daily", day="monday"), "no `day`"),
        (When(every="weekly", day="someday"), "no day of the week"),
        (When(every="monthly", day="31"), "1 to 28"),
        (When(every="monthly", day="²"), "1 to 28"),
        (When(every="nightly"), "not hourly, daily"),
        (When(every="0 3 * * *", at="03:00"), "leave out"),
        (When(every="0 3 31 2 *"), "never comes"),
    ],
)
def test_what_does_not_fit_together(written: When, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Schedule().changed(written)
    assert "\n" not in str(caught.value)


def test_zones() -> None:
    assert str(time_zone("Europe/Berlin")) == "Europe/Berlin"
    assert str(time_zone("UTC")) == "UTC"
    for name in ("Europe/Berlni", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(ValueError, match="no time zone"):
            time_zone(name)
    assert {"UTC", "Europe/Berlin"} <= known_zones()
