"""What the controller knows between two rounds, and how it changes. No I/O.

All but `kept`, `since`, `digest`, `told` and `rehearsed` comes from repositories and from Swarm,
and is found there again by whoever begins anew; those five are its notes, which lie in Swarm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from quorate.backup.jobs.copies import snapshot_of
from quorate.backup.jobs.model import Answer, Holds, Work
from quorate.backup.model import Snapshot
from quorate.backup.policy.agenda import ALONE, Doing
from quorate.backup.policy.rehearsals import History, Rehearsal, read, with_one_more, written
from quorate.backup.policy.runs import Attempt, after
from quorate.serving.lognews import wrong_logs
from quorate.serving.parts import Ended, Seen

REHEARSED, REHEARSING = "rehearsed:", "rehearsals:since"
"""Names of notes: of a source's rehearsals, and of when the policy first asked for any."""
WHY = 300
"""Characters of a reason that are remembered."""

REMEMBERED = timedelta(days=40)
"""A run that ended longer ago is never asked for again: months have 31 days."""
OUTDATED = timedelta(days=400)
"""A source that was rehearsed last so long ago is none any more, or is to be rehearsed no more."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How the last run of a source to a repository ended; spans in seconds, sizes in bytes."""

    code: int
    ended: datetime
    seconds: float = 0.0
    peak: int = 0


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the last check of a repository found; `why` it did not hold."""

    at: datetime
    ok: bool
    why: str = ""


@dataclass
class Memory:
    """What is known. `failing`: each task whose last run failed: its key, the error's words;
    `well`: tasks that went well since this memory began. `taken_in`: when a job told of a copy,
    which a list that was begun before does not have. `stale`: since when a list is out of date.
    `holds`: how large each repository was when it was measured last. `logs_since`: since when each
    thing is wrong with a write-ahead log, by its name in messages.
    """

    since: datetime
    digest: datetime
    told: dict[str, str] = field(default_factory=dict)
    kept: dict[str, datetime] = field(default_factory=dict)
    copies: dict[tuple[str, str], Snapshot] = field(default_factory=dict)
    listed: dict[str, datetime] = field(default_factory=dict)
    holds: dict[str, Holds] = field(default_factory=dict)
    stale: dict[str, datetime] = field(default_factory=dict)
    taken_in: dict[tuple[str, str], datetime] = field(default_factory=dict)
    well: set[str] = field(default_factory=set)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    running: tuple[Doing, ...] = ()
    results: dict[tuple[str, str], Result] = field(default_factory=dict)
    checks: dict[str, Checked] = field(default_factory=dict)
    failing: dict[str, tuple[str, str]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    seen: Seen = field(default_factory=lambda: Seen(up=frozenset()))
    logs_since: dict[str, datetime] = field(default_factory=dict)
    lag: float = 0.0
    rehearsed: dict[str, tuple[Rehearsal, ...]] = field(default_factory=dict)

    @property
    def history(self) -> History:
        """What is remembered of rehearsals."""
        return History(of=self.rehearsed, since=self.kept.get(REHEARSING))

    def rehearsing(self, *, on: bool, now: datetime) -> None:
        """Take in whether recoveries are to be rehearsed."""
        if on:
            self.kept.setdefault(REHEARSING, now)
        else:
            self.kept.pop(REHEARSING, None)

    def look(self, seen: Seen, now: datetime) -> None:
        """Take in what is seen; a service that runs nowhere now is where it was last."""
        self.seen = replace(seen, homes={**self.seen.homes, **seen.homes})
        wrong = wrong_logs(seen.logs, self.told)
        self.logs_since = {one.name: self.logs_since.get(one.name, now) for one in wrong}

    def ended(self, one: Ended, now: datetime) -> None:
        """Take in how a job ended."""
        doing, answer = one.doing, one.answer
        ok, why = one.error is None, one.error.what if one.error else ""
        self.attempts[doing.run] = after(self.attempts.get(doing.run), ok=ok, ended=now, why=why)
        if ok:
            self.failing.pop(_task(doing), None)
            self.well.add(_task(doing))
        elif one.error is not None:
            self.failing[_task(doing)] = (doing.run, "; ".join(one.error.lines()))
            self.well.discard(_task(doing))
        if answer is not None:
            self._answered(doing, answer, now)
        if doing.work is Work.CHECK:
            self.checks[doing.repository] = Checked(at=now, ok=ok, why=why)
        if ok and doing.work in (Work.CHECK, Work.PRUNE):
            self.kept[f"{doing.work}:{doing.repository}"] = now
        if doing.work in ALONE or (not ok and doing.work is Work.COPY):
            self.stale[doing.repository] = now  # what is there now nobody has said
        if doing.work in (Work.BACKUP, Work.COPY):
            self._result(one, now)
        if doing.work is Work.REHEARSE:
            former = self.rehearsed.get(doing.source, ())
            self.rehearsed[doing.source] = with_one_more(former, _rehearsal(one, now))
            if ok:  # the one that failed may have been from another repository
                mine = f"{doing.work.value} {doing.source} "
                for task in [task for task in self.failing if task.startswith(mine)]:
                    del self.failing[task]

    def forget_old(self, now: datetime) -> None:
        """Drop runs that are not asked for again, and rehearsals of what is no more."""
        for run in [run for run, one in self.attempts.items() if now - one.ended > REMEMBERED]:
            del self.attempts[run]
        for name, found in list(self.rehearsed.items()):
            if now - found[0].at > OUTDATED:
                del self.rehearsed[name]

    def notes(self) -> dict[str, str]:
        """What has to outlast the controller."""
        return {
            "since": self.since.isoformat(),
            "digest": self.digest.isoformat(),
            "told": json.dumps(self.told, sort_keys=True),
            **{name: moment.isoformat() for name, moment in sorted(self.kept.items())},
            **{
                f"{REHEARSED}{name}": written(all_) for name, all_ in self.rehearsed.items() if all_
            },
        }

    def _answered(self, doing: Doing, answer: Answer, now: datetime) -> None:
        if answer.holds is not None:
            self.holds[doing.repository] = answer.holds
        if doing.work is Work.CATALOGUE:
            if answer.trouble is None:
                self._listed(doing, answer)
            return
        for id in answer.forgotten:
            self.copies.pop((doing.repository, id), None)
        for copied in answer.copies:
            place = copied.repository, copied.id
            self.copies[place] = snapshot_of(copied)
            self.taken_in[place] = now

    def _listed(self, doing: Doing, answer: Answer) -> None:
        """A whole list in place of what was known; what came since it was begun stays."""
        newer = {place for place, when in self.taken_in.items() if when >= doing.began}
        here = [place for place in self.copies if place[0] == doing.repository]
        for place in here:
            if place not in newer:
                del self.copies[place]
                self.taken_in.pop(place, None)
        for copied in answer.copies:
            if (copied.repository, copied.id) not in newer:
                self.copies[copied.repository, copied.id] = snapshot_of(copied)
        self.listed[doing.repository] = doing.began
        if self.stale.get(doing.repository, doing.began) <= doing.began:
            self.stale.pop(doing.repository, None)

    def _result(self, one: Ended, now: datetime) -> None:
        doing, answer = one.doing, one.answer
        code = one.error.exit_code if one.error else 0
        made = Result(
            code=code,
            ended=now,
            seconds=answer.seconds if answer else 0.0,
            peak=answer.peak if answer else 0,
        )
        copied = {copy.source for copy in answer.copies} if answer else set()
        sources = {doing.source} if doing.source else copied
        if one.error is not None and not doing.source:
            # Of a copy of all sources that failed, all that are meant to be there.
            sources |= {name for name, repository in self.results if repository == doing.repository}
            sources |= {copy.source for copy in self.copies.values()}
        for source in sources:
            self.results[source, doing.repository] = made


def recalled(said: Mapping[str, str], now: datetime) -> Memory:
    """A memory from the notes of who was there before; what cannot be read is as at first."""
    told: dict[str, str] = {}
    try:
        found = json.loads(said.get("told", "{}"))
        told = {str(name): str(text) for name, text in found.items()}
    except (ValueError, AttributeError):
        told = {}
    kept = {
        name: moment
        for name, text in said.items()
        if ":" in name and (moment := _moment(text)) is not None
    }
    return Memory(
        since=_moment(said.get("since", "")) or now,
        digest=_moment(said.get("digest", "")) or now,
        told=told,
        kept=kept,
        rehearsed={
            name.removeprefix(REHEARSED): found
            for name, text in said.items()
            if name.startswith(REHEARSED) and (found := read(text))
        },
    )


def _rehearsal(one: Ended, now: datetime) -> Rehearsal:
    """What a rehearsal came to: as it was followed, or else by what the job says of itself."""
    doing, answer = one.doing, one.answer
    copy = answer.copies[0] if answer and answer.copies else None
    if one.error is not None or answer is None or copy is None:
        why = "; ".join(one.error.lines()[:2]) if one.error else "it gave no answer"
        return Rehearsal(
            at=now, ok=False, repository=doing.repository, server=doing.server, why=why[:WHY]
        )
    return Rehearsal(
        at=now,
        ok=True,
        rto=round(one.seconds if one.seconds is not None else answer.seconds, 1),
        rpo=round(max(0.0, (doing.began - copy.taken).total_seconds()), 1),
        copy_id=copy.id[:12],
        repository=copy.repository,
        server=doing.server,
    )


def _task(doing: Doing) -> str:
    """A job whatever its due time: `backup gibd-postgres nas`, `copy offsite`."""
    words = (doing.work.value, doing.source, doing.repository)
    return " ".join(word for word in words if word)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
