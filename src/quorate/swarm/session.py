"""How a node's agent comes back to the managers after its session with one of them broke.

Read off moby/swarmkit: agent/agent.go, agent/session.go, connectionbroker/broker.go,
remotes/remotes.go, manager/state/raft/raft.go (LeaderConn). An agent talks to the leader through
the manager it chose, which passes its calls on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from random import Random

from quorate.swarm.raft import Change
from quorate.swarm.timing import Timing

GOOD = 10
"""What a manager counts that an agent has heard of nothing but good; a failure observes -10
(DefaultObservationWeight)."""

BIAS = 0.001
"""Added to each weight, so that managers that failed have a chance too."""


class Remotes:
    """The managers as a worker's agent weighs them, and draws one for its next session.

    Each session message observes `GOOD` of every manager, so that all have it after a while
    without a failure; what is observed then counts half, what was before the other half.
    """

    def __init__(self, managers: Sequence[str]) -> None:
        self.weights = dict.fromkeys(managers, GOOD)

    def select(self, random: Random) -> str:
        """A manager, by its weight; one below zero counts as zero."""
        sums = list(accumulate(max(0, weight) + BIAS for weight in self.weights.values()))
        return random.choices(list(self.weights), cum_weights=sums)[0]

    def failed(self, manager: str) -> None:
        """A session with it has ended, which is never a good experience."""
        self.weights[manager] = math.ceil((self.weights[manager] - GOOD) / 2)


class Sessions:
    """The calls that agents make from the loss of managers on.

    Args:
        beliefs: manager that is there → whom it takes for the leader, from when on.
        lost: managers that answer nothing.
        closed: their machines are there, and refuse calls at once; the sessions with them break
            when they are lost, not at the next beat.
        until: when they go on, and answer what waits for them.
    """

    def __init__(
        self,
        managers: Sequence[str],
        beliefs: Mapping[str, Sequence[Change]],
        lost: Collection[str],
        timing: Timing,
        *,
        closed: bool = False,
        until: float = math.inf,
    ) -> None:
        self.managers, self.beliefs, self.lost, self.timing = managers, beliefs, lost, timing
        self.closed, self.until = closed, until

    def registered(self, beat: float, first: str, random: Random, *, local: bool) -> float:
        """When an agent is registered again whose session with the manager `first` breaks.

        `beat`: when it sends the beat that breaks it. `local`: the agent of a manager, which asks
        that one only; a worker's draws one for each try.
        """
        remotes = Remotes(self.managers)
        manager, backoff = first, 0.0
        # A new leader knows nothing of the old session: a beat that reaches it fails as well.
        _, at = self._ask(manager, 0.0 if self.closed and manager in self.lost else beat)
        while True:
            remotes.failed(manager)
            backoff = min(self.timing.backoff + 2 * backoff, self.timing.backoff_most)
            if not local:
                manager = remotes.select(random)
            reached, at = self._ask(manager, at + random.random() * backoff)
            if reached:
                return at

    def _ask(self, manager: str, at: float) -> tuple[bool, float]:
        """Whether a call reaches a leader, and when it does or fails."""
        given_up = at + self.timing.call
        if manager in self.lost and at < self.until:
            if given_up <= self.until:
                return False, at if self.closed else given_up
            at = self.until
        raft = self.timing.raft
        known = self._belief(manager, at)
        if known.leader is None and at - known.at > raft.patience_ticks * raft.tick:
            return False, at
        while known.leader is None and at + raft.poll < given_up:
            at += raft.poll
            known = self._belief(manager, at)
        # What is passed on to a lost leader hangs until the agent gives it up.
        if known.leader in self.lost and at < self.until < given_up:
            at = self.until
        gone = known.leader in self.lost and at < self.until
        reached = known.leader is not None and not gone
        refused = known.leader is not None and self.closed
        return reached, at if reached or refused else given_up

    def _belief(self, manager: str, at: float) -> Change:
        return next(known for known in reversed(self.beliefs[manager]) if known.at <= at)
