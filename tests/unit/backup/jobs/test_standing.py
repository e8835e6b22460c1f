"""How a job stands, and what its last words mean."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from quorate.backup.jobs.model import Answer, Trouble, Work
from quorate.backup.jobs.spec import labels
from quorate.backup.jobs.standing import (
    PATIENCE_SECONDS,
    Begun,
    Stage,
    Standing,
    answer_of,
    begun,
    error_of,
    last_progress,
    standing,
    why_failed,
)
from quorate.errors import LockedError, MachineError, QuorateError, RepositoryError, UsageError
from tests.unit.backup.jobs.made import NOW, job, node, task

MINUTE = timedelta(minutes=1)


def one() -> Begun:
    found = begun("id-job", "quorate-job-x", labels(job(), NOW))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("task_state", "node_state", "stage"),
    [
        ("new", "ready", Stage.WAITING),
        ("pending", "ready", Stage.WAITING),
        ("assigned", "ready", Stage.STARTING),
        ("preparing", "ready", Stage.STARTING),
        ("running", "ready", Stage.RUNNING),
        ("running", "unknown", Stage.RUNNING),
        ("running", "down", Stage.LOST),
        ("preparing", "down", Stage.LOST),
        ("orphaned", "ready", Stage.LOST),
        ("complete", "ready", Stage.ENDED),
        ("complete", "down", Stage.ENDED),
        ("failed", "ready", Stage.ENDED),
        ("rejected", "ready", Stage.REJECTED),
    ],
)
def test_the_stage_of_a_job(task_state: str, node_state: str, stage: Stage) -> None:
    nodes = [node("one", state=node_state)]
    how = standing(one(), [task("job", "one", state=task_state)], nodes, NOW + MINUTE)
    assert how.stage is stage
    assert how.over == (stage not in (Stage.WAITING, Stage.STARTING, Stage.RUNNING))


def test_a_task_whose_node_was_removed_is_lost() -> None:
    how = standing(one(), [task("job", "one")], [node("two")], NOW)
    assert how.stage is Stage.LOST


def test_a_job_that_nobody_takes_is_given_up_in_the_end() -> None:
    pending = [task("job", "one", state="pending", node_id=None, error="no suitable node")]
    soon, late = NOW + MINUTE, NOW + timedelta(seconds=PATIENCE_SECONDS + 1)
    assert standing(one(), pending, [node("one")], soon).stage is Stage.WAITING
    how = standing(one(), pending, [node("one")], late)
    assert how == Standing(stage=Stage.REJECTED, why="no suitable node")
    assert standing(one(), [], [node("one")], soon).stage is Stage.WAITING
    assert standing(one(), [], [node("one")], late).stage is Stage.REJECTED


def test_a_job_past_its_deadline_is_overdue_unless_it_has_ended() -> None:
    past = one().deadline + MINUTE
    assert standing(one(), [task("job", "one")], [node("one")], past).stage is Stage.OVERDUE
    ended = [task("job", "one", state="complete")]
    assert standing(one(), ended, [node("one")], past).stage is Stage.ENDED


def line(**fields: Any) -> str:
    return json.dumps(fields)


def test_the_answer_is_the_last_that_can_be_read() -> None:
    answer = Answer(work=Work.BACKUP, run="r", size=7)
    lines = [line(event="progress", step="a"), answer.model_dump_json(), "", "x {"]
    assert answer_of(lines) == answer
    assert answer_of([line(event="progress", step="a"), "{}", "[1]", "null"]) is None
    assert answer_of([line(event="answer", work="unheard-of", run="r")]) is None
    assert answer_of([answer.model_dump_json()[30:]]) is None, "the end of a line is no answer"


def test_the_last_progress_counts() -> None:
    lines = [line(event="progress", step="a", done=1), line(event="progress", step="b", done=2)]
    found = last_progress([*lines, "noise", line(event="progress", done="no")])
    assert found is not None and (found.step, found.done) == ("b", 2)
    assert last_progress(["noise"]) is None


@pytest.mark.parametrize(
    ("trouble", "kind", "code"),
    [
        (Trouble(what="w", code=2), UsageError, 2),
        (Trouble(what="w", code=6), MachineError, 6),
        (Trouble(what="w", code=7, reason="locked-source"), LockedError, 7),
        (Trouble(what="w", reason="password", code=6), RepositoryError, 6),
        (Trouble(what="w", reason="deadline", code=6), MachineError, 6),
        (Trouble(what="w", reason="different", code=4), QuorateError, 1),
        (Trouble(what="w", code=143), QuorateError, 1),
    ],
)
def test_a_jobs_trouble_is_the_error_it_was(
    trouble: Trouble, kind: type[QuorateError], code: int
) -> None:
    error = error_of(trouble)
    assert type(error) is kind and error.exit_code == code


@pytest.mark.parametrize(
    ("how", "said", "words"),
    [
        (
            Standing(
                stage=Stage.REJECTED,
                why='invalid mount config for type "bind": bind source path does not exist: /b/x',
            ),
            "",
            ("one did not start the backup of db", "mkdir -m 700 -p /b/x"),
        ),
        (
            Standing(stage=Stage.REJECTED, why="No such image: quorate:1"),
            "",
            ("quorate backup image",),
        ),
        (Standing(stage=Stage.LOST, why="down"), "", ("one was lost during the backup of db",)),
        (Standing(stage=Stage.OVERDUE), "dumping", ("at its deadline", "dumping", "deadline:")),
        (Standing(stage=Stage.ENDED, code=137), "", ("exit code 137", "memory")),
        (Standing(stage=Stage.ENDED, code=1), "ValueError: x", ("ValueError: x",)),
        (Standing(stage=Stage.ENDED), "", ("no exit code",)),
    ],
)
def test_a_job_without_an_answer_says_what_happened(
    how: Standing, said: str, words: tuple[str, ...]
) -> None:
    error = why_failed(one(), how, said)
    assert isinstance(error, MachineError)
    text = "\n".join(error.lines())
    assert all(word in text for word in words), text
    assert error.cause and error.todo
