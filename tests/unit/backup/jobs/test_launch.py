"""Jobs are started once, followed to their ends whatever happens, and removed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from requests.exceptions import ConnectionError as Broken

from quorate.backup.jobs import decide, door, leftovers, making
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.launch import AT_ONCE, Launcher
from quorate.backup.jobs.model import Job, Progress, Trouble, Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.secrets import Deployed
from quorate.backup.jobs.spec import job_spec
from quorate.backup.jobs.standing import Begun, Stage, Standing
from quorate.backup.jobs.stores import Image
from quorate.backup.jobs.watching import Outcome
from quorate.errors import EngineError, LockedError, MachineError, QuorateError
from quorate.tools import clock
from tests.unit.backup.jobs.fake_swarm import ANSWER, FakeSwarm, Script, refused, told
from tests.unit.backup.jobs.made import NOW, fleet, job, scene, task

LEADERLESS = "rpc error: code = Unknown desc = The swarm does not have a leader."


class Watching:
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.beginnings: list[tuple[str, bool]] = []
        self.steps: list[str] = []
        self.ends: list[Outcome] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begun(self, job: Begun, *, found: bool) -> None:
        self.beginnings.append((job.source, found))

    def progress(self, job: Begun, progress: Progress) -> None:
        self.steps.append(progress.step)

    def ended(self, outcome: Outcome) -> None:
        self.ends.append(outcome)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Clocks that only sleeping moves."""
    time = [0.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=time[0]))
    return time


def start(source: str = "db", server: str = "one", **more: object) -> Start:
    made: Job = job(source=source, server=server, run=f"{source}@now", **more)
    return Start(job=made, node=f"id-{server}")


def launched(swarm: FakeSwarm, *starts: Start, found: tuple[Begun, ...] = ()) -> tuple[
    tuple[Outcome, ...], Watching
]:  # fmt: skip
    watcher = Watching()
    launcher = Launcher(
        door=Door(lambda: swarm.client, watcher.note),
        image=Image(deployed="q:1"),
        secrets=Deployed(),
        watcher=watcher,
    )
    return launcher.run(starts, found), watcher


def only(outcomes: tuple[Outcome, ...]) -> Outcome:
    (outcome,) = outcomes
    return outcome


def failure(outcomes: tuple[Outcome, ...]) -> QuorateError:
    error = only(outcomes).error
    assert error is not None
    return error


def test_a_job_is_followed_to_its_answer_and_removed(now: list[float]) -> None:
    said = Progress(step="dump", done=3).model_dump_json()
    swarm = FakeSwarm({"db": Script(out=[said, ANSWER.model_dump_json()])})
    outcomes, watcher = launched(swarm, start())
    outcome = only(outcomes)
    assert (outcome.answer, outcome.error) == (ANSWER, None)
    assert watcher.beginnings == [("db", False)] and watcher.steps == ["dump"]
    assert watcher.ends == [outcome]
    assert swarm.created == swarm.removed and len(swarm.created) == 1


def test_what_a_job_complains_of_is_the_error(now: list[float]) -> None:
    trouble = Trouble(what="locked", code=7, reason="locked-source")
    answer = ANSWER.model_copy(update={"trouble": trouble})
    swarm = FakeSwarm({"db": Script(out=[answer.model_dump_json()], code=7)})
    error = failure(launched(swarm, start())[0])
    assert isinstance(error, LockedError) and error.what == "locked"
    assert swarm.removed == swarm.created


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(states=["rejected"], said="No such image: q:1"), "did not start"),
        (Script(states=["running", "failed"], out=["noise"], err=["boom"], code=1), "boom"),
        (Script(states=["running", "failed"], out=[], code=137), "exit code 137"),
        (Script(states=["pending"], said="no suitable node"), "no suitable node"),
    ],
)
def test_a_job_that_ends_without_an_answer_is_an_error_and_removed(
    now: list[float], script: Script, words: str
) -> None:
    swarm = FakeSwarm({"db": script})
    error = failure(launched(swarm, start())[0])
    assert isinstance(error, MachineError) and words in "\n".join(error.lines())
    assert swarm.removed == swarm.created


def test_a_server_that_is_lost_takes_its_job_with_it(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"])})
    looks = iter(range(9))

    def power_cut() -> None:
        if next(looks) == 3:
            swarm.down.add("one")

    swarm.on_tasks = power_cut
    error = failure(launched(swarm, start())[0])
    assert "one was lost during the backup of db" in error.what
    assert swarm.removed == swarm.created


def test_a_job_that_hangs_is_removed_after_its_deadline(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"], out=[], err=["still at it"])})
    error = failure(launched(swarm, start(deadline=60.0))[0])
    assert "at its deadline" in error.what and error.cause == "still at it"
    assert swarm.removed == swarm.created and 60 < now[0] < 600


def test_one_job_on_each_server_and_not_too_many(now: list[float]) -> None:
    swarm = FakeSwarm()
    starts = [
        start(f"{server}-{number}", server) for number in range(4) for server in ("one", "two")
    ]
    outcomes, _ = launched(swarm, *starts)
    assert len(outcomes) == 8 and all(outcome.answer for outcome in outcomes)
    assert swarm.at_once == 2 <= AT_ONCE


def test_the_same_run_is_not_started_twice_but_followed(now: list[float]) -> None:
    swarm = FakeSwarm()
    made = job_spec(start(), image="q:1", started=NOW, ids={}, named={})
    swarm.add(made)
    outcomes, watcher = launched(swarm, start())
    assert only(outcomes).answer == ANSWER
    assert swarm.created == [] and watcher.beginnings == [("db", True)]
    assert told(made).source == "db"


def test_an_election_and_a_broken_connection_are_waited_for(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"] * 5 + ["complete"])})
    swarm.failures = [refused(503, LEADERLESS), refused(500, LEADERLESS), Broken("reset")]
    outcomes, watcher = launched(swarm, start())
    assert only(outcomes).answer == ANSWER and len(swarm.created) == 1
    assert any("elect" in note for note in watcher.notes)
    assert any("trying again" in note for note in watcher.notes)


def test_a_swarm_that_stays_silent_is_given_up_and_the_job_left(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"])})

    def cut() -> None:
        raise Broken("no route")

    swarm.on_tasks = cut
    with pytest.raises(MachineError):
        launched(swarm, start())
    assert door.OUTAGE_SECONDS <= now[0] < 2 * door.OUTAGE_SECONDS
    assert swarm.removed == [], "it goes on by itself"


def test_a_refusal_is_raised_at_once(now: list[float]) -> None:
    swarm = FakeSwarm()
    swarm.failures = [refused(400, "invalid mount")]
    error = failure(launched(swarm, start())[0])
    assert isinstance(error, EngineError) and error.cause == "invalid mount"
    assert now[0] < 1


def test_a_job_that_somebody_removed_is_told(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"])})
    looks = iter(range(9))

    def taken() -> None:
        if next(looks) == 2:
            swarm.services_there.clear()

    swarm.on_tasks = taken
    assert "removed by somebody" in failure(launched(swarm, start())[0]).what


def test_a_long_answer_is_read_in_whole(now: list[float]) -> None:
    # A fake of what the engine does: an entry for each 16 KiB of a line, which are joined again.
    pieces = ANSWER.model_copy(update={"findings": tuple("word" * 900 for _ in range(400))})
    text = pieces.model_dump_json()

    class Chunked(FakeSwarm):
        def service_logs(self, name: str, *, stdout: bool, tail: str, **_: object) -> list[bytes]:
            chunks = [text[at : at + 2**12].encode() for at in range(0, len(text), 2**12)]
            return [*(chunks if tail == "all" else chunks[-int(tail) :]), b"\n"]

    assert only(launched(Chunked(), start())[0]).answer == pieces


def leftover(swarm: FakeSwarm, source: str, started: datetime = NOW) -> str:
    return swarm.add(job_spec(start(source), image="q:1", started=started, ids={}, named={}))


def test_jobs_of_a_killed_starter_are_followed_read_or_removed(now: list[float]) -> None:
    swarm = FakeSwarm(
        {
            "running": Script(states=["running"]),
            "ended": Script(states=["complete"]),
            "hanging": Script(states=["running"], out=[]),
        }
    )
    going, ended = leftover(swarm, "running"), leftover(swarm, "ended")
    hanging = leftover(swarm, "hanging", NOW - timedelta(days=1))
    swarm.add({"Name": "web", "Labels": {}})
    found = leftovers.sweep(Door(lambda: swarm.client, print), "test")
    assert [one.name for one in found.going] == [going]
    assert set(swarm.removed) == {ended, hanging}
    outcomes = {outcome.job.source: outcome for outcome in found.ended}
    assert outcomes["ended"].answer == ANSWER
    assert "deadline" in str(outcomes["hanging"].error)
    assert leftovers.under_way(start("running").job, found.going) == found.going[0]
    assert leftovers.under_way(start("ended").job, found.going) is None


@pytest.mark.parametrize("starter", [True, False])
def test_who_joins_a_job_leaves_it_to_its_starter_while_there_is_one(
    now: list[float], starter: bool
) -> None:
    class Read(FakeSwarm):
        """Its job is removed by its starter some looks after it ended."""

        asked = 0

        def inspect_service(self, name: str) -> dict[str, Any]:
            self.asked += 1
            if starter and self.asked == 3:
                self.remove_service(name)
            return super().inspect_service(name)

    swarm = Read()
    name = leftover(swarm, "db")
    (job,) = leftovers.sweep(Door(lambda: swarm.client, print), "test").going
    began = now[0]
    assert only(launched(swarm, found=(job,))[0]).answer == ANSWER
    assert swarm.removed == [name]
    assert (now[0] - began < 6) is starter  # its starter gone, it is removed at last


def test_lists_of_copies_are_nobody_elses(now: list[float]) -> None:
    swarm = FakeSwarm({"db": Script(states=["running"])})
    looking = start(work=Work.CATALOGUE)
    swarm.add(job_spec(looking, image="q:1", started=NOW, ids={}, named={}))
    found = leftovers.sweep(Door(lambda: swarm.client, print), "test")
    assert len(found.going) == 1
    assert leftovers.under_way(looking.job, found.going) is None


@pytest.mark.parametrize(
    ("stage", "seconds", "gone"),
    [
        (Stage.RUNNING, 999, False),
        (Stage.ENDED, 5, False),
        (Stage.ENDED, 61, True),
        (Stage.LOST, 61, True),
        (Stage.OVERDUE, 0, True),
    ],
)
def test_whoever_may_still_read_an_answer_has_a_minute_for_it(
    stage: Stage, seconds: float, gone: bool
) -> None:
    tasks = [task("job", "one", timestamp=NOW)]
    how, then = Standing(stage=stage), NOW + timedelta(seconds=seconds)
    assert leftovers.forsaken(how, tasks, then) is gone


def test_a_repository_is_made_once_and_another_place_is_another_one(
    now: list[float], tmp_path: Path
) -> None:
    swarm = FakeSwarm()
    knock = Door(lambda: swarm.client, print)
    near, far, *others = fleet(tmp_path).backup.repositories
    assert making.unmade(knock, (near, far, *others), {"first", "second"}) == [near, far]
    for _ in range(2):
        making.note(knock, near, fleet="test")
    assert making.unmade(knock, (near, far), {"first", "second"}) == [far]
    moved = near.model_copy(update={"address": "/elsewhere"})
    assert making.unmade(knock, (moved,), {"first"}) == [moved]


def test_all_repositories_have_the_chunks_of_the_first(now: list[float], tmp_path: Path) -> None:
    found = scene(fleet(tmp_path))
    decision = decide.creations(found, found.fleet.backup.repositories[:3], due=NOW)
    jobs = [start.job for start in decision.starts]
    assert [job.work.value for job in jobs] == ["create"] * 3
    assert [(job.repository.name, job.origin.name if job.origin else None) for job in jobs] == [
        ("first", None),
        ("second", "first"),
        ("away", "first"),
    ]
    assert decision.starts[1].stores == ("first",), "it is read from another server"


def test_services_that_are_gone_have_no_tasks(now: list[float]) -> None:
    """An engine lists the tasks of none when one of the services named is gone."""
    swarm = FakeSwarm()
    placed = {"Constraints": ["node.id==id-one"]}
    swarm.add({"Name": "there", "Labels": {}, "TaskTemplate": {"Placement": placed}})
    knock = Door(lambda: swarm.client, print)
    found = knock.tasks(["gone", "there"])
    assert (found["gone"], len(found["there"])) == ([], 1)
    assert knock.tasks(["gone"]) == {"gone": []}
