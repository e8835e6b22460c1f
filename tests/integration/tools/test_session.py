"""A program that is kept open and asked line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.errors import CommandError
from quorate.tools.session import Session


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Session]:
    answers = tmp_path / "answers"
    with Session(["sh"], name="a shell", answers=answers, mark=lambda word: f"echo {word}") as it:
        yield it


def test_each_question_has_its_own_answer(shell: Session) -> None:
    assert shell.ask("x=5; echo one; echo two", timeout=30) == ["one", "two"]
    assert shell.ask("", timeout=30) == []
    assert shell.ask("echo $x", timeout=30) == ["5"]
    assert shell.answers.stat().st_mode & 0o777 == 0o600


def test_a_long_answer_comes_whole(shell: Session) -> None:
    assert len(shell.ask("seq 100000", timeout=60)) == 100_000


def test_its_end_is_said_in_its_own_words(shell: Session) -> None:
    shell.ask("echo before", timeout=30)
    with pytest.raises(CommandError, match="a shell was ended") as caught:
        shell.ask("echo 'no such table' >&2; exit 3", timeout=30)
    assert caught.value.cause == "no such table"
    with pytest.raises(CommandError, match="a shell was ended"):
        shell.ask("echo more", timeout=30)


def test_it_is_not_waited_for_for_ever(shell: Session) -> None:
    with pytest.raises(CommandError, match="a shell did not answer within 0 s"):
        shell.ask("sleep 5", timeout=0.2)


def test_it_ends_with_its_block(tmp_path: Path) -> None:
    with Session(
        ["cat"], name="cat", answers=tmp_path / "answers", mark=lambda word: word
    ) as opened:
        assert opened.ask("hello", timeout=30) == ["hello"]
    with pytest.raises(CommandError):
        opened.ask("hello?", timeout=30)
