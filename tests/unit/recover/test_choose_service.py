"""What mends one service, and that nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

from quorate.backup.policy.quiesce import Stale
from quorate.fleet.observed import ObservedContainer
from quorate.observe.deep_model import Action, Check, Finding, Grade, Kind
from quorate.observe.deep_tasks import SERVICE_LABEL
from quorate.recover.choose_service import of_service, operation, stuck
from tests.unit.backup.jobs.made import NOW, snapshot, task

NAME = "app_db"
RESTART = Action(kind=Kind.RESTART, target=NAME)


def found(check: Check = Check.PENDING, subject: str = NAME, **more: object) -> Finding:
    given = {"check": check, "where": "one", "subject": subject, "what": f"{subject}: wrong"}
    return Finding.model_validate({**given, "mend": "by hand", **more})


def test_only_what_is_about_the_service_counts() -> None:
    ours = ObservedContainer(id="c1", name="x", server="one", labels={SERVICE_LABEL: NAME})
    theirs = ObservedContainer(id="c2", name="y", server="one", labels={SERVICE_LABEL: "app_out"})
    seen = replace(snapshot(), containers=(ours, theirs))
    mine = [
        found(action=RESTART),
        found(Check.STRAY, "c1", action=Action(kind=Kind.REMOVE, target="c1", server="one")),
        found(Check.DEAD_NODE, "id-one", action=Action(kind=Kind.REPLACE, target="id-one")),
        found(Check.ADDRESS, "back 10.0.0.4", action=RESTART),
        found(Check.VOLUME, "c0 c1"),
    ]
    others = [
        found(subject="app_out"),
        found(Check.STRAY, "c2"),
        found(Check.DEAD_NODE, "id-two"),
        found(Check.DISK, "one"),
        found(grade=Grade.NOTE),
    ]
    assert of_service(NAME, [*mine, *others], seen) == tuple(mine)


def test_what_runs_beside_it_goes_first_and_each_mend_is_done_once() -> None:
    remove = Action(kind=Kind.REMOVE, target="c1", server="one")
    mine = (
        found(action=RESTART),
        found(Check.STRAY, "c1", action=remove),
        found(Check.NAMES, action=RESTART),
        found(Check.SKEW, action=Action(kind=Kind.UP)),
    )
    left = (
        Stale(id="s", name=NAME, run="dead", why="the run dead has ended"),
        Stale(id="t", name="app_out", run="other", why="x"),
    )
    plan = operation("office", NAME, mine, left, snapshot())
    assert plan is not None
    assert [one.id for one in plan.steps] == ["let-go-0", "mend-0", "mend-1", "verify"]
    assert [one["action"]["kind"] for one in plan.facts["mends"]] == [Kind.REMOVE, Kind.RESTART]
    assert plan.facts["let_go"] == [{"step": "let-go-0", "run": "dead"}]
    assert plan.warnings == ("app_db: wrong: by hand",) and not plan.loses
    assert plan.seconds is not None


def test_a_dead_servers_availability_is_remembered() -> None:
    replacing = found(Check.DEAD_NODE, "id-one", action=Action(kind=Kind.REPLACE, target="id-one"))
    plan = operation("office", NAME, (replacing,), (), snapshot())
    assert plan is not None and plan.facts["mends"][0]["availability"] == "active"


def test_one_that_is_not_well_for_no_known_reason_is_started_anew() -> None:
    assert stuck(NAME, snapshot()) == ""
    assert operation("office", NAME, (), (), snapshot()) is None
    ill = snapshot(tasks=[task(NAME, "one", state="starting", timestamp=NOW)])
    assert "0 of 1 tasks run" in stuck(NAME, ill)
    plan = operation("office", NAME, (), (), ill)
    assert plan is not None and plan.facts["mends"][0]["action"]["target"] == NAME
