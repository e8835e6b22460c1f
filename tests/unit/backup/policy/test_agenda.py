"""What begins next: each rule by itself, then whole weeks played through."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import run_key
from quorate.backup.model import Proof
from quorate.backup.policy.agenda import PER_SERVER, Doing, Item
from quorate.backup.policy.duties import PROVEN_AGAIN, agenda, duties
from quorate.backup.policy.runs import TRIES, Attempt, delay, due_of
from quorate.backup.policy.times import occurrences
from quorate.fleet.model import Fleet
from quorate.fleet.schedules import Schedule
from quorate.fleet.zones import time_zone
from tests.unit.backup.policy.play import MINUTE, FakeFleet
from tests.unit.fleet.helpers import FLEET, fleet_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECTION = """\
backup:
  timezone: Europe/Berlin
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
    side: {local: {server: three, path: /b}, password: {environment: P}}
    far: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  kinds:
    system: {every: monthly, day: "1", at: "05:00"}
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  cache: {image: redis, volumes: ["c:/data"], x-quorate: {state: redis, pin: one}}
  wiki: {image: postgres, volumes: ["w:/var/lib/postgresql"],
         x-quorate: {state: postgres, pin: two, group: wiki}}
  files: {image: x, volumes: ["f:/f"], x-quorate: {state: volume, pin: two, group: wiki}}
volumes: {d: , c: , w: , f: }
"""
MONDAY = datetime(2026, 6, 29, 12, tzinfo=UTC)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet_of(directory, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})


@pytest.fixture
def play(fleet: Fleet) -> FakeFleet:
    """A fleet with copies of all sources, ten minutes before a Monday's noon; nothing runs."""
    made = FakeFleet(fleet=fleet, now=MONDAY - 6 * HOUR).until(MONDAY - 10 * MINUTE)
    assert not made.running
    made.begun.clear()
    return made


def starts(play: FakeFleet) -> dict[str, Item]:
    return {item.run: item for item in agenda(play.known()).start}


def due_items(play: FakeFleet, work: Work) -> list[Item]:
    """All of a kind that is due, in order."""
    return [item for item in duties(play.known()) if item.work is work]


def whys(play: FakeFleet) -> dict[str, str]:
    return {one.item.words: one.why for one in agenda(play.known()).waiting}


def test_a_key_says_what_for_and_when() -> None:
    run = run_key("volume/a@b", MONDAY)
    assert run == "volume/a@b@2026-06-29T12:00:00Z"
    assert due_of(run) == MONDAY
    assert due_of("by-hand") is None and due_of("by@hand") is None and due_of("") is None


def test_catalogues_are_read_before_anything_else(fleet: Fleet) -> None:
    items = agenda(FakeFleet(fleet=fleet, now=MONDAY).known()).start
    assert {(item.work, item.repository, item.server) for item in items} == {
        (Work.CATALOGUE, "near", "two"),
        (Work.CATALOGUE, "side", "three"),
        (Work.CATALOGUE, "far", "one"),
    }


def test_an_unread_repository_gets_no_backups(play: FakeFleet) -> None:
    play.now += DAY
    del play.listed["near"]
    found = {item.repository for item in starts(play).values() if item.work is Work.BACKUP}
    assert found == {"side"}


def test_a_day_of_backups_in_the_fleets_time_zone(play: FakeFleet) -> None:
    play.until(MONDAY + DAY, 5 * MINUTE)
    assert play.runs(Work.BACKUP, "db") == ["29 22:00 db"]
    hours = [f"{29 + hour // 24} {hour % 24:02}:00 cache" for hour in range(12, 37)]
    assert play.runs(Work.BACKUP, "cache") == hours
    # 04:00 and 06:00 in Berlin are 02:00 and 04:00; two repositories are copied off-site.
    assert play.runs(Work.COPY) == ["30 02:00 far", "30 02:00 far"]
    assert {run[:5] for run in play.runs(Work.PROVE, "db")} == {"30 04"}
    assert len(play.runs(Work.PROVE, "db")) == 2


def test_a_group_begins_together(play: FakeFleet) -> None:
    play.until(MONDAY + DAY, 5 * MINUTE)
    times = [play.runs(Work.BACKUP, name)[-1][:8] for name in ("wiki", "volume/app_f")]
    assert times == ["29 22:00", "29 22:00"]


def due_at_night(play: FakeFleet) -> FakeFleet:
    """An hour into the 30th, Berlin's time: the group is due."""
    play.now = NOON - 13 * HOUR
    return play


def test_a_group_is_one_part_of_what_begins(play: FakeFleet) -> None:
    made = agenda(due_at_night(play).known())
    together = [part for part in made.parts if len(part) > 1]
    assert [[item.source for item in part] for part in together] == [["wiki", "volume/app_f"]]
    assert {item.group for item in together[0]} == {"wiki"}
    assert not [item for item in made.start if item.group and item.source in ("db", "cache")]


def test_a_group_takes_one_place_on_a_server(play: FakeFleet) -> None:
    busy = Doing(work=Work.RESTORE, run="x", server="two", repository="far", began=MONDAY)
    begun = {
        item.source for item in agenda(replace(due_at_night(play).known(), running=(busy,))).start
    }
    assert {"wiki", "volume/app_f"} <= begun


def test_of_a_group_all_begin_or_none(play: FakeFleet) -> None:
    proof = Doing(work=Work.PROVE, run="x", server="three", repository="far", began=MONDAY,
                  source="wiki")  # fmt: skip
    made = agenda(replace(due_at_night(play).known(), running=(proof,)))
    assert not {item.source for item in made.start} & {"wiki", "volume/app_f"}
    whys_of = {one.item.source: one.why for one in made.waiting}
    assert whys_of["volume/app_f"] == whys_of["wiki"] == "another job of wiki is going on"


def test_what_of_a_group_was_done_or_rests_holds_up_nothing(play: FakeFleet) -> None:
    known = due_at_night(play).known()
    (wiki,) = (item for item in agenda(known).start if item.source == "wiki")
    failed = Attempt(tries=1, ok=False, ended=known.now)
    made = agenda(replace(known, attempts={**known.attempts, wiki.run: failed}))
    begun = {item.source for item in made.start}
    assert "volume/app_f" in begun and "wiki" not in begun


def test_nothing_else_begins_on_a_full_server(play: FakeFleet) -> None:
    play.now = NOON - 13 * HOUR
    busy = Doing(work=Work.RESTORE, run="x", server="one", repository="far", began=MONDAY)
    known = play.known()
    full = replace(known, running=(busy, replace(busy, run="y")))
    assert "db" in {item.source for item in agenda(known).start}
    assert not [item for item in agenda(full).start if item.server == "one"]
    waiting = {one.item.words: one.why for one in agenda(full).waiting}
    assert waiting["backup of db"] == "2 jobs run on one"


def test_a_server_that_is_down_is_waited_for(play: FakeFleet) -> None:
    play.now = NOON - 13 * HOUR
    play.down = frozenset({"one"})
    assert whys(play)["backup of db"] == "one takes no jobs now"
    assert agenda(play.known()).lag >= 3600


@pytest.mark.fault(
    "overlapping runs",
    injected="a proof and a backup of one source that are both due",
    seen="one waits for the other",
)
def test_one_source_is_never_backed_up_and_proven_at_once(play: FakeFleet) -> None:
    play.now = NOON - 13 * HOUR
    doing = Doing(
        work=Work.PROVE, run="p", server="three", repository="near", source="db", began=MONDAY
    )
    known = replace(play.known(), running=(doing,))
    assert "db" not in {item.source for item in agenda(known).start}
    waiting = {one.item.words: one.why for one in agenda(known).waiting}
    assert waiting["backup of db"] == "another job of db is going on"


def test_what_needs_a_repository_for_itself_gets_it(play: FakeFleet) -> None:
    play.now = NOON - 13 * HOUR
    pruning = Doing(work=Work.PRUNE, run="p", server="two", repository="near", began=MONDAY)
    known = replace(play.known(), running=(pruning,))
    assert not [item for item in agenda(known).start if item.repository == "near"]
    waiting = {one.item.words: one.why for one in agenda(known).waiting}
    assert waiting["backup of db"] == "near is in use"


def test_a_failed_run_is_tried_again_ever_later_and_not_for_ever(play: FakeFleet) -> None:
    play.fate = lambda item, number: (item.source != "db", MINUTE)
    play.until(MONDAY + DAY, 2 * MINUTE)
    times = [when for when, item in play.begun if item.source == "db" and item.work is Work.BACKUP]
    minutes = [round((later - first) / MINUTE) for first, later in pairwise(times)]
    assert len(times) == TRIES
    assert minutes == [6, 12, 22, 42, 82]
    (run,) = {item.run for _, item in play.begun if item.words == "backup of db"}
    assert "given up until it is due again" in whys(play)["backup of db"]
    assert agenda(play.known()).lag > 13 * 3600
    # The next day it is another run, with tries of its own.
    play.until(MONDAY + 36 * HOUR, 10 * MINUTE)
    assert len({item.run for _, item in play.begun if item.words == "backup of db"}) == 2
    assert run in play.attempts


def test_a_run_that_went_well_is_not_repeated_though_no_copy_shows_it(play: FakeFleet) -> None:
    play.now = NOON - 13 * HOUR
    (item,) = [one for one in starts(play).values() if one.source == "db"]
    play.attempts[item.run] = Attempt(tries=1, ok=True, ended=play.now)
    assert item.run not in starts(play)
    assert "backup of db" not in whys(play)


@pytest.mark.fault(
    "clock step",
    injected="a clock that jumps over days",
    seen="one run makes up for them",
)
def test_days_that_were_missed_are_caught_up_once(play: FakeFleet) -> None:
    play.now = MONDAY + 5 * DAY
    play.restart()
    play.until(MONDAY + 5 * DAY + 6 * HOUR, 5 * MINUTE)
    assert len(play.runs(Work.BACKUP, "db")) == 1
    assert len(play.runs(Work.COPY)) <= 3


@pytest.mark.fault(
    "clock step",
    injected="a server whose clock is behind",
    seen="it is not backed up twice",
)
def test_a_server_whose_clock_is_behind_is_not_backed_up_twice(play: FakeFleet) -> None:
    """The copy says 21:58; it was made by the run of 22:00."""
    play.until(MONDAY + 11 * HOUR)
    for place, copy in play.copies.items():
        if copy.source == "db":
            play.copies[place] = replace(copy, taken=copy.taken - 20 * MINUTE)
    play.restart()
    play.until(MONDAY + 12 * HOUR)
    assert len(play.runs(Work.BACKUP, "db")) == 1


def test_a_lost_repository_is_filled_anew(play: FakeFleet) -> None:
    for place in [place for place in play.copies if place[0] == "near"]:
        del play.copies[place]
    play.listed["near"] = play.now  # that it is empty is seen when it is listed
    found = {item.source for item in starts(play).values() if item.work is Work.BACKUP}
    assert "db" in found


def test_proofs_are_on_another_server_and_the_longest_unproven_comes_first(
    play: FakeFleet,
) -> None:
    play.until(NOON - 8 * HOUR - 5 * MINUTE, 5 * MINUTE)
    play.now = NOON - 8 * HOUR  # 06:00 in Berlin
    proofs = due_items(play, Work.PROVE)
    of_db = [item for item in proofs if item.source == "db"]
    assert {item.repository for item in of_db} == {"near", "far"}
    assert all(item.servers == ("two", "three") for item in of_db)
    for place, copy in play.copies.items():
        old = Proof(snapshot=copy.id, repository=copy.repository, at=MONDAY - 9 * DAY, ok=True)
        play.copies[place] = replace(copy, proof=None if copy.source == "cache" else old)
    assert {item.source for item in due_items(play, Work.PROVE)[:2]} == {"cache"}


def test_proofs_go_to_the_servers_that_the_policy_names(fleet: Fleet) -> None:
    backup = fleet.backup.model_copy(
        update={"proving": fleet.backup.proving.model_copy(update={"servers": ("one",)})}
    )
    play = FakeFleet(fleet=fleet.model_copy(update={"backup": backup}), now=MONDAY)
    play.until(MONDAY + DAY)
    servers = {item.server for _, item in play.begun if item.work is Work.PROVE}
    assert servers == {"one"}  # also the source's own, as no other one may be used


def test_the_newest_copy_is_proven_again_after_a_week(play: FakeFleet) -> None:
    """`system/one` is backed up monthly: what nobody reads, disks spoil."""
    play.until(MONDAY + 18 * DAY, 3 * HOUR)
    proofs = [
        when
        for when, item in play.begun
        if item.work is Work.PROVE and (item.source, item.repository) == ("system/one", "near")
    ]
    gaps = [later - first for first, later in pairwise(proofs)]
    # After the one of the 1st, when there was a new copy.
    assert len(gaps) > 1
    assert all(PROVEN_AGAIN - 3 * HOUR <= gap <= 9 * DAY for gap in gaps[1:])


def test_a_failed_proof_is_repeated_with_the_next_round_only(play: FakeFleet) -> None:
    play.until(MONDAY + DAY, 5 * MINUTE)
    place = next(place for place, copy in play.copies.items() if copy.source == "system/one")
    copy = play.copies[place]
    assert copy.proof is not None
    failed = replace(copy.proof, ok=False, at=play.now)
    play.copies[place] = replace(copy, proof=failed)
    every = {item.words for item in due_items(play, Work.PROVE)}
    assert f"proof of system/one in {place[0]}" not in every
    play.now += 20 * HOUR
    every = {item.words for item in due_items(play, Work.PROVE)}
    assert f"proof of system/one in {place[0]}" in every


def test_retention_comes_after_proofs_and_only_when_something_goes(play: FakeFleet) -> None:
    play.until(MONDAY + DAY, 5 * MINUTE)
    assert "30 06:05 side" not in play.runs(Work.FORGET)  # nothing there is old enough
    play.until(MONDAY + 2 * DAY, 20 * MINUTE)
    forgets = [(when, item) for when, item in play.begun if item.work is Work.FORGET]
    assert forgets
    for when, item in forgets:
        late = [
            begun
            for begun, proof in play.begun
            if proof.work is Work.PROVE
            and (proof.due, proof.repository) == (item.due, item.repository)
        ]
        assert all(begun < when for begun in late)


def test_where_nobody_may_delete_nothing_is_forgotten(fleet: Fleet) -> None:
    places = tuple(
        one.model_copy(update={"append_only": True}) for one in fleet.backup.repositories
    )
    backup = fleet.backup.model_copy(update={"repositories": places})
    play = FakeFleet(fleet=fleet.model_copy(update={"backup": backup}), now=MONDAY)
    play.until(MONDAY + 2 * DAY, 20 * MINUTE)
    works = {(item.work, item.repository) for _, item in play.begun}
    assert (Work.FORGET, "near") in works  # of a directory on a server its own server may
    assert (Work.FORGET, "far") not in works and (Work.PRUNE, "far") not in works
    assert (Work.CHECK, "far") in works


def test_pruning_is_weekly_and_only_of_what_was_found_whole(fleet: Fleet) -> None:
    play = FakeFleet(fleet=fleet, now=MONDAY)
    play.fate = lambda item, number: (
        (item.work, item.repository) != (Work.CHECK, "near"),
        MINUTE,
    )
    play.until(MONDAY + DAY / 2, 20 * MINUTE)
    play.now = MONDAY + 6 * DAY - 7 * HOUR  # a Sunday's 05:00; pruning is at 08:00 in Berlin
    play.until(play.now + 6 * HOUR, 15 * MINUTE)
    pruned = Counter(item.repository for _, item in play.begun if item.work is Work.PRUNE)
    assert pruned.keys() == {"side", "far"}
    assert pruned["side"] == 2 and pruned["far"] <= 2  # at first, and on Sunday


FAILS = st.lists(st.integers(0, 400), max_size=40)


@settings(max_examples=8)
@given(
    fails=FAILS,
    minutes=st.lists(st.integers(1, 300), min_size=1, max_size=12),
    steps=st.lists(st.integers(10, 200), min_size=1, max_size=9),
    restarts=st.sets(st.integers(0, 60), max_size=4),
    start=st.sampled_from(("2026-03-27T09:00", "2026-10-23T09:00", "2026-06-29T09:00")),
)
def test_whatever_happens(
    fleet: Fleet,
    fails: list[int],
    minutes: list[int],
    steps: list[int],
    restarts: set[int],
    start: str,
) -> None:
    """Never two at once; a due time's run once, unless it failed; bounded on each server."""
    play = FakeFleet(fleet=fleet, now=datetime.fromisoformat(start).replace(tzinfo=UTC))
    play.fate = lambda item, number: (
        number not in fails,
        timedelta(minutes=minutes[number % len(minutes)]),
    )
    end, step = play.now + 2 * DAY, 0
    while play.now < end:
        if step in restarts:
            play.restart()
        play.step(timedelta(minutes=steps[step % len(steps)]))
        step += 1
        check_together(play)
    check_runs(play, len(restarts))


def check_together(play: FakeFleet) -> None:
    doing = [item for item, *_ in play.running.values()]
    sources = Counter(item.source for item in doing if item.source)
    assert all(number == 1 for number in sources.values()), sources
    # The jobs of a group follow one another: one of them at a time.
    jobs = {
        (item.server, item.group or item.run) for item in doing if item.work is not Work.CATALOGUE
    }
    servers = Counter(server for server, _ in jobs)
    assert all(number <= PER_SERVER for number in servers.values()), servers
    for alone in (item for item in doing if item.work in (Work.FORGET, Work.PRUNE, Work.CHECK)):
        beside = [one for one in doing if alone.repository in (one.repository, one.origin)]
        assert beside == [alone]


def check_runs(play: FakeFleet, restarts: int) -> None:
    by_run: dict[str, list[bool]] = {}
    for _, item, ok in play.done:
        by_run.setdefault(item.run, []).append(ok)
    for run, ended in by_run.items():
        work = next(item.work for _, item in play.begun if item.run == run)
        # A restart forgets what failed; what went well the repositories show.
        assert len(ended) <= TRIES * (restarts + 1)
        if work in (Work.BACKUP, Work.COPY, Work.PROVE, Work.CHECK, Work.PRUNE):
            assert ended[:-1] == [False] * (len(ended) - 1), (run, ended)


@pytest.mark.fault(
    "daylight-saving change",
    injected="a day with 23 hours, and one with 25",
    seen="each time is run once",
)
@pytest.mark.parametrize("start", ["2026-03-28T11:58", "2026-10-24T11:58"])
def test_each_time_is_run_once_when_clocks_change(fleet: Fleet, start: str) -> None:
    """Berlin's clocks go forward on 29 March and back on 25 October 2026."""
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    play = FakeFleet(fleet=fleet, now=begin).until(begin + 2 * DAY, 4 * MINUTE)
    for source in ("db", "cache"):
        each_time_is_run_once(play, source, begin)


def each_time_is_run_once(play: FakeFleet, source: str, begin: datetime) -> None:
    schedule = Schedule(every="hourly") if source == "cache" else Schedule(at="00:00")
    due = list(occurrences(schedule, time_zone("Europe/Berlin"), begin, play.now - 5 * MINUTE))
    begun = [item for _, item in play.begun if (item.work, item.source) == (Work.BACKUP, source)]
    # The first one is what there was before anybody looked.
    assert [item.due for item in begun[1:]] == due[-len(begun) + 1 :]
    assert len(begun) - len(due) in (0, 1)


def test_delays_grow_and_are_bounded() -> None:
    assert [delay(tries) / MINUTE for tries in (1, 2, 3, 6, 7, 50)] == [5, 10, 20, 160, 240, 240]
