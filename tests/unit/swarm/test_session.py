"""How agents come back: what swarmkit's sources say, call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from quorate.swarm.raft import Change, Raft
from quorate.swarm.session import Remotes, Sessions
from quorate.swarm.timing import RaftTiming, Timing

MANAGERS = ("a", "b", "c")


class AtOnce(Random):
    """Waits no time between two tries."""

    def random(self) -> float:
        return 0.0


def believing(*changes: tuple[float, str | None]) -> list[Change]:
    return [Change(at=at, leader=leader) for at, leader in changes]


def sessions(beliefs: Mapping[str, Sequence[Change]], lost: str = "a") -> Sessions:
    return Sessions(MANAGERS, beliefs, frozenset(lost), Timing())


def test_a_failure_halves_a_weight_and_takes_five_away() -> None:
    """remotes.go: the mean of what was and -10, rounded up; so it ends at -9."""
    remotes = Remotes(MANAGERS)
    seen = []
    for _ in range(7):
        remotes.failed("a")
        seen.append(remotes.weights["a"])
    assert seen == [0, -5, -7, -8, -9, -9, -9]
    assert remotes.weights["b"] == 10


def test_who_failed_is_drawn_hardly_ever_while_another_has_not() -> None:
    remotes, random = Remotes(MANAGERS), Random(1)
    remotes.failed("a")
    drawn = Counter(remotes.select(random) for _ in range(4000))
    assert drawn["a"] < 10
    assert drawn["b"] == pytest.approx(2000, abs=150)


def test_when_all_have_failed_each_is_drawn_as_often() -> None:
    remotes, random = Remotes(MANAGERS), Random(1)
    for name in "aabbbc":
        remotes.failed(name)
    drawn = Counter(remotes.select(random) for _ in range(6000))
    assert all(drawn[name] == pytest.approx(2000, abs=200) for name in MANAGERS)


def test_a_manager_asks_itself_until_it_knows_a_leader() -> None:
    """What it passes on to the lost leader hangs for 5 s; then it looks every second."""
    knows = {"b": believing((0.0, "a"), (10.5, None), (12.7, "c"))}
    # A beat at 1 s fails at 6, the next try at 11; that one waits for the leader.
    assert sessions(knows).registered(1.0, "b", AtOnce(), local=True) == 13.0
    # One that is still passed on to the lost leader as it is deposed hangs to its end.
    assert sessions(knows).registered(0.4, "b", AtOnce(), local=True) == 15.4


def test_a_beat_that_reaches_the_new_leader_fails_at_once() -> None:
    knows = {"b": believing((0.0, "a"), (10.5, None), (12.7, "c"))}
    assert sessions(knows).registered(20.0, "b", AtOnce(), local=True) == 20.0


def test_a_worker_turns_from_a_lost_manager_to_others() -> None:
    knows = {name: believing((0.0, "b")) for name in "bc"}
    assert sessions(knows).registered(2.0, "a", Random(3), local=False) == pytest.approx(
        7.05, abs=0.05
    )


def test_a_worker_whose_managers_all_failed_may_draw_the_lost_one_again() -> None:
    knows = {name: believing((0.0, "a"), (16.0, None), (17.0, "b")) for name in "bc"}
    times = [
        sessions(knows).registered(0.5, "b", Random(seed), local=False) for seed in range(3000)
    ]
    assert min(times) >= 17.0
    # One of three draws hits the lost one, and again one of three of those.
    late = [sum(time > 17.0 + 5 * tries for time in times) / len(times) for tries in (1, 2)]
    assert 0.2 < late[0] < 0.5
    assert 0.05 < late[1] < late[0]


def test_after_long_without_a_leader_a_call_fails_at_once() -> None:
    """lostQuorumTimeout: more than ten ticks, then tries follow each other by their back-off."""
    knows = {"b": believing((0.0, None), (40.0, "c"))}
    times = [sessions(knows).registered(15.0, "b", Random(seed), local=True) for seed in range(500)]
    assert 40.0 <= min(times) < max(times) < 48.0
    soon = [time for time in times if time < 41.0]
    assert 0.1 < len(soon) / len(times) < 0.6


def test_what_managers_believe_of_a_lost_leader() -> None:
    for seed in range(100):
        raft = Raft(
            MANAGERS,
            leader="a",
            reach=lambda one, other, at: True,
            random=Random(seed),
            lost=frozenset("a"),
            timing=RaftTiming(),
        )
        leader = raft.run(600.0, first=True)[-1]
        assert set(raft.beliefs) == {"b", "c"}
        for changes in raft.beliefs.values():
            assert changes[0] == Change(at=0.0, leader="a")
            assert changes[-1] == leader
            assert changes[1].leader is None
            assert changes[1].at > 8.0
            assert [change.at for change in changes] == sorted(change.at for change in changes)
