"""Streamed logs: which, where to, which base backups stay, what can be restored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.policy.wal import (
    Base,
    Break,
    Window,
    base_due,
    candidates,
    hole_after,
    receivers,
    restorable,
    slot_name,
    surplus,
    windows,
)
from quorate.fleet.schedules import Schedule
from tests.unit.fleet.helpers import FLEET, fleet_of

COMPOSE = """\
services:
  db:
    image: postgres:16
    volumes: ["db:/var/lib/postgresql/data"]
    x-quorate: {state: postgres, pin: one}
  other:
    image: postgres:16
    volumes: ["other:/var/lib/postgresql/data"]
    x-quorate: {state: postgres, pin: two}
volumes: {db: , other: }
"""
SOUND = """\
backup:
  repositories:
    there: {local: {server: three, path: /b}, password: {environment: P}}
    away: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
"""
START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEKLY = Schedule(every="weekly", day="sunday", at="01:30")


def base(day: float, *, hours: float = 1.0) -> Base:
    begin = START + day * DAY
    return Base(id=f"{begin:%m%dT%H%M%S%f}", begin=begin, end=begin + timedelta(hours=hours))


def day(number: float) -> datetime:
    return START + number * DAY


def received(tmp_path: Path, more: str) -> dict[str, tuple[str | None, int, str]]:
    files = {"fleet.yaml": FLEET + SOUND + more, "compose.yaml": COMPOSE}
    return {
        one.source: (one.server, one.slot_room, one.path)
        for one in receivers(fleet_of(tmp_path, files))
    }


def test_no_log_is_streamed_unless_somebody_says_so(tmp_path: Path) -> None:
    assert received(tmp_path, "") == {}


def test_a_log_goes_to_another_server_one_with_a_repository_first(tmp_path: Path) -> None:
    found = received(tmp_path, "  kinds: {postgres: {wal: true}}\n")
    room = 4 * 2**30
    assert found == {
        "db": ("three", room, "/var/lib/quorate/wal/db"),
        "other": ("three", room, "/var/lib/quorate/wal/other"),
    }


def test_what_is_said_of_one_goes_before_what_is_said_of_all(tmp_path: Path) -> None:
    more = """\
  kinds: {postgres: {wal: {path: /wal, slot_room: 2G}}}
  sources: {other: {wal: {server: one, slot_room: 1G}}, db: {wal: false}}
"""
    assert received(tmp_path, more) == {"other": ("one", 2**30, "/var/lib/quorate/wal/other")}


def test_a_slot_may_hold_back_a_tenth_of_the_disk(tmp_path: Path) -> None:
    disks = "disks: [{name: sda, size: 100G}]"
    fleet = FLEET.replace("labels: {disk: fast}", f"labels: {{disk: fast}}, {disks}")
    more = "  kinds: {postgres: {wal: true}}\n"
    files = {"fleet.yaml": fleet + SOUND + more, "compose.yaml": COMPOSE}
    rooms = {one.source: one.slot_room for one in receivers(fleet_of(tmp_path, files))}
    assert rooms == {"db": 10 * 2**30, "other": 4 * 2**30}


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_slot_has_a_name_that_postgres_takes(fleet: str, source: str) -> None:
    name = slot_name(fleet, source)
    assert len(name) <= 63
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_slots_of_names_that_look_alike_differ() -> None:
    names = {slot_name("office", one) for one in ("a-b", "a_b", "a.b", "A-b", "x" * 90, "x" * 91)}
    assert len(names) == 6


@given(st.lists(st.integers(0, 2400), unique=True, max_size=12), st.integers(0, 60))
def test_every_moment_of_the_time_that_is_kept_stays_restorable(
    hours: list[int], keep: int
) -> None:
    bases = [base(each / 24) for each in hours]
    now = day(101)
    gone = surplus(bases, now=now, keep=keep * 86400)
    left = [one for one in bases if one.id not in gone]
    assert bool(left) == bool(bases)
    begin = now - keep * DAY
    if any(one.end <= begin for one in bases):
        assert any(one.end <= begin for one in left)
        assert sum(one.end <= begin for one in left) == 1
    assert [one for one in bases if one.end > begin] == [one for one in left if one.end > begin]


def due(
    bases: list[Base], now: datetime, *, since: float = 0.0, failed: tuple[float, ...] = ()
) -> str:
    """`failed`: seconds before now."""
    tried = [now - timedelta(seconds=each) for each in failed]
    return base_due(bases, since=day(since), schedule=WEEKLY, zone=UTC, failed=tried, now=now)


def test_a_base_backup_is_due_at_once_where_there_is_none() -> None:
    assert "there is none" in due([], day(3))
    assert "there is none" in due([base(1)], day(3), since=2)


def test_a_base_backup_is_due_when_its_time_has_come() -> None:
    # 2026-06-01 is a Monday; Sunday is day 6.
    assert due([base(1)], day(5)) == ""
    assert "planned for 2026-06-07 01:30" in due([base(1)], day(6.1))
    assert due([base(1), base(6.07)], day(6.2)) == ""


def test_one_that_failed_is_tried_again_ever_later() -> None:
    assert due([], day(3), failed=(15,))
    assert not due([], day(3), failed=(5,))
    assert not due([], day(3), failed=(90, 60, 15))
    assert due([], day(3), failed=(900, 600, 45))
    assert due([], day(3), failed=(*range(9000, 4000, -100), 3601))


def test_what_can_be_restored_ends_at_each_hole() -> None:
    bases = [base(0), base(2), base(5)]
    breaks = [Break(begin=day(3), end=day(4))]
    assert windows(bases, breaks, day(6)) == (
        Window(begin=bases[0].end, end=day(3)),
        Window(begin=bases[2].end, end=day(6)),
    )
    assert windows(bases, [Break(begin=day(3))], day(6)) == (
        Window(begin=bases[0].end, end=day(3)),
    )
    assert windows([], [], day(6)) == ()


def test_a_moment_is_reached_from_the_nearest_base_backup_without_a_hole_between() -> None:
    bases = [base(0), base(2), base(5)]
    breaks = [Break(begin=day(3), end=day(4))]

    def ids(moment: float | None) -> list[str]:
        at = None if moment is None else day(moment)
        return [one.id for one in candidates(bases, breaks, day(6), at)]

    assert ids(2.5) == [bases[1].id, bases[0].id]
    assert ids(1) == [bases[0].id]
    assert ids(5.5) == ids(None) == [bases[2].id]
    assert ids(6.5) == [bases[2].id], "more may be there than was known"
    for moment in (3.5, 4.5, 5.01):
        with pytest.raises(ValueError, match="from 2026-06-01 01:00:00 UTC to 2026-06-04"):
            ids(moment)


def test_the_hole_that_ends_what_a_base_backup_leads_to() -> None:
    breaks = [Break(begin=day(7)), Break(begin=day(3), end=day(4))]
    assert hole_after(base(0), breaks) == breaks[1]
    assert hole_after(base(5), breaks) == breaks[0]
    assert hole_after(base(8), breaks) is None


def test_before_the_first_base_backup_nothing_can_be_restored() -> None:
    with pytest.raises(ValueError, match="no base backup yet"):
        candidates([], [], day(6), None)
    assert restorable([]) == "there is no base backup yet"


def test_in_an_open_hole_the_last_moment_is_the_one_before_it() -> None:
    (found,) = candidates([base(0)], [Break(begin=day(3))], day(6), None)
    assert found == base(0)
    with pytest.raises(ValueError, match="to 2026-06-04"):
        candidates([base(0)], [Break(begin=day(3))], day(6), day(4))
