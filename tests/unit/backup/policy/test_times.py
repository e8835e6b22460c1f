"""Due times: right across changes of the clocks, caught up once, never two at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.backup.policy.times import due, last_until, next_after, occurrences, period
from quorate.fleet.schedules import Schedule
from quorate.fleet.zones import time_zone

BERLIN = time_zone("Europe/Berlin")
# Beirut and Santiago change at midnight, Lord Howe by half an hour, Casablanca for Ramadan.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"),
    *("America/Santiago", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Chatham"),
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str) -> Schedule:
    return Schedule(every="daily", at=text)


def on(schedule: Schedule, day: str, zone: str = "Europe/Berlin") -> list[str]:
    """The times on a day of that zone; UTC."""
    begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), time_zone(zone))
    end = datetime.combine(begin.date() + DAY, datetime.min.time(), time_zone(zone))
    found = occurrences(schedule, time_zone(zone), begin, end - timedelta(seconds=1))
    return [moment.strftime("%d %H:%M") for moment in found]


@pytest.mark.fault(
    "daylight-saving change",
    injected="times that come twice, and that do not come",
    seen="each day has its one run",
)
@pytest.mark.parametrize(
    ("clock", "day", "expected"),
    [
        ("02:30", "2026-03-28", ["28 01:30"]),
        ("02:30", "2026-03-29", ["29 01:00"]),  # not on that day: at the change
        ("02:00", "2026-03-29", ["29 01:00"]),
        ("01:59", "2026-03-29", ["29 00:59"]),
        ("03:00", "2026-03-29", ["29 01:00"]),
        ("02:30", "2026-10-25", ["25 00:30"]),  # twice on that day: the first
        ("03:00", "2026-10-25", ["25 02:00"]),
        ("00:00", "2026-10-25", ["24 22:00"]),
    ],
)
def test_changes_of_the_clocks_in_berlin(clock: str, day: str, expected: list[str]) -> None:
    assert on(at(clock), day) == expected


def test_a_change_at_midnight_is_of_the_day_it_begins() -> None:
    """Santiago's 6 September 2026 begins at 01:00."""
    assert on(at("00:00"), "2026-09-06", "America/Santiago") == ["06 04:00"]
    assert on(at("00:30"), "2026-09-06", "America/Santiago") == ["06 04:00"]


def test_hours_that_pass_count_for_hourly() -> None:
    hourly = Schedule(every="hourly")
    assert len(on(hourly, "2026-03-29")) == 23
    assert len(on(hourly, "2026-10-25")) == 25
    assert len(on(hourly, "2026-10-26")) == 24


def test_a_day_that_was_left_out_is_made_up_for_once() -> None:
    """Samoa had no 30 December 2011."""
    apia = time_zone("Pacific/Apia")
    begin, end = utc("2011-12-29T00:00"), utc("2012-01-01T12:00")
    found = [one.isoformat()[5:16] for one in occurrences(at("12:00"), apia, begin, end)]
    assert found == ["12-29T22:00", "12-30T10:00", "12-30T22:00", "12-31T22:00"]
    at_midnight = list(occurrences(at("00:00"), apia, begin, end))
    assert len(at_midnight) == len(set(at_midnight))


@pytest.mark.fault(
    "daylight-saving change",
    injected="a year of days in zones with odd changes",
    seen="one run a day",
)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", ["00:00", "00:30", "02:00", "02:45", "23:59"])
def test_daily_is_once_a_day_all_year(zone: str, clock: str) -> None:
    tz = time_zone(zone)
    begin, end = datetime(2026, 1, 1, tzinfo=tz), datetime(2027, 1, 1, tzinfo=tz)
    found = list(occurrences(at(clock), tz, begin, end - timedelta(seconds=1)))
    assert len(found) == 365
    assert len({moment.astimezone(tz).date() for moment in found}) == 365


@pytest.mark.fault(
    "daylight-saving change",
    injected="a year of hours in zones with odd changes",
    seen="a run every hour that passes",
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Beirut"])
def test_hourly_is_every_hour_all_year(zone: str) -> None:
    tz = time_zone(zone)
    found = list(occurrences(Schedule(every="hourly"), tz, utc("2026-01-01"), utc("2027-01-01")))
    assert {later - earlier for earlier, later in pairwise(found)} == {HOUR}


SCHEDULES = st.one_of(
    st.builds(
        lambda h, m: Schedule(every="daily", at=f"{h:02}:{m:02}"),
        st.integers(0, 23),
        st.integers(0, 59),
    ),
    st.builds(lambda m: Schedule(every="hourly", at=str(m)), st.integers(0, 59)),
    st.builds(
        lambda day, h: Schedule(every="weekly", day=day, at=f"{h:02}:15"),
        st.sampled_from(["sunday", "wednesday", "saturday"]),
        st.integers(0, 23),
    ),
    st.builds(lambda d: Schedule(every="monthly", day=str(d), at="02:30"), st.integers(1, 28)),
    st.sampled_from([Schedule(every=text) for text in ("*/20 1-3 * * *", "0 2 1 * sun")]),
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))


@settings(deadline=None, max_examples=40)
@given(schedule=SCHEDULES, zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_next_and_last_enclose_a_moment(schedule: Schedule, zone: str, moment: datetime) -> None:
    tz = time_zone(zone)
    before, after = last_until(schedule, tz, moment), next_after(schedule, tz, moment)
    assert before is not None and after is not None
    assert before <= moment < after
    assert list(occurrences(schedule, tz, before, after)) == [before, after]


@settings(deadline=None, max_examples=40)
@given(schedule=SCHEDULES, zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_times_are_in_order_and_on_the_wall_or_at_a_change(
    schedule: Schedule, zone: str, moment: datetime
) -> None:
    tz = time_zone(zone)
    found = list(occurrences(schedule, tz, moment, moment + 40 * DAY))
    assert found == sorted(set(found))
    cron = schedule.cron
    for one in found:
        wall = one.astimezone(tz)
        fits = cron.on(wall.date()) and wall.hour in cron.hours and wall.minute in cron.minutes
        before = (one - timedelta(minutes=1)).astimezone(tz)
        assert fits or before.utcoffset() != wall.utcoffset()


@settings(deadline=None, max_examples=40)
@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=2, max_size=4),
    begin=MOMENTS,
    clock=st.integers(0, 23),
)
def test_a_fleet_that_moves_to_another_time_zone(
    zones: list[str], begin: datetime, clock: int
) -> None:
    """Two days in each zone, looked at every quarter of an hour: no day of any of them is left
    out, and between two runs lies no more than one of their days."""
    schedule = at(f"{clock:02}:30")
    runs, now = [begin], begin
    for zone in map(time_zone, zones):
        for _ in range(2 * 24 * 4):
            now += timedelta(minutes=15)
            found = due(schedule, zone, runs=runs, running=None, now=now)
            if found.due:
                assert found.missed == 0
                runs.append(now)
    assert all(
        later - former <= timedelta(hours=25, minutes=15) for former, later in pairwise(runs)
    )
    assert len(runs) - 1 >= len(zones)


def test_a_zone_to_the_west_runs_later_and_one_to_the_east_sooner_and_once() -> None:
    """03:00 in Berlin was run; the same clock elsewhere is another moment, which is due once."""
    last, west = utc("2026-06-01T01:00"), time_zone("America/New_York")
    assert not due(at("03:00"), west, runs=[last], running=None, now=utc("2026-06-01T06:59")).due
    assert due(at("03:00"), west, runs=[last], running=None, now=utc("2026-06-01T07:00")).due
    east = time_zone("Asia/Kathmandu")  # 03:00 there is 21:15 UTC
    assert not due(at("03:00"), east, runs=[last], running=None, now=utc("2026-06-01T21:14")).due
    then = due(at("03:00"), east, runs=[last], running=None, now=utc("2026-06-01T21:15"))
    assert (then.due, then.missed) == (True, 0)


def test_never_run_is_due_at_once() -> None:
    found = due(at("03:00"), BERLIN, runs=[], running=None, now=utc("2026-06-01T12:00"))
    assert found.due
    assert found.next == utc("2026-06-02T01:00")
    assert found.why == "it was never run"


def test_due_when_its_time_has_come_and_not_before() -> None:
    last = utc("2026-05-31T01:00")
    before = due(at("03:00"), BERLIN, runs=[last], running=None, now=utc("2026-06-01T00:59"))
    then = due(at("03:00"), BERLIN, runs=[last], running=None, now=utc("2026-06-01T01:00"))
    assert (before.due, before.why) == (False, "run at 2026-05-31 03:00, as planned")
    assert (then.due, then.missed, then.why) == (True, 0, "planned for 2026-06-01 03:00")


def test_what_was_missed_is_caught_up_by_one_run() -> None:
    now = utc("2026-06-10T12:00")
    found = due(at("03:00"), BERLIN, runs=[utc("2026-06-01T01:00")], running=None, now=now)
    assert (found.due, found.missed) == (True, 8)
    assert found.why == "planned for 2026-06-10 03:00, and 8 missed before"
    again = due(at("03:00"), BERLIN, runs=[now], running=None, now=now + HOUR)
    assert not again.due


def test_never_two_at_once() -> None:
    started = utc("2026-06-01T01:00")
    now = utc("2026-06-03T12:00")
    found = due(at("03:00"), BERLIN, runs=[started], running=started, now=now)
    assert (found.due, found.why) == (False, "the run of 2026-06-01 03:00 is going on")
    after = due(at("03:00"), BERLIN, runs=[started], running=None, now=now)
    assert (after.due, after.missed) == (True, 1)


@pytest.mark.fault(
    "clock step",
    injected="a copy of a time to come",
    seen="the next run is due all the same",
)
def test_a_run_from_the_future_does_not_keep_the_next_from_running() -> None:
    now = utc("2026-06-01T12:00")
    wrong, right = utc("2031-01-01"), utc("2026-05-30T01:00")
    assert due(at("03:00"), BERLIN, runs=[wrong], running=None, now=now).due
    assert due(at("03:00"), BERLIN, runs=[wrong, right], running=None, now=now).missed == 1
    assert not due(at("03:00"), BERLIN, runs=[wrong, now], running=None, now=now + HOUR).due


@settings(deadline=None, max_examples=40)
@given(
    schedule=SCHEDULES,
    zone=st.sampled_from(ZONES),
    begin=MOMENTS,
    steps=st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 500)), min_size=1, max_size=40),
)
def test_a_controller_that_comes_and_goes(
    schedule: Schedule, zone: str, begin: datetime, steps: Sequence[tuple[int, int]]
) -> None:
    """Looks after so many minutes, and what it starts lasts so many: each time is run at most once,
    none is forgotten, and no two runs overlap."""
    tz = time_zone(zone)
    runs: list[tuple[datetime, datetime]] = [(begin, begin)]
    now = begin
    for wait, length in steps:
        now += timedelta(minutes=wait)
        start, end = runs[-1]
        busy = now < end
        found = due(
            schedule, tz, runs=[one for one, _ in runs], running=start if busy else None, now=now
        )
        passed = [one for one in occurrences(schedule, tz, start, now) if one > start]
        assert found.due is (bool(passed) and not busy)
        if found.due:
            assert found.planned == passed[-1]
            assert found.missed == len(passed) - 1
            runs.append((now, now + timedelta(minutes=length)))
    assert all(end <= later for (_, end), (later, _) in pairwise(runs))


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [
        (Schedule(every="hourly"), HOUR),
        (at("02:30"), DAY),
        (Schedule(every="weekly"), 7 * DAY),
        (Schedule(every="monthly"), 31 * DAY),
        (Schedule(every="0 8,20 * * *"), 12 * HOUR),
        (Schedule(every="0 3 29 2 *"), 1461 * DAY),
    ],
)
def test_the_longest_time_between_two_runs(schedule: Schedule, longest: timedelta) -> None:
    assert period(schedule, time_zone("UTC"), utc("2026-06-01")) == longest
