"""What a job says: JSON lines, an answer last, and no secret in its words."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.jobs.model import Answer, Trouble, Work
from quorate.backup.runner.saying import Masked, Saying, masked, size_of
from quorate.tools.restic_answers import Progress

SECRET = 'se"cret ü'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
)


def said(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_words_are_masked_and_names_are_not() -> None:
    out = io.StringIO()
    trouble = Trouble(what=f"no {SECRET}", cause=f"{SECRET}{SECRET}", todo=SECRET, reason="full")
    Saying(out, (SECRET, "full", "night")).answer(
        Answer(
            work=Work.PROVE,
            run="night",
            source="volume/wiki",
            findings=(f"the {SECRET} is shown",),
            trouble=trouble,
        )
    )
    (line,) = said(out)
    assert SECRET not in str(line)
    assert line["trouble"]["what"] == "no •••" and line["findings"] == ["the ••• is shown"]
    assert line["run"] == "night" and line["trouble"]["reason"] == "full"


@given(JSON)
def test_without_secrets_nothing_changes(value: Any) -> None:
    assert masked(value, ()) == value


@given(JSON, st.text(min_size=1))
def test_no_secret_is_left_in_words(value: Any, secret: str) -> None:
    if secret not in "•••":
        (text,) = masked({"findings": [f"a {secret} b"], "other": value}, [secret])["findings"]
        assert secret not in text or secret in "a ••• b"


def test_the_answer_is_the_last_line() -> None:
    out = io.StringIO()
    say = Saying(out)
    say.step("dump")
    say.answer(Answer(work=Work.BACKUP, run="r"))
    say.step("a thread that comes late")
    say.answer(Answer(work=Work.BACKUP, run="another"))
    assert [line["event"] for line in said(out)] == ["progress", "answer"]


def test_progress_of_one_step_is_told_once_a_second() -> None:
    out = io.StringIO()
    say = Saying(out)
    watch = say.watch("store")
    for done in range(1000):
        watch(Progress(done=done, total=1000, seconds=1.0))
    say.step("verify")
    lines = said(out)
    assert lines[0] == {
        **{"event": "progress", "step": "store", "done": 0, "total": 1000},
        "rate": 0.0,
    }
    assert len(lines) < 10 and lines[-1]["step"] == "verify"


def test_a_directory_that_grows_is_measured(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"x" * 1000)
    assert size_of(tmp_path) >= 1000
    assert size_of(tmp_path / "nothing") == 0


def test_tracebacks_are_masked() -> None:
    try:
        raise ValueError(f"could not use {SECRET}")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("quorate.job", 40, "", 1, "with %s", (SECRET,), info)
    text = Masked((SECRET,)).format(record)
    assert SECRET not in text and "could not use •••" in text and "with •••" in text
