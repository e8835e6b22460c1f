"""Jobs and answers are the same again after their way through JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs.model import (
    Answer,
    At,
    Copied,
    Job,
    Mounted,
    Progress,
    Reach,
    Trouble,
    Work,
)
from quorate.backup.model import Kind
from quorate.fleet.backup import Keep
from quorate.fleet.base import Model

Some = TypeVar("Some", bound=Model)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
COUNT = st.integers(0, 2**60)
SPAN = st.floats(0, 1e9)
MOMENT = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))

REACH = st.builds(
    Reach,
    host=TEXT,
    port=COUNT,
    user=TEXT,
    password_file=st.none() | TEXT,
    database=TEXT,
)
AT = st.builds(
    At,
    name=TEXT,
    place=st.sampled_from(["local", "sftp", "s3", "rest"]),
    location=TEXT,
    port=st.none() | COUNT,
    password_file=TEXT,
    credentials=st.dictionaries(TEXT, TEXT, max_size=3),
    append_only=st.booleans(),
    offsite=st.booleans(),
    server=st.none() | TEXT,
)
KEEP = st.builds(Keep, hourly=COUNT, daily=COUNT, monthly=COUNT)
JOB = st.builds(
    Job,
    work=st.sampled_from(Work),
    run=TEXT,
    fleet=TEXT,
    server=TEXT,
    source=TEXT,
    kind=st.none() | st.sampled_from(Kind),
    sources=TEXTS,
    reach=st.none() | REACH,
    volumes=st.lists(st.builds(Mounted, name=TEXT, path=TEXT), max_size=2).map(tuple),
    before=TEXTS,
    repository=AT,
    origin=st.none() | AT,
    snapshot=TEXT,
    target=st.none() | REACH,
    in_place=st.booleans(),
    moment=st.none() | MOMENT,
    keeps=st.dictionaries(TEXT, KEEP, max_size=2),
    held=st.dictionaries(TEXT, TEXT, max_size=2),
    newest=st.none() | SPAN,
    deadline=SPAN,
)
COPIED = st.builds(
    Copied,
    id=TEXT,
    source=TEXT,
    kind=st.sampled_from(Kind),
    repository=TEXT,
    taken=MOMENT,
    received=MOMENT,
    complete=st.booleans(),
    size=COUNT,
    original=st.none() | TEXT,
    proven_at=st.none() | MOMENT,
    proven=st.none() | st.booleans(),
    proof_seconds=SPAN,
    differences=TEXTS,
)
TROUBLE = st.builds(Trouble, what=TEXT, cause=TEXT, todo=TEXT, reason=TEXT, code=COUNT)
ANSWER = st.builds(
    Answer,
    work=st.sampled_from(Work),
    run=TEXT,
    source=TEXT,
    copies=st.lists(COPIED, max_size=2).map(tuple),
    seconds=SPAN,
    peak=COUNT,
    findings=TEXTS,
    forgotten=TEXTS,
    freed=COUNT,
    trouble=st.none() | TROUBLE,
)


def again(said: Some) -> Some:
    """Through JSON and back, on one line."""
    text = said.model_dump_json()
    assert "\n" not in text
    return type(said).model_validate_json(text)


@given(JOB)
def test_a_job_comes_back(job: Job) -> None:
    assert again(job) == job
    assert Job.model_validate_json(job.model_dump_json(exclude_defaults=True)) == job


@given(ANSWER)
def test_an_answer_comes_back(answer: Answer) -> None:
    assert again(answer) == answer


@given(st.builds(Progress, step=TEXT, done=COUNT, total=COUNT, rate=SPAN))
def test_progress_comes_back(progress: Progress) -> None:
    assert again(progress) == progress
