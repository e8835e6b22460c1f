"""Who leads the managers, and when nobody does: elections as etcd's raft holds them for Swarm.

Messages take no time; a tick takes `RaftTiming.tick`. Only what elections depend on is there:
terms, votes, leases, and whether a log is behind. CheckQuorum is on and pre-vote is off, as in
swarmkit, so a member that was away deposes the leader once it has counted its term beyond it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from quorate.swarm.timing import RAFT, RaftTiming

Reach = Callable[[str, str, float], bool]
"""Whether a message of one member arrives at another at a time."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """From `at` on `leader` leads; None: nobody does that a majority follows."""

    at: float
    leader: str | None


@dataclass(kw_only=True)
class _Member:
    name: str
    term: int = 1
    leads: bool = False
    stands: bool = False
    leader: str | None = None
    vote: str | None = None
    behind: bool = False
    elapsed: int = 0
    timeout: int = 0
    votes: dict[str, bool] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)


class Raft:
    """The managers of a swarm from a moment on, until which all but the `away` followed `leader`.

    `away` are members that missed what was committed since, and how many elections: their logs
    are behind, their terms lower, and they know of no leader. `lost` ones count for the majority
    and do nothing; `still` ones stand still until a time: of the ticks they missed one comes as
    they go on (Go's tickers keep one), and what was sent to them meanwhile is old when they read
    it. The same random numbers, the same course. `beliefs`: by member that is there,
    whom it takes for the leader, and since when, which calls to it depend on.
    """

    def __init__(
        self,
        members: Sequence[str],
        *,
        leader: str,
        reach: Reach,
        random: Random,
        away: Mapping[str, int] | None = None,
        lost: frozenset[str] = frozenset(),
        still: Mapping[str, float] | None = None,
        timing: RaftTiming = RAFT,
    ) -> None:
        self.reach, self.random, self.timing = reach, random, timing
        self.still = still or {}
        missed = away or {}
        self.now = 0.0
        self.changes = [Change(at=0.0, leader=None if leader in lost else leader)]
        self._members = {n: _Member(name=n) for n in members if n not in lost}
        self._majority = len(members) // 2 + 1
        self._ticks: list[tuple[float, int, str]] = []
        since_beat = random.random()  # in ticks: the leader's last heartbeat, to all at once
        for number, (name, member) in enumerate(self._members.items()):
            self._reset(member)
            first = random.random()
            heapq.heappush(self._ticks, (first * timing.tick, number, name))
            if name in missed:
                member.behind, member.term = True, member.term - missed[name]
            elif name == leader:
                member.leads, member.leader = True, leader
                member.elapsed = random.randrange(timing.election_ticks)
                member.heard = set(self._members) - set(missed)
            else:
                member.leader = leader
                member.elapsed = int(first > 1 - since_beat)
        self.beliefs = {
            name: [Change(at=0.0, leader=member.leader)] for name, member in self._members.items()
        }

    def run(self, until: float, *, first: bool = False) -> list[Change]:
        """The changes of leadership up to a time; with `first`, only up to the first leader."""
        while self._ticks and self._ticks[0][0] <= until:
            self.now, number, name = heapq.heappop(self._ticks)
            following, goes_on = self.now + self.timing.tick, self.still.get(name, 0.0)
            if self.now < goes_on < following:
                following = goes_on
            heapq.heappush(self._ticks, (following, number, name))
            known = len(self.changes)
            if self._moves(name):
                self._tick(self._members[name])
            # One that is elected may be deposed in the same tick, by a higher term it did not know.
            if first and len(self.changes) > known and self.changes[-1].leader:
                break
        return self.changes

    def _moves(self, name: str) -> bool:
        return self.now >= self.still.get(name, 0.0)

    def _tick(self, member: _Member) -> None:
        member.elapsed += 1
        if member.leads:
            if member.elapsed >= self.timing.election_ticks:
                member.elapsed = 0
                heard, member.heard = member.heard | {member.name}, set()
                if len(heard) < self._majority:
                    self._depose(member, member.term)
                    return
            for other in list(self._reached(member)):
                if member.leads:
                    self._beat(member, other)
        elif member.elapsed >= member.timeout:
            self._stand(member)

    def _beat(self, leader: _Member, other: _Member) -> None:
        """A leader's heartbeat, and its answer."""
        if other.term > leader.term:
            # The answer carries the higher term; it arrives where the way back is open.
            if self.reach(other.name, leader.name, self.now):
                self._depose(leader, other.term)
            return
        if other.term < leader.term or other.leader != leader.name or other.stands:
            self._follow(other, leader.term, leader.name)
        other.elapsed = 0
        if self.reach(other.name, leader.name, self.now):
            other.behind = False
            leader.heard.add(other.name)

    def _stand(self, member: _Member) -> None:
        self._follow(member, member.term + 1, None)
        member.stands, member.vote = True, member.name
        member.votes = {member.name: True}
        for other in list(self._reached(member)):
            if not member.stands:
                return
            answer = self._asked(other, member)
            if answer is None or not self.reach(other.name, member.name, self.now):
                continue
            member.votes[other.name] = answer
            if sum(member.votes.values()) >= self._majority:
                self._lead(member)
            elif sum(not vote for vote in member.votes.values()) >= self._majority:
                self._follow(member, member.term, None)
        if member.stands and self._majority == 1:
            self._lead(member)

    def _asked(self, voter: _Member, candidate: _Member) -> bool | None:
        """A vote; None where the request is ignored: within the lease, or at a lower term."""
        if voter.term > candidate.term:
            return None
        if voter.term < candidate.term:
            if voter.leader is not None and voter.elapsed < self.timing.election_ticks:
                return None
            self._depose(voter, candidate.term)
        free = voter.vote is None and voter.leader is None
        if not (free or voter.vote == candidate.name) or (candidate.behind and not voter.behind):
            return False
        voter.vote, voter.elapsed = candidate.name, 0
        return True

    def _depose(self, member: _Member, term: int) -> None:
        self._follow(member, term, None)
        if self.changes[-1].leader == member.name:
            self.changes.append(Change(at=self.now, leader=None))

    def _lead(self, member: _Member) -> None:
        member.stands, member.leads = False, True
        self._believe(member, member.name)
        member.elapsed, member.heard = 0, set()
        self.changes.append(Change(at=self.now, leader=member.name))
        for other in list(self._reached(member)):
            if member.leads:
                self._beat(member, other)

    def _follow(self, member: _Member, term: int, leader: str | None) -> None:
        if term > member.term:
            member.vote = None
        member.term = term
        self._believe(member, leader)
        member.leads = member.stands = False
        self._reset(member)

    def _believe(self, member: _Member, leader: str | None) -> None:
        if member.leader != leader:
            member.leader = leader
            self.beliefs[member.name].append(Change(at=self.now, leader=leader))

    def _reset(self, member: _Member) -> None:
        ticks = self.timing.election_ticks
        member.elapsed, member.timeout = 0, ticks + self.random.randrange(ticks)

    def _reached(self, member: _Member) -> list[_Member]:
        return [
            other
            for other in self._members.values()
            if other is not member
            and self._moves(other.name)
            and self.reach(member.name, other.name, self.now)
        ]
