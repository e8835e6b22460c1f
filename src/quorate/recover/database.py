"""`recover database`: what is chosen from what is there, the actions of its steps, a rehearsal.

The restore is a backup job like any other: it goes on when whoever began it is killed, and who
resumes follows it to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from quorate.backup import quiesce
from quorate.backup.jobs import (
    decide_copies,
    decide_restore,
    enumerating,
    leftovers,
    orders,
    reading,
    running,
)
from quorate.backup.jobs.copies import Known, snapshot_of
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.decide_copies import Proving
from quorate.backup.jobs.decide_restore import LOG, Restoring, Wish
from quorate.backup.jobs.model import NOTHING_KEPT, Answer, Copied, Work
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Mount, Start
from quorate.backup.jobs.quiet import let_go
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.backup.jobs.whereabouts import server_of
from quorate.backup.model import Kind, Snapshot, Source
from quorate.backup.policy import choices
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.backup.policy.rehearsals import KINDS
from quorate.backup.policy.wal import Receiver
from quorate.backup.wal import asking
from quorate.errors import MachineError, QuorateError, RepositoryError, UsageError
from quorate.recover import choose_database as choose
from quorate.recover.carrying import Action
from quorate.recover.choose_database import Asked, Chosen
from quorate.recover.ground import ground
from quorate.recover.model import Facts, Journal, Operation
from quorate.recover.site import Site
from quorate.recover.wellness import until_well
from quorate.tools import clock

DEADLINE_SECONDS = 12 * 3600.0
"""Whoever finds services that are stopped for longer than this starts them again."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a recovery would do; nothing was changed yet."""

    source: Source
    chosen: Chosen
    operation: Operation
    ground: Ground


def ready(place: Site, name: str, asked: Asked) -> Ready:
    """Read the repositories, and choose the copy and the steps.

    Raises:
        UsageError: no such source or copy, or it is not recovered so.
        RefusedError: no copy of it is proven.
        QuorateError: it cannot be reached, or no repository can be read.
    """
    there = ground(place)
    source = decide_restore.source_named(there.scene, Known(), name)
    if source.kind not in KINDS:
        raise UsageError(
            f"{source.id} is no database and no volume",
            todo="`quorate backup restore` brings it back into a directory",
        )
    known = reading.read(there)
    now = clock.now()
    log = decide_restore.log_of(there.scene, source.id)
    beside = log if not asked.snapshot else None
    chosen = choose.choose(
        known,
        source.id,
        asked,
        log=log is not None,
        reaches=_reaches(place, beside) if beside else None,
        close=_close(there, source),
        now=now,
    )
    around = choose.users(place.fleet, there.scene.snapshot, source)
    draft = choose.operation(place.fleet.name, source, chosen, around, source.id, now=now)
    # Made now, so that what cannot be reached is known before anything is asked.
    made = _restoring(there, draft.facts, chosen.copies[0] if chosen.copies else None)
    operation = choose.operation(place.fleet.name, source, chosen, around, made.target, now=now)
    return Ready(source=source, chosen=chosen, operation=operation, ground=there)


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A recovery tried beside what is in place. Seconds: of the whole job, of the restore in it;
    of what would be lost (None: nobody knows)."""

    source: str
    copy: Copied | None
    server: str
    rto: float
    restore: float
    rpo: float | None
    findings: tuple[str, ...] = ()


def rehearse(here: Ready) -> Rehearsed:
    """Restore it where it hurts nobody, compare, and time that.

    Raises:
        QuorateError: it does not come back, with why.
    """
    began = clock.now()
    start = _rehearsal(here)
    answer = _answer(_followed(here.ground, start))
    copy = answer.copies[0] if answer.copies else None
    return Rehearsed(
        source=here.source.id,
        copy=copy,
        server=start.job.server,
        rto=(clock.now() - began).total_seconds(),
        restore=copy.proof_seconds if copy else answer.seconds,
        rpo=_rpo(began, here.operation.facts),
        findings=answer.findings,
    )


def actions(place: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of a recovery do."""
    work = _Work(place, journal)
    return {
        choose.STOP: Action(do=work.stop, undo=work.start),
        choose.RESTORE: Action(do=work.restore, undo=work.put_back),
        choose.START: Action(do=work.start, undo=work.stop),
        choose.VERIFY: Action(do=work.verify),
    }


class _Work:
    def __init__(self, place: Site, journal: Journal) -> None:
        self._place = place
        self._journal = journal
        self._run = choose.run_of(journal)

    def stop(self, facts: Facts) -> None:
        """Stop what writes, with the record by which whoever comes next starts it again."""
        if not facts["stops"]:
            return
        door = ground(self._place).door
        wish = quiesce.Wish(
            services=tuple(facts["stops"]),
            run=self._run,
            source=str(facts["source"]),
            seconds=DEADLINE_SECONDS,
            active=frozenset(job.run for job in door.jobs(self._place.fleet.name)),
        )
        door.ask("services cannot be stopped", lambda client: quiesce.begin(client, wish))

    def start(self, facts: Facts) -> None:
        """Start what was stopped; what somebody has started already stays as it is."""
        if facts["stops"]:
            quiesce.end(self._place.client(), self._run)

    def restore(self, facts: Facts) -> Facts:
        """Restore the copy in place; where its repository fails, the same copy from the next."""
        self.stop(facts)  # somebody may have let them go meanwhile
        copies: list[Snapshot | None] = list(_copies(facts)) or [None]
        failed: QuorateError | None = None
        for copy in copies:
            try:
                answer = self._restored(facts, copy)
            except RepositoryError as error:
                failed = error
                where = copy.repository if copy else ""
                self._place.report.note(f"{where}: {error.what}; trying the next repository")
                continue
            self._require_still(facts)
            self._note(facts, "")  # the next step follows at once
            return {
                "kept": list(answer.findings),
                "restore_seconds": round(answer.seconds, 1),
                "from": copy.repository if copy else "write-ahead log",
            }
        assert failed is not None
        raise failed

    def put_back(self, facts: Facts) -> None:
        """Put back what the restore has kept, once no restore of it is under way."""
        self.stop(facts)
        there = self._ground(facts)
        for job in there.door.jobs(self._place.fleet.name):
            if job.work == Work.RESTORE and job.source == facts["source"]:
                self._place.report.note(f"waiting for the {job.what} to end")
                running.run(there, Decision(starts=(self._same(there, facts, job),)))
        start = decide_restore.putting_back(
            there.scene, str(facts["source"]), str(facts["aside"]), due=_due(facts)
        )
        answer = _answer(_followed(there, start))
        for text in answer.findings:
            self._place.report.note(text)
        if facts.get("kept") and NOTHING_KEPT in answer.findings:
            raise MachineError(
                f"what was kept of {facts['source']} is not there any more",
                cause="somebody removed it, or the database is on another server now",
                todo="`quorate recover database` with a copy of before that",
            )

    def verify(self, facts: Facts) -> Facts:
        """Wait until all are well; how long it all took, and what of it is lost."""
        until_well(self._place, tuple(facts["waits"]))
        started = datetime.fromisoformat(self._journal.started)
        rpo = _rpo(started, facts)
        return {
            "rto_seconds": round((clock.now() - started).total_seconds(), 1),
            "rpo_seconds": round(rpo, 1) if rpo is not None else None,
        }

    def _restored(self, facts: Facts, copy: Snapshot | None) -> Answer:
        there = self._ground(facts)
        return _answer(_followed(there, _restoring(there, facts, copy).start))

    def _ground(self, facts: Facts) -> Ground:
        return ground(self._place, lambda job: self._note(facts, job.run))

    def _note(self, facts: Facts, job: str) -> None:
        """Record in the stopped services which job they are stopped for."""
        quiesce.note(self._place.client(), facts["stops"], self._run, job)

    def _require_still(self, facts: Facts) -> None:
        broken = quiesce.broken(self._place.client(), facts["stops"], self._run)
        if broken:
            raise MachineError(
                f"{', '.join(broken)} did not stay stopped while {facts['source']} was restored",
                cause="somebody deployed or scaled it meanwhile: it may have written to it",
                todo="`quorate operations resume` compares it, and restores it again where needed",
            )

    def _same(self, there: Ground, facts: Facts, job: Begun) -> Start:
        """A start that is met by this job, which is there: it is followed, not begun."""
        copies = _copies(facts)
        chosen = next((one for one in copies if one.repository == job.repository), None)
        return _restoring(there, facts, chosen or (copies[0] if copies else None)).start


def _restoring(there: Ground, facts: Mapping[str, Any], copy: Snapshot | None) -> Restoring:
    """The restore in place of a copy, or (None) of a moment; services are stopped by a step."""
    wish = Wish(
        source=str(facts["source"]),
        in_place=True,
        aside=str(facts["aside"]),
        copy=copy.id if copy else "",
        repository=copy.repository if copy else "",
        at=None if copy else _at(facts),
        log=copy is None,
    )
    known = Known(snapshots=(copy,) if copy else ())
    made = decide_restore.restoring(there.scene, known, wish, due=_due(facts))
    return replace(made, start=_stopped_by_a_step(made.start))


def _stopped_by_a_step(start: Start) -> Start:
    """The job does not stop its users itself; a GitLab that it restores stays unwatched."""
    return start if start.method == UNWATCHED else replace(start, quiet=(), method="none")


def _rehearsal(here: Ready) -> Start:
    scene, now = here.ground.scene, clock.now()
    facts = here.operation.facts
    if here.chosen.copies:
        copy = here.chosen.copies[0]
        wish = Proving(repositories=(copy.repository,), copy=copy.id)
        known = Known(snapshots=here.chosen.copies)
        decision = decide_copies.proofs(scene, known, (here.source.id,), wish, due=now)
        for refused in decision.refused:
            raise refused.error
        return decision.starts[0]
    log = decide_restore.log_of(scene, here.source.id)
    assert log is not None and log.server is not None
    told = {
        "source": log.source,
        "kind": Kind.POSTGRES,
        "given": LOG,
        "moment": _at(facts) if _at(facts) < _due(facts) else None,
    }
    start = orders.restore_start(
        scene,
        scene.fleet.backup.repositories[0].name,
        server=log.server,
        run=run_key(f"rehearse:{log.source}", now),
        told=told,
    )
    return replace(start, mounts=(*start.mounts, Mount(source=log.path, target=LOG)))


def _followed(there: Ground, start: Start) -> Outcome:
    """A job to its end: begun now, under way, or ended since whoever began it was killed."""
    start = _stopped_by_a_step(start)
    swept = leftovers.sweep(there.door, there.scene.fleet.name)
    for outcome in swept.ended:
        same = outcome.job.run == start.job.run and outcome.job.work == start.job.work
        if same and outcome.error is None:
            if start.method == UNWATCHED:
                let_go(there.door, start)
            return outcome
    came = running.run(there, Decision(starts=(start,)))
    for refused in came.refused:
        raise refused.error
    return came.outcomes[0]


def _answer(outcome: Outcome) -> Answer:
    if outcome.error is not None:
        raise outcome.error
    assert outcome.answer is not None
    return outcome.answer


def _copies(facts: Mapping[str, Any]) -> list[Snapshot]:
    return [snapshot_of(Copied.model_validate(one)) for one in facts["copies"]]


def _due(facts: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(facts["due"]))


def _at(facts: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(facts.get("at") or facts["until"]))


def _rpo(began: datetime, facts: Mapping[str, Any]) -> float | None:
    """Seconds of what is lost; None: its log does not say how far it goes."""
    if not facts.get("known", True):
        return None
    until = datetime.fromisoformat(str(facts["until"]))
    return max(0.0, (began - until).total_seconds())


def _reaches(place: Site, log: Receiver) -> datetime | None:
    """Until when a write-ahead log has every commit; None: its receiver does not say."""
    stored = enumerating.stored(place.connections).results
    found = asking.logs(place.connections, (log,), stored, clock.now())
    return found[0].restorable_until if found else None


def _close(there: Ground, source: Source) -> frozenset[str]:
    every: Iterable[Any] = there.scene.fleet.backup.repositories
    try:
        server = server_of(there.scene, source)
    except QuorateError:
        return frozenset()
    return frozenset(one.name for one in every if choices.beside(one) == (server,))
