"""The coverage grid: for every source whether it is backed up, off-site and proven, and how old.

States are worse than they look rather than better: what is not known to be good is not green.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from statistics import median

from quorate.backup.model import Snapshot
from quorate.backup.policy.rehearsals import History, Standing, rehearsed_sources, stands
from quorate.backup.policy.retention import CLOCK_SKEW, wrong_time
from quorate.backup.policy.sources import Planned
from quorate.backup.policy.three import missing
from quorate.backup.policy.times import last_until, next_after, period
from quorate.fleet.backup import Repository, SourcePolicy
from quorate.fleet.model import Fleet
from quorate.fleet.quantities import show_duration, show_size
from quorate.fleet.schedules import Schedule

SIZE_DROP = 0.5
"""A copy smaller than this share of those before is suspect (offen/docker-volume-backup #283)."""

GRACE = timedelta(hours=1)
"""How late a run may be before it is called late: the `for: 1h` of the document's BackupMissing."""


class State(StrEnum):
    """Of one question about a source, the better first; `waiting`: its time has not come yet."""

    OK = "ok"
    EXCLUDED = "excluded"
    WAITING = "waiting"
    LATE = "late"
    NEVER = "never"
    FAILED = "failed"
    NOWHERE = "nowhere"

    @property
    def good(self) -> bool:
        return self in (State.OK, State.WAITING, State.EXCLUDED)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A source in one repository. `newest` is its last complete copy, `proven` the last proven."""

    repository: str
    offsite: bool
    state: State
    proof: State
    newest: Snapshot | None = None
    proven: Snapshot | None = None
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of one source.

    `age`: seconds since the state its newest copy holds. `rpo`: the longest time, in seconds,
    between two copies that are there, or since the last one: what a loss would have cost at worst.
    `rto`: seconds the last restore took. `next`: when it is backed up next. `missing`: what lacks
    of 3-2-1 with the copies that are there; `poisoned`: copies whose time cannot be right.
    `rehearsed`: how it stands with rehearsals; None: there are to be none, or nobody knows of any.
    `beside`: its own server, where its last proof was there though the fleet has others.
    """

    planned: Planned
    backed_up: State
    offsite: State
    proven: State
    copies: tuple[Copy, ...] = ()
    age: float | None = None
    size: int | None = None
    next: datetime | None = None
    rpo: float | None = None
    rto: float | None = None
    missing: tuple[str, ...] = ()
    poisoned: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    rehearsed: Standing | None = None
    beside: str = ""

    @property
    def good(self) -> bool:
        """Whether everything about it is as it should be."""
        states = [self.backed_up, self.offsite, self.proven]
        if self.rehearsed is not None:
            states.append(State(self.rehearsed.state))
        return all(state.good for state in states) and not self.problems and not self.poisoned


def coverage(
    fleet: Fleet,
    sources: Iterable[Planned],
    snapshots: Iterable[Snapshot],
    *,
    zone: tzinfo,
    now: datetime,
    since: datetime | None = None,
    rehearsals: History | None = None,
) -> tuple[Row, ...]:
    """A row for every source.

    Args:
        sources: of the fleet, with their policies.
        snapshots: every copy in every repository.
        zone: of the policy's times.
        since: when the policy began to hold: what was to be run before is not held against it.
        rehearsals: what the controller remembers; None: nobody was asked.
    """
    by_source: dict[str, list[Snapshot]] = {}
    for one in snapshots:
        by_source.setdefault(one.source, []).append(one)
    every = tuple(sources)
    rehearsed = rehearsed_sources(fleet, every) if rehearsals is not None else ()
    grid = _Grid(
        fleet=fleet,
        zone=zone,
        now=now,
        since=since,
        rehearsals=rehearsals,
        rehearsed=frozenset(one.source.id for one in rehearsed),
    )
    return tuple(grid.row(one, by_source.get(one.source.id, [])) for one in every)


@dataclass(frozen=True, kw_only=True)
class _Grid:
    fleet: Fleet
    zone: tzinfo
    now: datetime
    since: datetime | None
    rehearsals: History | None = None
    rehearsed: frozenset[str] = frozenset()

    def row(self, planned: Planned, snapshots: Sequence[Snapshot]) -> Row:
        policy = planned.policy
        if policy is None:
            out = State.EXCLUDED
            return Row(planned=planned, backed_up=out, offsite=out, proven=out)
        originals = {one.id: one.taken for one in snapshots if one.original is None}
        wrong = {one.id: why for one in snapshots if (why := wrong_time(one, self.now, originals))}
        sound = sorted(
            (one for one in snapshots if one.complete and one.id not in wrong),
            key=lambda one: one.taken,
        )
        backed_up = self._backed_up(planned, sound)
        # What was not there yet could be neither copied nor proven.
        nothing = State.WAITING if backed_up is State.WAITING else State.NEVER
        copies = tuple(self._copy(one, planned, sound, nothing) for one in planned.repositories)
        newest = sound[-1] if sound else None
        names = {one.repository for one in sound}
        there = [one for one in self.fleet.backup.repositories if one.name in names]
        rehearsed = self._rehearsed(planned, sound)
        return Row(
            planned=planned,
            backed_up=backed_up,
            offsite=_worst([copy.state for copy in copies if copy.offsite]),
            proven=_worst([copy.proof for copy in copies]),
            copies=copies,
            age=(self.now - newest.taken).total_seconds() if newest else None,
            size=newest.size if newest else None,
            next=None if planned.unreachable else next_after(policy.schedule, self.zone, self.now),
            rpo=self._rpo(policy.schedule, sound),
            rto=_rto(sound),
            missing=missing(self.fleet, planned.source, there),
            poisoned=tuple(f"{key}: {why}" for key, why in wrong.items()),
            problems=(
                *_problems(policy, copies, sound),
                *(rehearsed.problems if rehearsed else ()),
            ),
            rehearsed=rehearsed,
            beside=self._beside(planned, copies),
        )

    def _beside(self, planned: Planned, copies: Iterable[Copy]) -> str:
        """The server of the source, where a copy was proven on it last and need not have been."""
        if len(self.fleet.servers) < 2 or not planned.source.servers:
            return ""
        proven = [copy.proven for copy in copies if copy.proven is not None]
        found = [one.server for one in proven if one.proof and one.proof.server == one.server]
        return found[0] if found else ""

    def _rehearsed(self, planned: Planned, sound: Sequence[Snapshot]) -> Standing | None:
        if self.rehearsals is None or planned.source.id not in self.rehearsed:
            return None
        return stands(self.fleet, planned, self.rehearsals, sound, zone=self.zone, now=self.now)

    def _backed_up(self, planned: Planned, sound: Sequence[Snapshot]) -> State:
        """Of all repositories together: where a source moves, its repository may change."""
        if planned.repository is None or planned.policy is None:
            return State.NOWHERE
        made = [one for one in sound if one.original is None]
        return self._made(planned.policy.schedule, made)

    def _copy(
        self,
        repository: Repository,
        planned: Planned,
        sound: Sequence[Snapshot],
        nothing: State,
    ) -> Copy:
        mine = [one for one in sound if one.repository == repository.name]
        if repository == planned.repository and planned.policy is not None:
            state = self._made(planned.policy.schedule, mine)
        else:
            made = [one for one in sound if one.original is None]
            state = self._copied(made, mine) if made or mine else nothing
        return Copy(
            repository=repository.name,
            offsite=repository.offsite,
            state=state,
            # What is still to be copied there cannot have been proven there.
            proof=self._proven(mine) if mine else (state if state is State.WAITING else nothing),
            newest=mine[-1] if mine else None,
            proven=next((one for one in reversed(mine) if one.proven), None),
            count=len(mine),
        )

    def _deadline(self, schedule: Schedule) -> datetime | None:
        """The last time that a run must have been made for by now; None: there was none."""
        last = last_until(schedule, self.zone, self.now - GRACE)
        return None if last is None or (self.since and last < self.since) else last

    def _made(self, schedule: Schedule, mine: Sequence[Snapshot]) -> State:
        deadline = self._deadline(schedule)
        if mine and (deadline is None or mine[-1].taken >= deadline - CLOCK_SKEW):
            return State.OK
        if deadline is None:
            return State.WAITING
        return State.LATE if mine else State.NEVER

    def _copied(self, made: Sequence[Snapshot], mine: Sequence[Snapshot]) -> State:
        """Whether what there was at the last time of copying is there."""
        deadline = self._deadline(self.fleet.backup.copying.schedule)
        if deadline is None:
            return State.OK if mine else State.WAITING
        wanted = [one for one in made if one.received <= deadline]
        if mine and (not wanted or mine[-1].taken >= wanted[-1].taken - CLOCK_SKEW):
            return State.OK
        if not wanted and made:
            return State.WAITING
        return State.LATE if mine else State.NEVER

    def _proven(self, mine: Sequence[Snapshot]) -> State:
        """Whether the newest copy there was at the last time of proving is proven."""
        proofs = [one for one in mine if one.proof is not None]
        latest = max(proofs, key=lambda one: one.proof.at if one.proof else self.now, default=None)
        if latest is not None and not latest.proven:
            return State.FAILED
        deadline = self._deadline(self.fleet.backup.proving.schedule)
        wanted = [one for one in mine if deadline is not None and one.received <= deadline]
        if not wanted:
            return State.OK if latest else State.WAITING
        if latest is None:
            return State.NEVER
        return State.OK if latest.taken >= wanted[-1].taken else State.LATE

    def _rpo(self, schedule: Schedule, sound: Sequence[Snapshot]) -> float | None:
        """Of the last three periods: what is older was thinned out, and says nothing."""
        if not sound:
            return None
        begin = self.now - 3 * period(schedule, self.zone, self.now)
        times = [one.taken for one in sound]
        before = [moment for moment in times if moment < begin][-1:]
        times = [*before, *(moment for moment in times if moment >= begin), self.now]
        return max((later - earlier).total_seconds() for earlier, later in pairwise(times))


def _worst(states: Sequence[State]) -> State:
    order = list(State)
    return max(states, key=order.index, default=State.NOWHERE)


def _rto(sound: Iterable[Snapshot]) -> float | None:
    proofs = [one.proof for one in sound if one.proof is not None and one.proof.ok]
    return max(proofs, key=lambda proof: proof.at).seconds if proofs else None


def _problems(
    policy: SourcePolicy, copies: Iterable[Copy], sound: Sequence[Snapshot]
) -> Iterator[str]:
    """What is wrong beyond the states, in words."""
    for copy in copies:
        bad = copy.newest.proof if copy.newest else None
        if bad is not None and not bad.ok:
            said = "; ".join(bad.differences[:3]) or "it could not be restored"
            yield f"{copy.repository}: the newest copy does not restore: {said}"
    rto = _rto(sound)
    if rto is not None and rto > policy.restore_within:
        limit = show_duration(policy.restore_within)
        yield f"a restore took {show_duration(rto)}, and may take {limit}"
    if len(sizes := [one.size for one in sound if one.original is None and one.size]) > 1:
        usual = median(sizes[:-1])
        if sizes[-1] < SIZE_DROP * usual:
            yield f"the newest copy holds {show_size(sizes[-1])}, those before {show_size(usual)}"
