"""What undoes a step works from wherever the drain was ended; and when an upgrade is done."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.deploy.progress import Silent
from quorate.errors import CommandError, QuorateError, UnreachableError
from quorate.recover.maintenance import acting, chosen, moving, nodes
from quorate.tools import ssh
from quorate.tools.command import Result


@pytest.mark.parametrize(
    ("work", "details"),
    [
        (chosen.STOP, {"service": "store", "server": "three", "seconds": 10.0}),
        (chosen.MOVE, {"shifts": [{"service": "site", "off": "three", "back": ["three"],
                                   "start_first": True, "patience": 1.0}]}),
    ],
)  # fmt: skip
def test_a_server_that_is_still_paused_gets_tasks_again_before_any_is_waited_for(
    work: str, details: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(nodes, "offer", lambda _, server, how: done.append(f"{server} {how}"))
    monkeypatch.setattr(moving, "start", lambda *_, **__: done.append("wait"))
    monkeypatch.setattr(moving, "move", lambda *_: done.append("wait"))
    undo = acting.WORK[work][1]
    assert undo is not None
    undo(cast("Any", None), details)
    assert done == ["three active", "wait"]


class Machine:
    """A server over ssh: for each run of the script what comes of it; the last one for ever."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes, self.runs, self.boots = list(outcomes), 0, 1

    def run(self, target: Any, argv: list[str], *, input: str, **_: Any) -> Result:
        if input == acting.STARTED:
            return self.said(f"boot {self.boots}\n")
        self.runs += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        self.boots += outcome == "reboots"
        if outcome in ("refused", "reboots"):
            raise UnreachableError("one does not answer ssh")
        return self.said("no such package\n", code=int(outcome == "fails"))

    def said(self, text: str, *, code: int = 0) -> Result:
        return Result(argv=(), code=code, stdout=text, stderr="", seconds=0.1)


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> Callable[[Machine], Any]:
    monkeypatch.setattr(nodes, "wait_back", lambda site, server: "26.1.5")
    monkeypatch.setattr(acting, "target_of", lambda server: None)

    def upgraded(machine: Machine) -> Any:
        monkeypatch.setattr(ssh, "run", machine.run)
        fleet = SimpleNamespace(servers=(SimpleNamespace(name="one"),))
        site = cast("Any", SimpleNamespace(fleet=fleet, report=Silent()))
        return acting.WORK[chosen.ENGINE][0](site, {"server": "one", "script": "apt"}, {})

    return upgraded


@pytest.mark.parametrize(
    ("outcomes", "runs"),
    [
        (("ends",), 1),
        # Nobody knows whether it ran, or how far it came.
        (("refused", "ends"), 2),
        # It ended with that, and would do so again.
        (("reboots",), 1),
        (("refused", "reboots"), 2),
    ],
)
def test_an_upgrade_is_done_once_its_end_was_seen(
    upgraded: Callable[[Machine], Any], outcomes: tuple[str, ...], runs: int
) -> None:
    machine = Machine(*outcomes)
    assert upgraded(machine) == {"engines": {"one": ["26.1.5", "26.1.5"]}}
    assert machine.runs == runs


@pytest.mark.parametrize(
    ("outcomes", "error", "runs"),
    [
        (("refused",), UnreachableError, 3),
        (("fails",), CommandError, 1),
        (("refused", "fails"), CommandError, 2),
    ],
)
def test_an_upgrade_that_did_not_run_is_not_done(
    upgraded: Callable[[Machine], Any],
    outcomes: tuple[str, ...],
    error: type[QuorateError],
    runs: int,
) -> None:
    machine = Machine(*outcomes)
    with pytest.raises(error):
        upgraded(machine)
    assert machine.runs == runs
