"""What a loss does to jobs."""

from __future__ import annotations

import pytest

from quorate.entry.cli.output import console
from quorate.entry.cli.predict_view import render
from quorate.entry.web.predict_page import page
from quorate.fleet.model import Fleet, Mode, Role, SwarmSettings
from quorate.plan.solve import make_plan
from quorate.predict.model import After, Failure, JobTrouble, Prediction
from quorate.predict.predict import predict
from tests.unit.plan.builders import fleet, server, service


def batch(engine: str = "26.1") -> Fleet:
    """Three managers and a worker, which runs a job beside a service that may move."""
    servers = [*(server(name, role=Role.MANAGER) for name in "abc"), server("w")]
    made = fleet(
        servers,
        [
            service("nightly", pins=("w",), mode=Mode.REPLICATED_JOB),
            service("sweep", mode=Mode.GLOBAL_JOB),
            service("web", pins=("a", "b")),
        ],
    )
    return made.model_copy(update={"swarm": SwarmSettings(minimum_engine=engine)})


def asked(*names: str, leader: str = "a", made: Fleet | None = None) -> Prediction:
    made = made or batch()
    return predict(made, make_plan(made), lost=[names], leader=leader, courses=20)


def troubles(failure: Failure) -> dict[str, tuple[JobTrouble, ...]]:
    return {fate.service: fate.job for fate in failure.fates if fate.job}


def test_a_lost_task_of_a_job_hangs() -> None:
    (failure,) = asked("w").failures
    assert troubles(failure) == {"nightly": (JobTrouble.HANGS,), "sweep": (JobTrouble.HANGS,)}
    (nightly,) = [fate for fate in failure.fates if fate.service == "nightly"]
    assert (nightly.answers, nightly.goes_to, nightly.after) == (None, {}, After.HOME)


def test_after_an_election_a_replicated_job_may_run_again_wherever_it_is() -> None:
    (failure,) = asked("a").failures
    assert troubles(failure) == {"nightly": (JobTrouble.AGAIN,), "sweep": (JobTrouble.HANGS,)}
    # Nobody is elected where a majority is lost.
    (failure,) = asked("a", "b").failures
    assert troubles(failure) == {"sweep": (JobTrouble.HANGS,)}


def test_what_is_cut_off_runs_on() -> None:
    made = batch()
    (failure,) = predict(made, make_plan(made), parted=[("w",)], leader="a", courses=20).failures
    assert troubles(failure) == {}


def test_a_frozen_leader_may_make_jobs_run_again() -> None:
    made = batch()
    short, long = predict(
        made, make_plan(made), frozen=[("a", 5.0), ("a", 30.0)], leader="a", courses=20
    ).failures
    assert troubles(short) == {}
    assert troubles(long) == {"nightly": (JobTrouble.AGAIN,)}


def test_old_engines_get_services_for_jobs() -> None:
    (failure,) = asked("w", made=batch("20.10")).failures
    assert troubles(failure) == {}


def test_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("w", "counts as running"), ("a", "run again and again")):
        found = asked(name)
        render(found, console(), in_full=True)
        told = capsys.readouterr().out
        assert words in " ".join(told.split())
        assert words in page(found)
    assert any("jobs are running" in text for text in found.assumed)
    assert not any("jobs are running" in text for text in asked("c", made=no_jobs()).assumed)


def no_jobs() -> Fleet:
    made = batch()
    return made.model_copy(update={"services": made.services[2:]})
