"""Calls that fail while a swarm elects its leader are repeated, others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quorate.deploy import election
from quorate.deploy.election import through_election
from quorate.errors import CommandError, EngineError, QuorateError
from quorate.tools import clock

BUSY = EngineError(
    "the swarm cannot be observed",
    cause="rpc error: code = DeadlineExceeded desc = context deadline exceeded",
)
LEADERLESS = CommandError(
    "docker stack deploy failed on a",
    cause="Error response from daemon: rpc error: code = Unknown desc = The swarm does not have "
    "a leader. It's possible that too few managers are online.",
)
DEPOSED = CommandError(
    "`docker stack deploy` ended with exit code 1",
    cause="failed to update service a_b: Error response from daemon: rpc error: code = Unknown "
    "desc = raft: failed to process the request: node lost leader status",
)
FULL = EngineError("the swarm refuses", cause="no space left on device")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves."""
    time = [0.0]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    monkeypatch.setattr(clock, "sleep", sleep)
    return time


def failing(errors: list[QuorateError]) -> Callable[[], str]:
    def call() -> str:
        if errors:
            raise errors.pop(0)
        return "answer"

    return call


def test_a_call_is_repeated_until_there_is_a_leader(now: list[float]) -> None:
    said: list[str] = []
    assert through_election(failing([BUSY, LEADERLESS, DEPOSED]), said.append) == "answer"
    assert now[0] == 3 * election.POLL_SECONDS
    assert said == ["the swarm has no leader for the moment: waiting for it to elect one"]


def test_it_ends_when_no_leader_is_found(now: list[float]) -> None:
    with pytest.raises(EngineError) as caught:
        through_election(failing([BUSY] * 1000), lambda text: None)
    assert caught.value is BUSY
    assert now[0] == election.ELECTION_SECONDS


def test_another_error_is_raised_at_once(now: list[float]) -> None:
    with pytest.raises(EngineError) as caught:
        through_election(failing([FULL]), lambda text: None)
    assert caught.value is FULL
    assert now[0] == 0
