"""What the doctor makes of what he sees."""

from __future__ import annotations

from quorate.backup.policy import doctor
from quorate.backup.policy.doctor import Check
from quorate.backup.policy.estimate import Room
from quorate.backup.policy.holding import Held
from quorate.backup.policy.quiesce import Stale
from quorate.backup.policy.rehearsals import Standing

GIB = 2**30


def test_what_a_check_found_is_sorted_by_what_it_is() -> None:
    said = (
        "stale lock: exclusive, of process 7 on box1, since 2026-03-01 00:00 UTC (120 minutes)",
        "removed a stale lock: exclusive, of process 7 on box1, since then (120 minutes)",
        "in use: shared, of process 8 on box2, since then (1 minutes)",
        "the clock of box1 was 90 s ahead of that of the repository",
        "db: 12345678: taken after it was received; it takes no place in retention",
    )
    found = list(doctor.of_locks("near", said))
    assert [one.check for one in found] == [Check.LOCK, Check.CLOCK, Check.REPOSITORY]
    assert [one.mends for one in found] == [True, False, False]
    assert found[0].what.startswith("a stale lock: exclusive, of process 7 on box1")


def test_a_service_that_a_dead_backup_keeps_still_can_be_mended() -> None:
    (one,) = doctor.of_quiesces([Stale(id="i", name="app", run="r1", why="the run r1 has ended")])
    assert (one.where, one.mends) == ("app", True) and "the run r1 has ended" in one.what


def test_a_repository_is_full_by_a_tenth_and_by_what_it_will_need() -> None:
    def of(held: Held, needed: Room | None = None) -> list[str]:
        return [one.what for one in doctor.of_room("near", held, needed)]

    assert of(Held(free=10 * GIB, room=100 * GIB)) == []
    assert of(Held(free=9 * GIB, room=100 * GIB)) == ["9 GiB are free of 100 GiB"]
    assert of(Held()) == []
    wants = Room(name="near", needed=200 * GIB, room=100 * GIB)
    assert of(Held(), wants) == ["the policy needs 200 GiB, and it may take 100 GiB"]
    assert of(Held(), Room(name="near", needed=200 * GIB, room=None)) == []


def test_an_image_is_missing_where_no_registry_gives_it() -> None:
    having = {"one": True, "two": False}
    assert list(doctor.of_images("quorate:1", "", having)) == []
    (one,) = doctor.of_images("quorate:1", "no such host", having)
    assert one.where == "two" and "no such host" in one.what


def test_clocks_that_differ_by_more_than_is_borne() -> None:
    found = list(doctor.of_clocks({"one": 0.9, "two": -1.5, "three": 3.0}, 1.0))
    assert [(one.where, one.what) for one in found] == [
        ("three", "its clock is 3.0 s ahead of the others'"),
        ("two", "its clock is 1.5 s behind the others'"),
    ]


def test_a_rehearsal_that_did_not_come_or_costs_too_much_is_found() -> None:
    said = ("its rehearsed recovery took 40 min, and may take 30 min",)
    found = doctor.of_rehearsals(
        [
            ("db", Standing(state="ok")),
            ("new", Standing(state="waiting")),
            ("old", Standing(state="late", problems=said)),
            ("odd", Standing(state="never")),
            ("bad", Standing(state="failed", problems=("its rehearsal failed: x",))),
        ]
    )
    assert [(one.check, one.where, one.what, one.mends) for one in found] == [
        (Check.REHEARSAL, "old", "its recovery was not rehearsed when it should have been", False),
        (Check.REHEARSAL, "old", said[0], False),
        (Check.REHEARSAL, "odd", "its recovery was never rehearsed", False),
        (Check.REHEARSAL, "bad", "its rehearsal failed: x", False),
    ]
