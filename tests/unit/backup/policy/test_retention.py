"""Which copies stay: the invariants hold for any copies, and the reasons say why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.backup.model import Snapshot
from quorate.backup.policy.retention import Decision, decide, places
from quorate.backup.policy.times import occurrences
from quorate.fleet.backup import DEFAULTS, Keep
from quorate.fleet.schedules import Schedule
from quorate.fleet.zones import time_zone
from tests.unit.backup.policy.made import DAY, HOUR, NOW, copy, proof

BERLIN = time_zone("Europe/Berlin")
DOCUMENT = Keep(daily=7, weekly=4, monthly=6)


def decided(copies: list[Snapshot], keep: Keep = DOCUMENT, **more: Any) -> Decision:
    return decide(copies, keep, UTC, now=NOW, **more)


def daily(number: int, **more: Any) -> list[Snapshot]:
    """One a day at midnight, the last one today."""
    midnight = NOW.replace(hour=0)
    return [copy(midnight - back * DAY, **more) for back in range(number)]


def test_the_documents_postgres() -> None:
    """7 days, 4 weeks, 6 months, of one copy a day for a year."""
    kept = decided(daily(365)).kept
    assert list(kept) == [
        *("0630-0000", "0629-0000", "0628-0000", "0627-0000", "0626-0000", "0625-0000"),
        *("0624-0000", "0621-0000", "0614-0000", "0531-0000", "0430-0000", "0331-0000"),
        *("0228-0000", "0131-0000"),
    ]
    assert kept["0630-0000"] == "daily 1, weekly 1, monthly 1"
    assert kept["0621-0000"] == "weekly 3"
    assert kept["0131-0000"] == "monthly 6"


def test_hours() -> None:
    copies = [copy(NOW - back * HOUR) for back in range(100)]
    assert list(decided(copies, Keep(hourly=24)).kept) == [one.id for one in copies[:24]]


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30, twice
    assert len(places([first + HOUR, first], Keep(hourly=2), BERLIN)) == 2


@pytest.mark.fault(
    "daylight-saving change",
    injected="a copy each night at half past two, over both changes of a year",
    seen="each night of the week has its copy, none counts for two",
)
@pytest.mark.parametrize("day", ["2026-03-31", "2026-10-27"])
def test_a_week_with_a_change_of_the_clocks_has_seven_days(day: str) -> None:
    nights = Schedule(every="daily", at="02:30")
    end = datetime.combine(date.fromisoformat(day), time(12), BERLIN)
    times = list(occurrences(nights, BERLIN, end - 20 * DAY, end))[::-1]
    assert len(times) == 20
    assert sorted(places(times, Keep(daily=7), BERLIN)) == list(range(7))


def test_days_are_the_fleets() -> None:
    late, early = datetime(2026, 6, 1, 21, 30, tzinfo=UTC), datetime(2026, 6, 1, 22, 30, tzinfo=UTC)
    assert len(places([early, late], Keep(daily=2), BERLIN)) == 2
    assert len(places([early, late], Keep(daily=2), UTC)) == 1


def test_days_without_a_copy_do_not_count() -> None:
    """After an outage of months the old copies are the only ones."""
    old = [copy(NOW - (100 + back) * DAY) for back in range(7)]
    assert len(decided(old, Keep(daily=7)).kept) == 7


def test_nothing_goes_while_nothing_is_proven() -> None:
    found = decided(daily(100, proven=None))
    assert not found.forgotten
    assert set(found.kept.values()) == {"no copy is proven yet"}


def test_a_copy_that_does_not_restore_takes_no_place() -> None:
    """Seven bad ones a day evict no good one (Security-Onion #15896)."""
    good = daily(30)[7:]
    bad = daily(7, proven=False)
    found = decided([*good, *bad], Keep(daily=7))
    assert [one.id for one in good[:7]] == [key for key in found.kept if key < "0624"]
    assert found.kept[bad[0].id] == "newer than the last proven copy"


def test_what_is_old_and_bad_or_broken_goes() -> None:
    bad = copy(NOW - 20 * DAY, proven=False)
    broken = copy(NOW - 20 * DAY - HOUR, proven=None, complete=False)
    good = copy(NOW - DAY)
    found = decided([bad, broken, good])
    assert found.forgotten == {
        bad.id: "it does not restore, and a newer copy is proven",
        broken.id: "it was never completed, and a newer copy is proven",
    }
    assert set(decided([bad, broken]).kept) == {bad.id, broken.id}


def test_copies_not_proven_have_places_beside_the_proven() -> None:
    """Hourly copies of which one a day is proven: all of the last 24 hours stay."""
    copies = [
        copy(NOW - back * HOUR, proven=True if (NOW - back * HOUR).hour == 6 else None)
        for back in range(24 * 40)
    ]
    found = decided(copies, Keep(hourly=24))
    assert [one.id for one in copies[:24]] == [key for key in found.kept][:24]
    assert found.kept[copies[20].id] == "hourly 21, not proven"
    assert sum(1 for one in copies if one.proven and one.id in found.kept) == 24


@pytest.mark.fault(
    "poisoned snapshot time",
    injected="copies from times that cannot be right",
    seen="they take no place, and are not forgotten for it",
)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"taken": NOW + 300 * DAY}, "300 days after it was received"),
        ({"taken": NOW + 300 * DAY, "received": NOW + 300 * DAY}, "300 days in the future"),
        ({"taken": NOW - 90 * DAY}, "received 89 days after it was taken"),
        ({"taken": NOW - DAY + HOUR}, "59 minutes after it was received"),
    ],
)
def test_a_time_that_cannot_be_right(wrong: dict[str, Any], words: str) -> None:
    poisoned = replace(copy(NOW - DAY, id="poison"), **wrong)
    others = daily(40)
    found = decided([*others, poisoned])
    assert words in found.poisoned["poison"]
    assert found.kept["poison"].startswith("its time cannot be right")
    without = decided(others)
    assert {key: why for key, why in found.kept.items() if key != "poison"} == without.kept
    assert found.forgotten == without.forgotten


def test_a_copy_elsewhere_may_be_made_late_and_has_its_originals_time() -> None:
    taken = NOW - 100 * DAY
    late = copy(taken, id="far", original="near", received=NOW - DAY)
    assert not decided([late]).poisoned
    assert not decided([late], originals={"near": taken}).poisoned
    found = decided([late], originals={"near": taken - 3 * DAY})
    assert found.poisoned == {"far": "its original was taken 3 days apart from it"}


def test_what_is_held_stays_with_its_reason() -> None:
    copies = daily(100)
    found = decided(copies, held={copies[60].id: "it is being restored", "other": "x"})
    assert found.kept[copies[60].id] == "it is being restored"
    assert "other" not in found.kept


@pytest.mark.fault("retention 0", injected="a policy that keeps nothing", seen="refused")
def test_a_policy_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps nothing"):
        decided(daily(3), Keep())
    with pytest.raises(ValueError, match="several sources"):
        decided([copy(NOW), copy(NOW - DAY, source="other")])
    assert decided([]) == Decision()


def test_no_default_keeps_nothing() -> None:
    assert not any(policy.keep.nothing for policy in DEFAULTS.values())


KINDS = ("proven", "proven", "unproven", "bad", "broken", "future", "past")


@st.composite
def copies_of(draw: st.DrawFn) -> list[Snapshot]:
    """Copies of the last year, some unproven, bad, broken, or with a wrong time."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        minutes, kind = draw(st.tuples(st.integers(0, 366 * 24 * 60), st.sampled_from(KINDS)))
        one = copy(
            NOW - timedelta(minutes=minutes),
            id=str(number),
            proven={"unproven": None, "bad": False}.get(kind, True),
            complete=kind != "broken",
        )
        shift = timedelta(days={"future": 300, "past": -300}.get(kind, 0))
        found.append(replace(one, taken=one.taken + shift))
    return found


KEEPS = st.builds(
    Keep,
    hourly=st.integers(0, 5),
    daily=st.integers(0, 8),
    weekly=st.integers(0, 5),
    monthly=st.integers(0, 6),
    yearly=st.integers(1, 2),
)


@settings(deadline=None, max_examples=40)
@given(copies=copies_of(), keep=KEEPS)
def test_every_copy_is_decided_on_once_with_a_reason(copies: list[Snapshot], keep: Keep) -> None:
    found = decided(copies, keep)
    assert set(found.kept) | set(found.forgotten) == {one.id for one in copies}
    assert not set(found.kept) & set(found.forgotten)
    assert all([*found.kept.values(), *found.forgotten.values()])
    assert set(found.poisoned) <= set(found.kept)


@pytest.mark.fault(
    "poisoned snapshot time",
    injected="any copies at any times",
    seen="the last proven one stays",
)
@settings(deadline=None, max_examples=40)
@given(copies=copies_of(), keep=KEEPS)
def test_the_last_proven_copy_never_goes(copies: list[Snapshot], keep: Keep) -> None:
    found = decided(copies, keep)
    proven = [one for one in copies if one.proven and one.id not in found.poisoned]
    if not proven:
        assert not found.forgotten
        return
    last = max(proven, key=lambda one: (one.taken, one.id))
    assert last.id in found.kept
    gone = [one for one in copies if one.id in found.forgotten]
    assert all((one.taken, one.id) <= (last.taken, last.id) for one in gone)


@settings(deadline=None, max_examples=40)
@given(copies=copies_of(), keep=KEEPS, data=st.data())
def test_no_other_copy_costs_a_proven_one_its_place(
    copies: list[Snapshot], keep: Keep, data: st.DataObject
) -> None:
    """Neither those unproven, bad, broken nor those dated wrongly."""
    before = decided(copies, keep)
    taken = NOW - timedelta(minutes=data.draw(st.integers(0, 366 * 24 * 60)))
    kind = data.draw(st.sampled_from(["unproven", "bad", "broken", "future", "past"]))
    more = {
        "unproven": copy(taken, id="more", proven=None),
        "bad": copy(taken, id="more", proven=False),
        "broken": copy(taken, id="more", complete=False),
        "future": copy(taken, id="more", received=taken - HOUR),
        "past": copy(taken, id="more", received=taken + 3 * DAY),
    }[kind]
    after = decided([*copies, more], keep)
    lost = set(before.kept) - set(after.kept)
    assert not [one for one in copies if one.id in lost and one.proven]


@settings(deadline=None, max_examples=40)
@given(copies=copies_of(), keep=KEEPS)
def test_deciding_again_forgets_nothing_more(copies: list[Snapshot], keep: Keep) -> None:
    kept = decided(copies, keep).kept
    again = decided([one for one in copies if one.id in kept], keep)
    assert again.kept == kept


@settings(deadline=None, max_examples=40)
@given(copies=copies_of(), keep=KEEPS)
def test_as_many_proven_copies_stay_as_are_asked_for(copies: list[Snapshot], keep: Keep) -> None:
    found = decided(copies, keep)
    proven = [one for one in copies if one.proven and one.id not in found.poisoned]
    days = sorted({one.taken.date() for one in proven})
    newest = days[-keep.daily :] if keep.daily else []
    assert set(newest) <= {one.taken.date() for one in proven if one.id in found.kept}


def test_a_proof_is_of_a_complete_copy_only() -> None:
    assert not copy(NOW, complete=False).proven
    assert not copy(NOW, proof=proof(False)).proven
