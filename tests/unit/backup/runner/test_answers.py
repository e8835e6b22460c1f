"""Copies and errors as a job reports them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.backup.model import Proof
from quorate.backup.runner.answers import copied, different, trouble
from quorate.errors import CheckError, LockedError, QuorateError, RefusedError, RepositoryError
from quorate.tools.restic_errors import Reason
from tests.unit.backup.making import START, snapshot


def test_a_copy_and_its_proof() -> None:
    copy = snapshot("aa", original="bb")
    plain = copied(copy)
    assert (plain.id, plain.original, plain.proven, plain.proven_at) == ("aa", "bb", None, None)
    proof = Proof(snapshot="aa", repository="near", at=START, ok=False, seconds=2.5,
                  server="box2", differences=tuple(map(str, range(100))))  # fmt: skip
    said = copied(replace(copy, proof=proof))
    assert said.proven is False and said.proven_at == START and said.proof_seconds == 2.5
    assert said.differences[-1] == "and 95 more"


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (RepositoryError("no", reason=Reason.FULL), "full", 6),
        (LockedError("busy"), "locked-source", 7),
        (RefusedError("no"), "", 8),
        (QuorateError("no"), "", 1),
        (CheckError("bad", problems=["a", "b"]), "", 2),
        (ValueError("odd"), "defect", 1),
        (OSError(28, "No space left on device", "/spool/file"), "", 6),
    ],
)
def test_an_error_keeps_its_reason_and_code(error: Exception, reason: str, code: int) -> None:
    said = trouble(error)
    assert (said.reason, said.code) == (reason, code) and said.what


def test_causes_and_advice_are_kept() -> None:
    said = trouble(QuorateError("what", cause="cause", todo="todo"))
    assert (said.what, said.cause, said.todo) == ("what", "cause", "todo")


def test_a_copy_that_is_different_is_a_verdict() -> None:
    said = different(snapshot("aabbccddee"), ("t: 5 rows, and 4",))
    assert said.code == 4 and said.reason == "different"
    assert "aabbccdd" in said.what and said.cause == "t: 5 rows, and 4"
