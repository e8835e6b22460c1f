"""When a lost node is down: the intervals that Swarm's constants give."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest

from quorate.swarm.detect import Detection, detect
from quorate.swarm.timing import Timing

NODES = ("a", "b", "c", "w")
MANAGERS = ("a", "b", "c")
QUICK = Timing(heartbeat=2.0)


def seen(seed: int, lost: str, timing: Timing | None = None) -> Detection:
    return detect(
        NODES, MANAGERS, leader="a", lost=lost, random=Random(seed), timing=timing or Timing()
    )


def test_a_worker_by_default() -> None:
    """9.0 to 16.5 s, 12.5 s on average: three periods of 4.5 to 5.5 s, less part of one."""
    times = [seen(seed, "w").down["w"] for seed in range(2000)]
    assert 9.0 <= min(times) < 9.6
    assert 15.5 < max(times) <= 16.5
    assert mean(times) == pytest.approx(12.5, abs=0.15)
    assert all(seen(seed, "w").ready == {"a": 0, "b": 0, "c": 0} for seed in range(5))


def test_the_leader_by_default() -> None:
    """Six periods of 4.5 to 5.5 s after the election."""
    for seed in range(500):
        found = seen(seed, "a")
        elected = found.leaders[-1].at
        assert found.leader in ("b", "c")
        assert 27.0 <= found.down["a"] - elected <= 33.0
        assert set(found.down) == {"a"}
        assert all(time >= elected for time in found.ready.values())


def test_the_leader_with_a_quick_heartbeat() -> None:
    """Measured in a lab, heartbeat 2 s: 22.0, 22.3, 22.6, 24.3, 24.8, 27.2, 27.3 and 31.9 s."""
    times = sorted(seen(seed, "a", QUICK).down["a"] for seed in range(2000))
    assert times[100] < 22.0
    assert times[-100] > 31.9


def test_a_short_heartbeat_takes_nodes_for_lost_that_come_back_late() -> None:
    short = Timing(heartbeat=1.0)
    late = [set(seen(seed, "a", short).down) - {"a"} for seed in range(500)]
    assert any(late)
    assert not any(set(seen(seed, "a").down) - {"a"} for seed in range(500))


@pytest.mark.parametrize("lost", ["ab", "bc", "abc"])
def test_without_a_majority_nothing_is_noticed(lost: str) -> None:
    for seed in range(50):
        found = seen(seed, lost + "w")
        assert found.leader is None
        assert found.down == {}


def test_a_manager_that_does_not_lead() -> None:
    found = seen(3, "b")
    assert [change.leader for change in found.leaders] == ["a"]
    assert set(found.down) == {"b"}
