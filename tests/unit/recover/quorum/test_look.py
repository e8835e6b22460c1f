"""What is seen of a manager in the moments after the others are lost; on a played engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.recover.quorum import look
from quorate.recover.quorum.model import Seen
from quorate.recover.quorum.raftlog import Reach
from quorate.tools import clock
from tests.fakes.fleets import make_fleet, make_server

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

NAMES = ("one", "two", "three")


class Engine:
    """A manager that reaches none but itself, and finds that it leads nobody at the n-th look."""

    def __init__(self, steps_down_at: int = 0, reached: tuple[str, ...] = ("two",)) -> None:
        self.looks, self.steps_down_at, self.reached = 0, steps_down_at, reached

    @property
    def api(self) -> Engine:
        return self

    def info(self) -> dict[str, Any]:
        self.looks += 1
        down = self.looks >= self.steps_down_at > 0
        error = "rpc error: code = Unknown desc = The swarm does not have a leader." if down else ""
        return {
            "Swarm": {
                "NodeID": "n-two",
                "NodeAddr": "192.0.2.2",
                "LocalNodeState": "active",
                "ControlAvailable": True,
                "Error": error,
                "RemoteManagers": [],
                "Cluster": None if down else {"ID": "c1"},
            }
        }

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "ID": f"n-{name}",
                "Spec": {"Role": "manager", "Availability": "active"},
                "Description": {"Hostname": name},
                "Status": {"State": "ready"},
                "ManagerStatus": {
                    "Leader": name == "two",
                    "Reachability": "reachable" if name in self.reached else "unreachable",
                },
            }
            for name in NAMES
        ]

    def inspect_swarm(self) -> dict[str, Any]:
        return {"Spec": {}}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves."""
    time = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: time[0])
    monkeypatch.setattr(clock, "sleep", lambda seconds: time.__setitem__(0, time[0] + seconds))
    return time


def asked(engine: Engine) -> dict[str, Any]:
    return look._asked(make_server("two"), cast("DockerClient", engine))


def test_a_leader_that_has_just_lost_the_others_is_asked_until_it_steps_down(
    now: list[float],
) -> None:
    found = asked(Engine(steps_down_at=8))
    assert "works" not in found and "does not have a leader" in found["error"] and now == [7.0]


def test_one_that_reaches_most_of_them_works_at_once(now: list[float]) -> None:
    found = asked(Engine(reached=("two", "three")))
    assert found["works"] and len(found["listed"]) == 3 and now == [0.0]


def test_one_that_never_steps_down_does_not_work_either(now: list[float]) -> None:
    found = asked(Engine())
    assert "works" not in found and "too few" in found["error"]
    assert now == [look.STEP_DOWN_SECONDS + look.STEP_DOWN_POLL_SECONDS]


OLD, NEW = "0000000000000006-0000000000000100.wal", "0000000000000007-0000000000000200.wal"


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ({NEW: Reach(term=3, index=600), OLD: Reach(term=3, index=511)}, 600),
        ({NEW: None, OLD: Reach(term=3, index=511)}, 511),
        ({NEW: None, OLD: None}, 400),
    ],
)
def test_a_segment_that_has_no_entry_yet_is_read_with_the_one_before(
    monkeypatch: pytest.MonkeyPatch, read: dict[str, Reach | None], expected: int
) -> None:
    """Begun a moment ago, it tells nothing; the names of files are what is left."""
    fleet = make_fleet({"web": {"services": {"x": {}}}}, servers=[make_server("two")])
    seen = Seen(server="two", log=Reach(index=400, least=True))
    files = look.Files(segments=(NEW, OLD))
    monkeypatch.setattr(look, "_run", lambda server, script, timeout: script)
    monkeypatch.setattr(
        look, "segment_end", lambda script: read[next(n for n in read if n in script)]
    )
    (found,) = look._with_logs(fleet, [(seen, files)], ["two"])
    assert found.log is not None and found.log.index == expected
