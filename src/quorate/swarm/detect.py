"""When Swarm notices that nodes are gone: down after their grace, from a leader's point of view."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random

from quorate.swarm.raft import Change, Raft
from quorate.swarm.session import Sessions
from quorate.swarm.timing import TIMING, Timing

HORIZON = 600.0
"""Seconds after which an election without end is given up; with a majority none takes so long."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What managers see after nodes lost their power, or stand still, at 0. Times in seconds.

    `leaders`: as `Raft.run`; without a leader nothing is ever seen, and nothing is replaced. One
    that stands still leads again from when it goes on, unless another was elected.
    `down`: node → when it is taken for lost, which may be one that is there. `ready`: node that is
    there → since when the leader gives tasks to it: 0 unless the leader changed; for a node that
    registers after its grace, later than its `down`. `back`: node that was ready and is taken for
    lost all the same, as it talked through a lost manager → when it has registered again.
    """

    leaders: tuple[Change, ...]
    down: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    back: dict[str, float] = field(default_factory=dict)

    @property
    def leader(self) -> str | None:
        """Who leads in the end."""
        return self.leaders[-1].leader

    @property
    def misled(self) -> frozenset[str]:
        """The nodes that are there and are taken for lost."""
        return frozenset(self.down).intersection(self.ready)


def detect(
    nodes: Sequence[str],
    managers: Sequence[str],
    *,
    leader: str,
    lost: Collection[str],
    random: Random,
    timing: Timing = TIMING,
    closed: bool = False,
    still: float = inf,
) -> Detection:
    """What is seen of a loss: one possible course.

    Args:
        closed: engines are lost, and not their machines, which refuse what is asked of them.
        still: they only stand still, and go on after so many seconds. `down` is then of those
            that are silent for longer, even where that is later.
    """
    gone = frozenset(lost)
    silent = gone.intersection(managers)
    raft = Raft(
        managers,
        leader=leader,
        reach=lambda one, other, at: True,
        random=random,
        lost=silent if still == inf else frozenset(),
        still=dict.fromkeys(silent, still) if still < inf else None,
        timing=timing.raft,
    )
    leaders = _leaders(raft, leader, leads=leader not in gone, still=still, timing=timing)
    if leaders[-1].leader is None:
        return Detection(leaders=leaders)
    sessions = Sessions(managers, raft.beliefs, gone, timing, closed=closed, until=still)
    if leader not in gone:
        return _with_the_leader(nodes, gone, leaders, sessions, random)
    if leaders[1:] == (Change(at=still, leader=leader),):
        return _going_on(nodes, gone, leaders, sessions, random)
    return _after_election(nodes, gone, leaders, sessions, random)


def _leaders(
    raft: Raft, leader: str, *, leads: bool, still: float, timing: Timing
) -> tuple[Change, ...]:
    """Who leads; of one that stands still, first that nobody does."""
    soon = 2 * timing.raft.election_ticks * timing.raft.tick
    if leads:
        return tuple(raft.run(soon))
    if still == inf:
        return tuple(raft.run(HORIZON, first=True))
    found = raft.run(min(still, HORIZON), first=True)
    if found[-1].leader in (None, leader):
        # Who stood for election meanwhile may depose it as it goes on.
        found = raft.run(still + soon)
        if found[-1].leader is None:
            found = raft.run(still + HORIZON, first=True)
    # Whoever is elected while it stands still leads without its having been deposed.
    replaced = len(found) > 1 and found[1].leader is not None
    again = [] if replaced else [Change(at=still, leader=leader)]
    return (Change(at=0.0, leader=None), *again, *found[1:])


def _going_on(
    nodes: Sequence[str],
    gone: frozenset[str],
    leaders: tuple[Change, ...],
    sessions: Sessions,
    random: Random,
) -> Detection:
    """The leader stood still and leads on: its clocks have run out meanwhile.

    A node's grace is a timer of the leader's, which runs out at once as it goes on; what waits in
    its sockets it reads after that. Such a node is down, unless it has registered anew before the
    dispatcher writes what it knows of nodes. The leader's own agent does: it asks itself.
    """
    managers, timing, still = sessions.managers, sessions.timing, sessions.until
    down: dict[str, float] = {}
    back: dict[str, float] = {}
    there = [node for node in nodes if node not in gone]
    for node in there:
        period, since = _beat(random, timing)
        if timing.grace * period - since >= still:
            continue
        local = node in managers
        manager = node if local else random.choice(managers)
        again = sessions.registered(period - since, manager, random, local=local)
        if again > still + random.random() * timing.batch:
            down[node], back[node] = still, again
    return Detection(leaders=leaders, down=down, ready=dict.fromkeys(there, 0.0), back=back)


def _with_the_leader(
    nodes: Sequence[str],
    gone: frozenset[str],
    leaders: tuple[Change, ...],
    sessions: Sessions,
    random: Random,
) -> Detection:
    """The leader is there: who stays silent is down, be it that its manager was lost."""
    managers, timing = sessions.managers, sessions.timing
    down = {node: noticed_after(random, timing) for node in nodes if node in gone}
    there = [node for node in nodes if node not in gone]
    back: dict[str, float] = {}
    for node in there if gone.intersection(managers) else ():
        manager = random.choice(managers)
        if node in managers or manager not in gone:
            continue
        period, since = _beat(random, timing)
        again = sessions.registered(period - since, manager, random, local=False)
        if again > timing.grace * period - since:
            down[node], back[node] = timing.grace * period - since, again
    return Detection(leaders=leaders, down=down, ready=dict.fromkeys(there, 0.0), back=back)


def _after_election(
    nodes: Sequence[str],
    gone: frozenset[str],
    leaders: tuple[Change, ...],
    sessions: Sessions,
    random: Random,
) -> Detection:
    """Another leads: who has not registered with it within the longer grace is down."""
    managers, timing = sessions.managers, sessions.timing
    ends = {n: leaders[-1].at + timing.unknown_grace * _period(random, timing) for n in nodes}
    ready: dict[str, float] = {}
    for node in nodes:
        if node not in gone:
            local = node in managers
            manager = node if local else random.choice(managers)
            period, since = _beat(random, timing)
            ready[node] = sessions.registered(period - since, manager, random, local=local)
    late = {node: ends[node] for node in ready if ready[node] > ends[node]}
    down = {node: ends[node] for node in nodes if node in gone} | late
    return Detection(leaders=leaders, down=down, ready=ready)


def _period(random: Random, timing: Timing) -> float:
    return random.uniform(timing.heartbeat - timing.spread, timing.heartbeat + timing.spread)


def _beat(random: Random, timing: Timing) -> tuple[float, float]:
    """The period between the last beat and the next one, and how much of it is over."""
    # A moment at random falls into a long period more often than into a short one.
    longest = timing.heartbeat + timing.spread
    period = _period(random, timing)
    while random.random() * longest > period:
        period = _period(random, timing)
    return period, random.random() * period


def noticed_after(random: Random, timing: Timing) -> float:
    """When a node is down that was lost at 0: its last beat was some part of a period before.

    One that only stands still is taken for lost where it does so for longer than this: the beat
    it owes comes when it goes on.
    """
    period, since = _beat(random, timing)
    return timing.grace * period - since
