"""A stack is removed whole, although docker asks for its networks too early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from quorate.deploy import apply
from quorate.errors import CommandError
from quorate.tools import clock, command, ssh

MANAGER = ssh.Target(name="a", host="a")
IN_USE = CommandError(
    "on a: `docker stack rm shop` ended with exit code 1",
    cause="Failed to remove network w1a2: Error response from daemon: rpc error: code = "
    "FailedPrecondition desc = network w1a2 is in use by task rwg6\n"
    "failed to remove some resources from stack: shop",
)
OTHER = CommandError("on a: `docker stack rm shop` ended with exit code 1", cause="no such thing")


class Docker:
    """A stand-in for ssh and docker: refuses as told, then removes."""

    def __init__(self, refusals: Sequence[CommandError]) -> None:
        self.refusals = list(refusals)
        self.asked: list[Sequence[str]] = []

    def __call__(self, target: ssh.Target, argv: Sequence[str], **options: Any) -> command.Result:
        self.asked.append(argv)
        if self.refusals:
            raise self.refusals.pop(0)
        return command.Result(argv=tuple(argv), code=0, stdout="done", stderr="", seconds=0.0)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only sleeping moves it."""
    time = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    monkeypatch.setattr(clock, "sleep", lambda seconds: time.__setitem__(0, time[0] + seconds))


def _docker(monkeypatch: pytest.MonkeyPatch, *refusals: CommandError) -> Docker:
    docker = Docker(refusals)
    monkeypatch.setattr(ssh, "run", docker)
    return docker


def test_a_network_still_in_use_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = _docker(monkeypatch, IN_USE, IN_USE)
    assert apply.remove_stack(MANAGER, "shop") == "done"
    assert docker.asked == [["docker", "stack", "rm", "shop"]] * 3


def test_what_is_used_for_ever_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = _docker(monkeypatch, *[IN_USE] * 1000)
    with pytest.raises(CommandError, match="docker stack rm shop"):
        apply.remove_stack(MANAGER, "shop")
    assert len(docker.asked) == apply.REMOVE_SECONDS / apply.REMOVE_POLL_SECONDS + 2


def test_any_other_refusal_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = _docker(monkeypatch, OTHER)
    with pytest.raises(CommandError):
        apply.remove_stack(MANAGER, "shop")
    assert len(docker.asked) == 1
