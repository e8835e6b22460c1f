"""What the controller shows to Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from quorate.alerts import backup_metrics as metrics
from quorate.alerts import controller_metrics as own
from quorate.alerts.metrics import Metric, Sample
from quorate.backup.jobs.model import Work
from quorate.backup.model import Snapshot
from quorate.backup.policy.coverage import Copy, Row, State
from quorate.backup.policy.holding import held
from quorate.backup.policy.rehearsals import Standing
from quorate.backup.policy.sources import Unprotected
from quorate.backup.wal.model import State as LogState
from quorate.backup.wal.standing import Log
from quorate.fleet.backup import Repository
from quorate.serving.memory import Memory

SHOWN = (*metrics.BACKUP_METRICS, *own.CONTROLLER_METRICS)


def backup_samples(
    fleet: str,
    memory: Memory,
    rows: Sequence[Row],
    unprotected: Iterable[Unprotected],
    repositories: Iterable[Repository],
    now: datetime,
) -> tuple[Sample, ...]:
    """What is known of backups."""
    said = _Said(fleet, memory, now)
    return (
        *(one for row in rows for one in said.of_source(row)),
        *(one for row in rows for copy in row.copies for one in said.of_copy(row, copy)),
        *(said.sample(metrics.UNPROTECTED, one.what, one.server, value=1) for one in unprotected),
        *said.of_repositories(),
        *said.of_room(repositories),
        *(one for log in memory.seen.logs for one in said.of_log(log)),
    )


def controller_samples(
    fleet: str,
    memory: Memory,
    *,
    round_ok: bool,
    waiting: int,
    addresses: Mapping[str, str],
    chores: Iterable[str],
    looked: datetime | None,
    now: datetime,
) -> tuple[Sample, ...]:
    """What is known of the controller that decides; `looked`: when its last good round was."""
    said = _Said(fleet, memory, now)
    beat = () if looked is None else (said.sample(metrics.HEARTBEAT, value=looked.timestamp()),)
    return (
        *beat,
        said.sample(own.ACTIVE, value=1),
        said.sample(own.ROUND_OK, value=round_ok),
        said.sample(own.LAG, value=memory.lag),
        said.sample(own.WAITING, value=waiting),
        *(said.sample(own.FAILING, task, value=1) for task in memory.failing),
        *(said.sample(own.CHORE_OK, name, value=name not in memory.troubles) for name in chores),
        *(said.sample(own.NOTIFY_OK, name, value=not why) for name, why in addresses.items()),
    )


class _Said:
    """Samples of one moment."""

    def __init__(self, fleet: str, memory: Memory, now: datetime) -> None:
        self.fleet, self.memory, self.now = fleet, memory, now
        self.complete: dict[tuple[str, str], list[Snapshot]] = {}
        for one in sorted(memory.copies.values(), key=lambda copy: (copy.taken, copy.id)):
            if one.complete:
                self.complete.setdefault((one.source, one.repository), []).append(one)

    def sample(self, metric: Metric, *labels: str, value: float) -> Sample:
        return metric.sample(self.fleet, *labels, value=value)

    def of_source(self, row: Row) -> Iterator[Sample]:
        source, policy = row.planned.source, row.planned.policy
        states = zip(metrics.QUESTIONS, (row.backed_up, row.offsite, row.proven), strict=True)
        for question, state in states:
            place = metrics.STATES.index(state.value)
            yield self.sample(metrics.STATE, source.id, source.kind, question, value=place)
        if policy is None:
            return
        runs = [
            one
            for one in self.memory.running
            if (one.work, one.source) == (Work.BACKUP, source.id)
            and self.now - one.began <= timedelta(seconds=policy.deadline)
        ]
        yield self.sample(metrics.RUNNING, source.id, value=bool(runs))
        yield self.sample(metrics.RTO_TARGET, source.id, value=policy.restore_within)
        yield self.sample(metrics.POISONED, source.id, value=len(row.poisoned))
        if row.rehearsed is not None:
            yield from self.of_rehearsals(source.id, row.rehearsed)
        if row.next is not None:
            yield self.sample(metrics.NEXT_RUN, source.id, value=row.next.timestamp())
        if row.rpo is not None:
            yield self.sample(metrics.RPO, source.id, value=row.rpo)
        if row.rto is not None:
            yield self.sample(metrics.RTO, source.id, value=row.rto)

    def of_rehearsals(self, source: str, how: Standing) -> Iterator[Sample]:
        good = next((one for one in self.memory.rehearsed.get(source, ()) if one.ok), None)
        # Where there is none yet and none is late, nothing is said: no alert counts from 1970.
        if good is not None or how.state in (State.LATE, State.NEVER):
            when = good.at.timestamp() if good is not None else 0.0
            yield self.sample(metrics.REHEARSED, source, value=when)
        if how.rpo_target is not None:
            yield self.sample(metrics.RPO_TARGET, source, value=how.rpo_target)
        if how.last is not None:
            yield self.sample(metrics.REHEARSAL_OK, source, value=how.last.ok)
        if good is not None and good.rto is not None:
            yield self.sample(metrics.REHEARSAL_RTO, source, value=good.rto)
        if good is not None and good.rpo is not None:
            yield self.sample(metrics.REHEARSAL_RPO, source, value=good.rpo)

    def of_copy(self, row: Row, copy: Copy) -> Iterator[Sample]:
        source = row.planned.source.id
        home = row.planned.repository
        original = home is not None and home.name == copy.repository
        labels = (source, copy.repository, metrics.ORIGINAL if original else metrics.COPIED)
        yield self.sample(metrics.COPIES, *labels, value=copy.count)
        if (newest := copy.newest) is not None:
            yield self.sample(metrics.LAST_SUCCESS, *labels, value=newest.taken.timestamp())
            yield self.sample(metrics.SIZE, *labels, value=newest.size)
            yield self.sample(metrics.ADDED, *labels, value=newest.added)
        mine = self.complete.get((source, copy.repository), [])
        if len(mine) > 1:
            usual = median(one.size for one in mine[:-1])
            yield self.sample(metrics.USUAL_SIZE, *labels, value=usual)
        if copy.proven is not None:
            yield self.sample(metrics.PROVEN_COPY, *labels, value=copy.proven.taken.timestamp())
        proofs = [one.proof for one in mine if one.proof is not None]
        if proofs:
            last = max(proofs, key=lambda proof: proof.at)
            yield self.sample(metrics.LAST_PROOF, *labels, value=last.at.timestamp())
            yield self.sample(metrics.PROOF_OK, *labels, value=last.ok)
        result = self.memory.results.get((source, copy.repository))
        if result is not None:
            yield self.sample(metrics.LAST_EXIT_CODE, *labels, value=result.code)
            yield self.sample(metrics.DURATION, *labels, value=result.seconds)
            if result.peak:
                yield self.sample(metrics.PEAK_MEMORY, *labels, value=result.peak)

    def of_room(self, repositories: Iterable[Repository]) -> Iterator[Sample]:
        for one in repositories:
            found = held(one, self.memory.holds.get(one.name))
            known = {
                metrics.REPOSITORY_STORED: found.stored,
                metrics.REPOSITORY_FREE: found.free,
                metrics.REPOSITORY_ROOM: found.room,
            }
            for metric, value in known.items():
                if value is not None:
                    yield self.sample(metric, one.name, value=value)

    def of_log(self, log: Log) -> Iterator[Sample]:
        yield self.sample(metrics.LOG_UP, log.source, value=log.state == LogState.STREAMING)
        yield self.sample(metrics.LOG_PROTECTED, log.source, value=log.protected)
        yield self.sample(metrics.LOG_SLOT_BOUND, log.source, value=log.slot_bound)
        if log.received is not None:
            yield self.sample(metrics.LOG_RECEIVED, log.source, value=log.received.timestamp())
        if log.slot is not None:
            yield self.sample(metrics.LOG_SLOT_LOST, log.source, value=log.slot == "lost")
        if log.slot_room is not None:
            yield self.sample(metrics.LOG_SLOT_ROOM, log.source, value=log.slot_room)

    def of_repositories(self) -> Iterator[Sample]:
        for name, moment in self.memory.listed.items():
            yield self.sample(metrics.REPOSITORY_READ, name, value=moment.timestamp())
        # One that was found whole before this controller began is in the notes.
        whole = {
            name.partition(":")[2]: (moment, True)
            for name, moment in self.memory.kept.items()
            if name.startswith(f"{Work.CHECK}:")
        }
        seen = {name: (one.at, one.ok) for name, one in self.memory.checks.items()}
        for name, (moment, ok) in {**whole, **seen}.items():
            yield self.sample(metrics.REPOSITORY_CHECKED, name, value=moment.timestamp())
            yield self.sample(metrics.REPOSITORY_OK, name, value=ok)
