"""The constants of time in Swarm, each with its source in moby/swarmkit. Seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, kw_only=True)
class RaftTiming:
    """What the managers' consensus goes by (manager/state/raft/raft.go, go.etcd.io/raft).

    A manager that has heard of no leader for a number of `tick`s, drawn anew from
    `election_ticks` to twice that less one, stands for election. Within `election_ticks` of
    hearing of one it takes no part in elections (the lease of CheckQuorum), and a leader that
    has not heard from a majority for as long steps down. There is no pre-vote. A call that needs
    the leader waits for one, looking every `poll` seconds; once there has been none for more than
    `patience_ticks` it fails at once (LeaderConn, lostQuorumTimeout).
    """

    tick: float = 1.0
    election_ticks: int = 10
    poll: float = 1.0
    patience_ticks: int = 10


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When nodes are noticed to be gone, and how agents come back.

    A node beats every `heartbeat` seconds, more or less by up to `spread`, drawn anew for
    each beat (manager/dispatcher/period.go); it is down once `grace` such periods pass without
    one, or `unknown_grace` after a change of leader, until it has registered
    (dispatcher/nodes.go). An agent gives a call `call` seconds; between two tries it waits up
    to a back-off that begins at `backoff` and doubles up to `backoff_most` (agent/agent.go).
    A node's tasks count as ended `orphaned` seconds after it was down (defaultNodeDownPeriod).
    The scheduler waits `debounce` for more to do (scheduler/scheduler.go), the dispatcher up to
    `assign` before it tells nodes of their tasks, and it writes what it learns of nodes every
    `batch`, of each the last (dispatcher/dispatcher.go).

    An engine that creates several containers at once shares its time among them: `creating`
    seconds of it for each, from the least to the most, and `starting` when it starts them. Measured
    in labs whose nodes share two cores, from a lost server's being down on, beyond what one alone
    takes: 0.3 to 2.4 s for two on one node, 1.3 to 3.2 s for three, 1.6 to 4.1 s for four that
    were created long before their start. A larger server is quicker.
    """

    heartbeat: float = 5.0
    spread: float = 0.5
    grace: int = 3
    unknown_grace: int = 6
    orphaned: float = 86_400.0
    call: float = 5.0
    backoff: float = 0.1
    backoff_most: float = 8.0
    debounce: float = 0.05
    assign: float = 0.1
    batch: float = 0.1
    creating: tuple[float, float] = (0.2, 0.8)
    starting: tuple[float, float] = (0.4, 1.3)
    raft: RaftTiming = field(default_factory=RaftTiming)


@dataclass(frozen=True, kw_only=True)
class Health:
    """A container's health check (moby, daemon/health.go); Docker's own values by default.

    The first probe comes an interval after the start, each other an interval after the end of the
    last one: `start_interval` while `start_period` lasts, `interval` after it. A probe is a program
    that is started in the container; `takes` is how long that is until the managers know what came
    of it, from the least to the most: fitted to drills in labs whose nodes share two cores
    (docs/evidence/drills.md, and those before them); up to 1.9 s while other containers start.
    """

    interval: float = 30.0
    start_period: float = 0.0
    start_interval: float = 5.0
    takes: tuple[float, float] = (0.1, 1.2)

    def healthy(self, boot: float, takes: float = 0.0) -> float:
        """Seconds from its start until a container that answers after `boot` is seen healthy.

        Args:
            takes: how long each of its probes does.
        """
        every = self.start_interval + takes
        if self.start_period > 0:
            first = every * max(1, math.ceil((boot + takes) / every))
            if first <= self.start_period:
                return first
        # Probes while it starts do not count; then it goes on by the interval.
        begun = every * math.floor(self.start_period / every) if self.start_period > 0 else 0.0
        later = self.interval + takes
        return begun + later * max(1, math.ceil((boot + takes - begun) / later))


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a service's task comes up anew: restart policy, and what its container takes.

    `delay` of its restart policy; `replaced` is false where its condition is `none`: then not
    even a lost node brings a new one. `create` from being given a node until it could start, the
    image being there, and `start` until its process runs, each where no other task is (see
    `Timing`); `boot` until it would answer, from the least to the most. Without a health check it
    counts as running at its start.
    """

    delay: float = 5.0
    replaced: bool = True
    create: float = 0.2
    start: float = 0.5
    boot: tuple[float, float] = (0.0, 0.0)
    health: Health | None = None

    def runs(self, started: float, random: Random) -> float:
        """When Swarm has it running whose process started: its health check passed."""
        boot = random.uniform(*self.boot)
        if self.health is None:
            return started
        return started + self.health.healthy(boot, random.uniform(*self.health.takes))


START_INTERVAL_ENGINE = (25, 0)
"""The first engine that knows `healthcheck.start_interval` (stack file version 3.12)."""

RAFT = RaftTiming()
TIMING = Timing()
