"""Which copy brings a database back: never one from after the moment, never an unproven one
without being told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs.copies import Known, snapshot_of
from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.model import Copied
from quorate.backup.model import Kind, Proof, Snapshot, Source
from quorate.errors import MachineError, QuorateError, RefusedError, RepositoryError, UsageError
from quorate.fleet.model import Fleet
from quorate.recover.choose_database import (
    RESTORE,
    START,
    STOP,
    VERIFY,
    Asked,
    Chosen,
    Users,
    choose,
    operation,
    users,
)
from tests.unit.backup.jobs.made import COMPOSE, NOW, fleet, snapshot
from tests.unit.backup.jobs.test_decide_copies import HOUR, copy, there

DB = Source(id="db", kind=Kind.POSTGRES, service="db")
OUT = Source(id="out", kind=Kind.POSTGRES, service="out")
USED = COMPOSE.replace(
    "  files:",
    "  web: {image: x, networks: [back], x-quorate: {needs: [db]}}\n"
    "  shop: {image: x, networks: [back], x-quorate: {needs: [db]}}\n"
    "  agent: {image: x, networks: [back], deploy: {mode: global}, x-quorate: {needs: [db]}}\n"
    "  files:",
)


def proven(id: str, hours: float, seconds: float = 12.0, *, repository: str = "second") -> Snapshot:
    proof = Proof(snapshot=id, repository=repository, at=NOW, ok=True, seconds=seconds)
    return copy(id, hours, repository=repository, proof=proof)


def failed(id: str, hours: float) -> Snapshot:
    proof = Proof(
        snapshot=id, repository="second", at=NOW, ok=False, differences=("rows: 3, then 2",)
    )
    return copy(id, hours, proof=proof)


def made(known: Known, asked: Asked | None = None, *, log: bool = False) -> Chosen:
    return choose(known, "db", asked or Asked(), log=log, now=NOW)


def refused(known: Known, asked: Asked | None = None) -> str:
    with pytest.raises(QuorateError) as error:
        made(known, asked)
    return " | ".join(error.value.lines())


def test_the_newest_proven_copy_is_taken_and_a_newer_unproven_one_is_told_of() -> None:
    chosen = made(there(proven("a", 5), proven("b", 3), copy("c", 1)))
    assert [one.id for one in chosen.copies] == ["b"] and chosen.seconds == 12.0
    assert chosen.until == NOW - 3 * HOUR
    assert "a newer copy, c of" in chosen.warnings[-1] and "quorate backup prove db" in str(chosen)
    told = made(there(proven("b", 3), copy("c", 1)), Asked(unproven=True))
    assert told.copies[0].id == "c" and told.seconds is None
    assert "nobody has restored the copy c yet" in told.warnings[0]


def test_until_a_moment() -> None:
    known = there(proven("a", 5), proven("b", 3), copy("c", 1))
    assert made(known, Asked(at=NOW - 4 * HOUR)).copies[0].id == "a"
    said = refused(known, Asked(at=NOW - 9 * HOUR))
    assert "no copy of db was taken until" in said and "backup list --source db" in said


def test_where_several_repositories_have_it_the_others_come_next() -> None:
    near, far = proven("a", 3), copy("b", 3, repository="away", original="a")
    far_proven = proven("c", 4, repository="first")
    known = there(near, far, far_proven)
    assert [one.id for one in made(known).copies] == ["a"]
    moved = there(copy("a", 3), proven("d", 3, repository="away"), dark=("first",))
    chosen = made(moved)
    assert chosen.copies[0].repository == "away"
    assert chosen.warnings[0] == "first cannot be read: down"


def test_one_copy_proven_in_two_places_is_taken_from_the_near_one() -> None:
    from dataclasses import replace

    here = proven("a", 3, repository="second")
    away = replace(proven("b", 3, repository="first"), original="a")
    chosen = choose(
        there(here, away), "db", Asked(), log=False, close=frozenset(("first",)), now=NOW
    )
    assert [one.repository for one in chosen.copies] == ["first", "second"]


def test_nothing_proven_names_the_best_unproven_one_and_its_risk() -> None:
    said = refused(there(copy("a" * 20, 5), copy("b" * 20, 3), failed("c", 1)))
    assert "no copy of db that would do is proven; nothing was changed" in said
    assert "the newest is bbbbbbbb of 2026-06-30 09:00:00 UTC in second" in said
    assert "it may lack something, or not restore at all" in said
    assert "`quorate backup prove db --copy bbbbbbbb`" in said and "`--unproven`" in said
    bad = refused(there(failed("c" * 9, 1)), Asked(unproven=True))
    assert "was tried and is not what was backed up: rows: 3, then 2" in bad


def test_a_copy_that_is_named() -> None:
    known = there(proven("aaaa", 5), copy("bbbb", 3), failed("cccc", 1))
    assert made(known, Asked(snapshot="aa")).copies[0].id == "aaaa"
    assert "--unproven" in refused(known, Asked(snapshot="bb"))
    assert made(known, Asked(snapshot="bb", unproven=True)).copies[0].id == "bbbb"
    taken = made(known, Asked(snapshot="cc", unproven=True))
    assert "was tried, and is not what was backed up" in taken.warnings[0]
    assert "no complete copy has the id dd" in refused(known, Asked(snapshot="dd"))


def test_a_moment_out_of_the_log() -> None:
    at = NOW - timedelta(seconds=5)
    chosen = made(there(proven("a", 5)), Asked(at=at), log=True)
    assert chosen.copies == () and chosen.until == at and chosen.seconds is None
    later = made(there(), Asked(at=NOW + HOUR), log=True)
    assert later.at == NOW and not later.known
    assert made(there(proven("a", 5)), Asked(snapshot="a", at=at), log=True).copies


@pytest.mark.parametrize(
    ("at", "reaches", "said"),
    [
        (NOW + HOUR, NOW - 3 * HOUR, "after 2026-06-30 09:00:00 UTC: the last 3 h"),
        (NOW + HOUR, None, "not in its write-ahead log: how much that is, its receiver does not"),
        (NOW - 4 * HOUR, None, "after 2026-06-30 08:00:00 UTC: the last 4 h"),
        (NOW - HOUR, NOW - 3 * HOUR, "after 2026-06-30 11:00:00 UTC: the last 1 h"),
    ],
)
def test_what_is_lost_out_of_a_log_is_what_it_does_not_have(
    at: datetime, reaches: datetime | None, said: str
) -> None:
    """Asked for the last, it is brought to the end of the log, wherever that is."""
    chosen = choose(Known(), "db", Asked(at=at), log=True, reaches=reaches, now=NOW)
    plan = operation("office", DB, chosen, Users(), "db", now=NOW)
    assert said in plan.loses
    assert plan.facts["at"] == min(at, NOW).isoformat()
    short = reaches is not None and reaches < at < NOW
    assert any("may not be in it" in one for one in plan.warnings) == short


@pytest.mark.parametrize(
    ("reaches", "said"),
    [
        (NOW - timedelta(minutes=1), "goes on until 2026-06-30 11:59:00 UTC: "),
        (NOW - timedelta(minutes=1), "loses 4 h 59 min less than this copy"),
        (None, "how far is not known: "),
        (NOW - 6 * HOUR, "ends at 2026-06-30 06:00:00 UTC, before this copy: it saves nothing"),
    ],
)
def test_what_a_log_has_beyond_the_copy_is_told_with_the_command_that_takes_it(
    reaches: datetime | None, said: str
) -> None:
    known = there(proven("a", 5))
    chosen = choose(known, "db", Asked(), log=True, reaches=reaches, now=NOW)
    assert [one.id for one in chosen.copies] == ["a"] and said in chosen.warnings[-1]
    command = "`quorate recover database db --at latest`"
    assert (command in chosen.warnings[-1]) == ("saves nothing" not in said)
    shown = operation("office", DB, chosen, Users(), "db", now=NOW)
    assert chosen.warnings[-1] in shown.warnings
    assert not made(known).warnings


def test_repositories_that_cannot_be_read_are_the_reason_where_nothing_is_known() -> None:
    wrong = RepositoryError("the password of away is wrong", reason="password")
    known = Known(unread=(Refused(what="away", error=wrong),))
    with pytest.raises(RepositoryError, match="password of away is wrong"):
        made(known)
    with pytest.raises(UsageError, match="no complete copy of db"):
        made(there())
    with pytest.raises(MachineError, match="down"):
        made(there(dark=("first",)))


@given(
    st.lists(st.tuples(st.floats(0, 90), st.sampled_from(["none", "good", "bad"])), max_size=8),
    st.one_of(st.none(), st.floats(0, 90)),
    st.booleans(),
)
def test_never_later_than_asked_and_never_unproven_unless_told(
    given_copies: list[tuple[float, str]], before: float | None, unproven: bool
) -> None:
    kinds: dict[str, Callable[[str, float], Snapshot]] = {
        "none": lambda id, hours: copy(id, hours),
        "good": lambda id, hours: proven(id, hours),
        "bad": lambda id, hours: failed(id, hours),
    }
    every = [kinds[kind](f"id{n}", hours) for n, (hours, kind) in enumerate(given_copies)]
    at = None if before is None else NOW - before * HOUR
    try:
        chosen = made(there(*every), Asked(at=at, unproven=unproven))
    except RefusedError:
        may = [one for one in every if at is None or one.taken <= at]
        assert may and not any(one.proven for one in may)
        assert not unproven or all(one.proof is not None for one in may)
        return
    except UsageError:
        assert not [one for one in every if at is None or one.taken <= at]
        return
    best = chosen.copies[0]
    assert at is None or best.taken <= at
    assert best.proven or (unproven and best.proof is None)
    assert chosen.until == best.taken
    allowed = [one for one in every if at is None or one.taken <= at]
    assert not [one for one in allowed if one.proven and one.taken > best.taken]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return fleet(tmp_path_factory.mktemp("used"), compose=USED)


def test_who_writes_is_stopped_and_who_cannot_be_is_told_of(used: Fleet) -> None:
    plain = {"Mode": {"Replicated": {"Replicas": 2}}}
    seen = snapshot(
        {
            "app_web": plain,
            "app_agent": {"Mode": {"Global": {}}},
            "app_db": plain,
            "app_files": plain,
        }
    )
    around = users(used, seen, DB)
    assert around.stops == ("app_web",)  # the shop is not deployed
    assert around.waits == ("app_db", "app_web", "app_agent")
    assert around.warnings == ("agent is global and goes on: what it writes meanwhile counts",)
    assert "no service says that it needs out" in users(used, seen, OUT).warnings[0]
    files = Source(id="volume/app_v", kind=Kind.VOLUME, service="files")
    assert users(used, seen, files).stops == ("app_files",)


def test_the_steps_say_what_is_lost_and_carry_what_actions_need() -> None:
    chosen = made(there(proven("a" * 64, 3)))
    around = Users(stops=("app_web",), waits=("app_db", "app_web"), warnings=("one goes on",))
    plan = operation("office", DB, chosen, around, "db itself, on one", now=NOW)
    assert [one.id for one in plan.steps] == [STOP, RESTORE, START, VERIFY]
    assert plan.seconds is not None and plan.seconds >= 12.0
    assert "after 2026-06-30 09:00:00 UTC: the last 3 h" in plan.loses
    assert "the copy aaaaaaaa" in plan.steps[1].says and "db itself, on one" in plan.steps[1].says
    assert not any(one.final for one in plan.steps) and plan.warnings == ("one goes on",)
    (kept,) = plan.facts["copies"]
    assert snapshot_of(Copied.model_validate(kept)).proven
    alone = operation("office", DB, chosen, Users(), "db", now=NOW)
    assert [one.id for one in alone.steps] == [RESTORE, VERIFY]
