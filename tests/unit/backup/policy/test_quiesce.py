"""What is recorded of a service that is kept still, and what is done with the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.policy import quiesce
from quorate.backup.policy.quiesce import Record

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RECORD = Record(run="r1", source="volume/app", replicas=0, deadline=NOW + timedelta(hours=1))


def spec(replicas: int = 3, **labels: str) -> dict[str, Any]:
    return {
        "Name": "shop_app",
        "Labels": {"com.docker.stack.namespace": "shop", **labels},
        "Mode": {"Replicated": {"Replicas": replicas}},
        "TaskTemplate": {"ContainerSpec": {"Image": "app:1"}, "ForceUpdate": 2},
        "UpdateConfig": {"Parallelism": 1},
    }


@given(
    replicas=st.integers(0, 20),
    labels=st.dictionaries(st.text(min_size=1).filter(lambda key: "quiesce" not in key), st.text()),
)
def test_ended_a_service_is_exactly_as_before(replicas: int, labels: dict[str, str]) -> None:
    before = spec(replicas) | {"Labels": labels}
    down = quiesce.stopped(before, RECORD)
    assert quiesce.replicas_of(down) == 0 and quiesce.held(down, "r1")
    assert down["TaskTemplate"] == before["TaskTemplate"]
    assert quiesce.resumed(down) == before


def test_begun_again_the_first_number_of_replicas_counts() -> None:
    down = quiesce.stopped(quiesce.stopped(spec(3), RECORD), RECORD)
    assert quiesce.replicas_of(quiesce.resumed(down)) == 3


def test_a_dead_runs_record_is_taken_over_with_its_number() -> None:
    down = quiesce.stopped(spec(3), RECORD)
    other = Record(run="r2", source="volume/app", replicas=0, deadline=NOW + timedelta(hours=9))
    taken = quiesce.stopped(down, other)
    assert quiesce.held(taken, "r2") and not quiesce.held(taken, "r1")
    assert quiesce.replicas_of(quiesce.resumed(taken)) == 3


def test_what_somebody_scaled_meanwhile_stays() -> None:
    down = quiesce.stopped(spec(3), RECORD)
    by_hand = {**down, "Mode": {"Replicated": {"Replicas": 5}}}
    assert not quiesce.held(by_hand, "r1")
    assert quiesce.resumed(by_hand) == spec(5)


@pytest.mark.parametrize(
    "broken",
    [{quiesce.REPLICAS: "many"}, {quiesce.DEADLINE: "soon"}, {quiesce.DEADLINE: "2026-03-01T03:00"},
     {quiesce.REPLICAS: "-1"}, {quiesce.RUN: ""}],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_ended_with_what_was_before(broken: dict[str, str]) -> None:
    down = quiesce.stopped(spec(3), RECORD)
    down["Labels"] = down["Labels"] | broken
    assert quiesce.record_of(down) is None and quiesce.marked(down)
    (found,) = quiesce.stale([{"ID": "i", "Spec": down}], NOW)
    assert found.why == "its record cannot be read"
    assert quiesce.resumed(down, spec(4)) == spec(4)
    assert quiesce.replicas_of(quiesce.resumed(down, spec(0))) == 1


def stale_at(hours: float, active: set[str] | None) -> tuple[str, ...]:
    down = {"ID": "i", "Spec": quiesce.stopped(spec(), RECORD)}
    untouched = {"ID": "j", "Spec": spec()}
    found = quiesce.stale([down, untouched], NOW + timedelta(hours=hours), active)
    return tuple(one.why for one in found)


@pytest.mark.fault(
    "stale lock",
    injected="a record of a quiesce whose run is dead, or past its deadline",
    seen="it is stale, and ended",
)
def test_stale_is_what_is_past_its_deadline_or_whose_run_has_ended() -> None:
    assert stale_at(0.5, None) == () and stale_at(0.5, {"r1", "r2"}) == ()
    assert stale_at(0.5, set()) == ("the run r1 has ended",)
    past = ("the run r1 should have ended by 2026-03-01 04:00:00 UTC",)
    assert stale_at(1.5, None) == past and stale_at(1.5, {"r1"}) == past


def record(**more: Any) -> set[str]:
    """The reasons for which a record is stale, two minutes after it was begun."""
    made = replace(RECORD, **{"awaited": NOW + timedelta(minutes=3), **more})
    down = {"ID": "i", "Spec": quiesce.stopped(spec(), made)}
    return {one.why for one in quiesce.stale([down], NOW + timedelta(minutes=2), {"other"})}


@pytest.mark.fault(
    "overlapping runs",
    injected="a controller that looks while another process has just stopped a service",
    seen="the service stays still: its job is not there yet; past the deadline it runs again",
)
def test_a_run_that_has_not_started_its_job_yet_is_not_undone() -> None:
    assert record() == set()
    assert record(awaited=NOW + timedelta(minutes=1)) == {"no job was started for the run r1"}
    assert record(job="gone") == {"the run r1 has ended"}
    assert record(job="other") == set()


@pytest.mark.parametrize(("period", "seconds"), [(None, 70), (30 * 10**9, 90)])
def test_a_record_that_does_not_say_goes_by_its_update(period: int | None, seconds: int) -> None:
    down = quiesce.stopped(spec(), RECORD)
    if period is not None:
        down["TaskTemplate"] = {"ContainerSpec": {"StopGracePeriod": period}}
    one = {"ID": "i", "Spec": down, "UpdatedAt": "2026-03-01T02:30:00.123456789Z"}
    stopped = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    before, after = (stopped + timedelta(seconds=seconds + more) for more in (-1, 2))
    assert quiesce.stale([one], before, set()) == ()
    assert len(quiesce.stale([one], after, set())) == 1
    assert len(quiesce.stale([{**one, "UpdatedAt": "soon"}], before, set())) == 1


def test_the_deadline_counts_even_for_a_job_that_is_there() -> None:
    assert record(job="other", deadline=NOW + timedelta(minutes=1)) == {
        "the run r1 should have ended by 2026-03-01 03:01:00 UTC"
    }


def test_what_is_noted_is_read_again_and_goes_with_the_record() -> None:
    down = quiesce.stopped(spec(3), replace(RECORD, awaited=NOW))
    noted = quiesce.noted(down, "r1", "job", NOW + timedelta(minutes=1))
    assert noted is not None
    found = quiesce.record_of(noted)
    assert found is not None
    assert (found.job, found.awaited) == ("job", NOW + timedelta(minutes=2))
    assert quiesce.resumed(noted) == spec(3)
    assert quiesce.noted(spec(3), "r1", "job", NOW) is None


def test_another_run_keeps_it_as_long_as_it_is_alive() -> None:
    down = quiesce.stopped(spec(), RECORD)
    assert quiesce.kept_by_other(down, "r2", NOW, None)
    assert not quiesce.kept_by_other(down, "r1", NOW, None)
    assert not quiesce.kept_by_other(down, "r2", NOW, {"r2"})
    assert not quiesce.kept_by_other(down, "r2", NOW + timedelta(hours=2), {"r1", "r2"})


def test_why_a_service_cannot_be_kept_still() -> None:
    assert quiesce.why_not("stop", spec()) is None
    assert quiesce.why_not("none", {"Mode": {"Global": {}}}) is None
    assert "scaled to 0" in (quiesce.why_not("stop", {"Mode": {"Global": {}}}) or "")
    assert "undo" in (quiesce.why_not("pause", spec()) or "")
    assert quiesce.why_not("pause", spec(), undoing=True) is None
    assert "frozen" in (quiesce.why_not("freeze", spec()) or "")


def test_a_service_without_a_number_has_one_replica() -> None:
    down = quiesce.stopped(spec() | {"Mode": {"Replicated": {}}}, RECORD)
    assert quiesce.replicas_of(quiesce.resumed(down)) == 1


CHECKS = st.none() | st.fixed_dictionaries(
    {"Test": st.lists(st.text(), min_size=1, max_size=3)}, optional={"Retries": st.integers(0, 9)}
)


def watched(check: dict[str, Any] | None, replicas: int = 1) -> dict[str, Any]:
    made = spec(replicas)
    if check is not None:
        made["TaskTemplate"]["ContainerSpec"]["Healthcheck"] = check
    return made


@given(check=CHECKS, job=st.sampled_from(["", "a-job"]))
def test_a_health_check_that_was_taken_away_is_there_again(
    check: dict[str, Any] | None, job: str
) -> None:
    before = watched(check)
    without: dict[str, Any] | None = quiesce.unwatched(before, RECORD)
    without = quiesce.noted(without or {}, "r1", job, NOW) if job else without
    assert without is not None and quiesce.held(without, "r1")
    assert not quiesce.has_check(without) and quiesce.replicas_of(without) == 1
    again = quiesce.unwatched(without, RECORD)
    assert not quiesce.has_check(again)
    assert quiesce.resumed(again) == before


def test_a_check_that_somebody_gave_it_meanwhile_stays() -> None:
    mine = {"Test": ["CMD", "true"]}
    without = quiesce.unwatched(watched({"Test": ["CMD", "false"]}), RECORD)
    without["TaskTemplate"]["ContainerSpec"]["Healthcheck"] = mine
    assert not quiesce.held(without, "r1")
    assert quiesce.resumed(without) == watched(mine)


def test_one_method_takes_over_from_the_other() -> None:
    before = watched({"Test": ["CMD", "true"]}, 2)
    other = replace(RECORD, run="r2")
    stopped = quiesce.stopped(quiesce.unwatched(before, RECORD), other)
    assert quiesce.replicas_of(stopped) == 0 and quiesce.has_check(stopped)
    without = quiesce.unwatched(quiesce.stopped(before, RECORD), other)
    assert quiesce.replicas_of(without) == 2 and not quiesce.has_check(without)
    assert quiesce.resumed(stopped) == quiesce.resumed(without) == before


def test_a_check_that_cannot_be_read_again_is_the_images() -> None:
    without = quiesce.unwatched(watched({"Test": ["CMD", "true"]}), RECORD)
    without["Labels"][quiesce.CHECK] = "{"
    assert quiesce.resumed(without) == watched(None)
