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
        assert set(found.down) <= {"a", "w"}
        assert all(time >= elected for time in found.ready.values())


def test_the_leader_with_a_quick_heartbeat() -> None:
    """Measured in a lab, heartbeat 2 s: 22.0, 22.3, 22.6, 24.3, 24.8, 27.2, 27.3 and 31.9 s."""
    times = sorted(seen(seed, "a", QUICK).down["a"] for seed in range(2000))
    assert times[100] < 22.0
    assert times[-100] > 31.9


def misled(lost: str, heartbeat: float, courses: int = 1000) -> dict[str, float]:
    """Node that is there → in which share of courses it is taken for lost."""
    timing = Timing(heartbeat=heartbeat)
    found = [seen(seed, lost, timing).misled for seed in range(courses)]
    return {node: sum(node in one for one in found) / courses for node in NODES}


def test_an_engine_that_stops_misleads_nobody_unless_it_led() -> None:
    """Its machine closes the connections: the worker asks another manager at once."""

    def stopped(lost: str, seed: int) -> Detection:
        return detect(
            NODES, MANAGERS, leader="a", lost=lost, random=Random(seed), timing=QUICK, closed=True
        )

    followers = [stopped("b", seed) for seed in range(1000)]
    assert all("w" not in found.misled for found in followers)
    assert misled("b", 2.0)["w"] > 0.2
    # The node itself is noticed no sooner: nobody tells of it.
    assert min(found.down["b"] for found in followers) > 3.0
    leaders = [stopped("a", seed) for seed in range(1000)]
    assert sum("w" in found.misled for found in leaders) < 1000 * misled("a", 2.0)["w"]


def test_the_shorter_the_heartbeat_the_more_nodes_come_too_late_to_a_new_leader() -> None:
    short, quick, usual = misled("a", 1.0), misled("a", 2.0), misled("a", 5.0)
    # Managers ask themselves, and miss only the shortest grace.
    assert short["b"] > 0.02
    assert [found[node] for found in (quick, usual) for node in "bc"] == [0.0] * 4
    # A worker may ask the lost one again.
    assert short["w"] > quick["w"] + 0.1 > quick["w"] > usual["w"] + 0.05
    assert usual["w"] < 0.02


def test_a_worker_that_talks_through_a_lost_manager_is_taken_for_lost_too() -> None:
    """Its next beat fails after 5 s (dispatcherRPCTimeout), which two periods of 2.5 s do not
    outlast; one of three managers is the one it talks through."""
    for heartbeat in (1.0, 2.0):
        found = misled("b", heartbeat)
        assert found["w"] == pytest.approx(1 / 3, abs=0.05)
        assert (found["a"], found["c"]) == (0.0, 0.0)
    assert 0 < misled("b", 3.0)["w"] < 0.03
    assert misled("b", 4.0)["w"] == 0.0
    assert misled("w", 1.0) == dict.fromkeys(NODES, 0.0)


def test_who_is_taken_for_lost_wrongly_is_back_soon() -> None:
    quick = [found for seed in range(500) if (found := seen(seed, "b", QUICK)).misled]
    assert quick
    for found in quick:
        assert found.misled == {"w"} == set(found.back)
        assert 0 < found.back["w"] - found.down["w"] < 2.3
        assert found.ready == {"a": 0.0, "c": 0.0, "w": 0.0}


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


def stood_still(seconds: float, heartbeat: float, courses: int = 400) -> list[Detection]:
    """Courses in which the leader `a` stands still for so long and goes on."""
    return [
        detect(
            NODES,
            MANAGERS,
            leader="a",
            lost="a",
            random=Random(seed),
            timing=Timing(heartbeat=heartbeat),
            still=seconds,
        )
        for seed in range(courses)
    ]


def test_a_leader_is_not_deposed_before_the_shortest_election() -> None:
    # Followers count from its last heartbeat, up to a tick before.
    assert {found.leader for found in stood_still(7.9, 5.0)} == {"a"}
    assert {found.leader for found in stood_still(21.0, 5.0)} == {"b", "c"}
    half = [found.leader == "a" for found in stood_still(11.0, 5.0)]
    assert 0.3 < sum(half) / len(half) < 0.7


def test_nobody_leads_while_the_leader_stands_still() -> None:
    for found in stood_still(11.0, 5.0):
        first, then = found.leaders[:2]
        assert (first.at, first.leader) == (0.0, None)
        if found.leader == "a":
            assert (then.at, then.leader) == (11.0, "a")
        else:
            assert found.leaders[-1].at < 11.0 + 20.0


def test_a_leader_that_leads_on_takes_for_lost_whose_timers_ran_out() -> None:
    """Of 1 s three beats are over in 5; agents' calls are not given up before that."""
    found = stood_still(5.0, 1.0)
    assert {one.leader for one in found} == {"a"}
    shares = {node: sum(node in one.misled for one in found) / len(found) for node in NODES}
    assert shares["a"] == 0.0
    assert all(0.3 < shares[node] < 0.7 for node in "bcw")
    for one in found:
        assert set(one.down.values()) <= {5.0}
        assert all(5.0 < at < 5.2 for at in one.back.values())
        assert set(one.down) == set(one.back)
    # Two seconds later each waits for the answer to its registration, which comes first.
    assert not any(one.misled for one in stood_still(7.0, 1.0))
    # No timer runs out before three of the shortest periods, less one.
    assert not any(one.misled for one in stood_still(2.9, 2.0))


def test_who_stands_still_for_good_is_lost() -> None:
    for seed in range(50):
        lost, still = (
            detect(NODES, MANAGERS, leader="a", lost="w", random=Random(seed), still=seconds)
            for seconds in (float("inf"), 1e6)
        )
        assert lost == still
