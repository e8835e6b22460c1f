"""What the signals mean that end a job."""

from __future__ import annotations

import signal

import pytest

from quorate.backup.runner.ending import Over, why


@pytest.mark.parametrize(
    ("number", "reason", "code"),
    [
        (signal.SIGALRM, "deadline", 6),
        (signal.SIGTERM, "ended", 143),
        (signal.SIGINT, "ended", 130),
    ],
)
def test_each_has_its_reason_and_code(number: int, reason: str, code: int) -> None:
    said = why(number, 90.0)
    assert (said.reason, said.code) == (reason, code)
    assert said.what and said.cause and said.todo
    assert ("90 s" in said.what) == (reason == "deadline")


def test_nothing_that_expects_errors_holds_it_up() -> None:
    assert not issubclass(Over, Exception)
    assert Over(why(signal.SIGTERM, 1.0)).trouble.reason == "ended"
