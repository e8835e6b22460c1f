"""When Swarm notices that nodes are gone: down after their grace, from a leader's point of view."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random

from quorate.swarm.raft import Change, Raft
from quorate.swarm.timing import TIMING, Timing

HORIZON = 600.0
"""Seconds after which an election without end is given up; with a majority none takes so long."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What managers see after nodes lost their power at 0. Times in seconds.

    `leaders`: as `Raft.run`; without a leader nothing is ever seen, and nothing is replaced.
    `down`: node → when it is taken for lost. `ready`: node → since when the leader gives
    tasks to it: 0 unless the leader changed; for a node that registers after its grace,
    later than its `down`.
    """

    leaders: tuple[Change, ...]
    down: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)

    @property
    def leader(self) -> str | None:
        """Who leads in the end."""
        return self.leaders[-1].leader


def detect(
    nodes: Sequence[str],
    managers: Sequence[str],
    *,
    leader: str,
    lost: Collection[str],
    random: Random,
    timing: Timing = TIMING,
) -> Detection:
    """What is seen of a loss: one possible course."""
    gone = frozenset(lost)
    there = [node for node in nodes if node not in gone]
    raft = Raft(
        managers,
        leader=leader,
        reach=lambda one, other, at: True,
        random=random,
        lost=gone & frozenset(managers),
        timing=timing.raft,
    )
    if leader not in gone:
        leaders = tuple(raft.run(2 * timing.raft.election_ticks * timing.raft.tick))
        if leaders[-1].leader is None:
            return Detection(leaders=leaders)
        down = {node: noticed_after(random, timing) for node in nodes if node in gone}
        return Detection(leaders=leaders, down=down, ready=dict.fromkeys(there, 0.0))
    leaders = tuple(raft.run(HORIZON, first=True))
    if leaders[-1].leader is None:
        return Detection(leaders=leaders)
    elected = leaders[-1].at
    ends = {node: elected + timing.unknown_grace * _period(random, timing) for node in nodes}
    ready = {node: _registered(elected, random, timing) for node in there}
    late = {node: ends[node] for node in there if ready[node] > ends[node]}
    down = {node: ends[node] for node in nodes if node in gone} | late
    return Detection(leaders=leaders, down=down, ready=ready)


def _period(random: Random, timing: Timing) -> float:
    return random.uniform(timing.heartbeat - timing.spread, timing.heartbeat + timing.spread)


def noticed_after(random: Random, timing: Timing) -> float:
    """When a node is down that was lost at 0: its last beat was some part of a period before.

    One that only stands still is taken for lost where it does so for longer than this: the beat
    it owes comes when it goes on.
    """
    # A moment at random falls into a long period more often than into a short one.
    longest = timing.heartbeat + timing.spread
    period = _period(random, timing)
    while random.random() * longest > period:
        period = _period(random, timing)
    return timing.grace * period - random.random() * period


def _registered(elected: float, random: Random, timing: Timing) -> float:
    """When a node that is there has registered with a leader elected so late after the loss.

    Its session broke at a beat that was not answered; tries before the election fail after
    `call` (seen in a lab, 26.1.5).
    """
    at = random.random() * timing.heartbeat + timing.call
    backoff = timing.backoff
    while at < elected:
        at += timing.call + random.random() * backoff
        backoff = min(timing.backoff + 2 * backoff, timing.backoff_most)
    return at
