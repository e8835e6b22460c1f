"""What backup work is due, from the copies there are and the time. Pure.

Nothing is due because somebody remembers that it was not done, but because the repositories do
not show it: so nothing is forgotten when whoever decides begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import copy_task, proof_task, rehearsal_task, run_key
from quorate.backup.model import Snapshot
from quorate.backup.policy import choices
from quorate.backup.policy.agenda import Agenda, Item, Known, arrange, lateness
from quorate.backup.policy.groups import batches, users_of
from quorate.backup.policy.rehearsals import done_since, rehearsed_sources
from quorate.backup.policy.runs import due_of, expected
from quorate.backup.policy.sources import Planned
from quorate.backup.policy.times import Due, due, last_until
from quorate.fleet.backup import Repository
from quorate.fleet.schedules import Schedule

PROVEN_AGAIN = timedelta(days=7)
"""A copy that still is the newest is proven anew after so long: disks spoil what nobody reads."""

TIDYING = Schedule(every="weekly", day="sunday", at="08:00")
"""When repositories are checked and pruned: ours, after the document's proofs at 06:00."""


def agenda(known: Known) -> Agenda:
    """What begins now, and what is due and waits."""
    return arrange(duties(known), known)


def duties(known: Known) -> tuple[Item, ...]:
    """All that is due, what is to begin first before the rest."""
    look = _Look(known)
    proofs = sorted(look.proofs(), key=lambda pair: pair[0])
    proving = [item for _, item in proofs]
    return (
        *look.catalogues(),
        *look.backups(),
        *look.copies(),
        *proving,
        *look.rehearsals(),
        *look.upkeep(proving),
    )


@dataclass(frozen=True, kw_only=True)
class _Backup:
    """A source that is due; `rank` is how soon it is due again, in seconds."""

    planned: Planned
    moment: datetime
    rank: float


class _Look:
    """One look at all that is known."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.backup = known.fleet.backup
        self.names = tuple(server.name for server in known.fleet.servers)
        self._last: dict[str, datetime | None] = {}
        self.sound = choices.sound_copies(known.snapshots, known.now)

    def catalogues(self) -> Iterator[Item]:
        """Repositories to be listed: each hour, at first, and after what changed them unseen."""
        hour = self.known.now.replace(minute=0, second=0, microsecond=0)
        for one in self.backup.repositories:
            read = self.known.listed.get(one.name)
            if read is None or read < hour or one.name in self.known.stale:
                # When it was read last is in the key: each reading is a run of its own.
                moment = max(read, hour) if read else hour
                yield self._item(Work.CATALOGUE, f"catalogue:{one.name}", moment, one)

    def backups(self) -> Iterator[Item]:
        """Sources that are due; a group together, what comes round oftenest first."""
        found = [one for planned in self.known.planned if (one := self._backup(planned))]

        def together(one: _Backup) -> tuple[float, datetime, str]:
            return one.rank, one.moment, one.planned.source.group or one.planned.source.id

        groups = self._groups([one.planned for one in found])
        for one in sorted(found, key=together):
            source, home = one.planned.source, one.planned.repository
            if home is not None:
                # The repository was chosen to lie elsewhere than on the first of its servers.
                servers = source.servers[:1] or self._managers()
                item = self._item(
                    Work.BACKUP, source.id, one.moment, home, source=source.id, servers=servers
                )
                yield replace(item, group=groups.get(source.id, ""))

    def _groups(self, due: Sequence[Planned]) -> dict[str, str]:
        """The sources that are due together, by their group's name."""
        if len(due) < 2:
            return {}
        policies = {one.source.id: one.policy for one in due if one.policy is not None}
        made = batches([one.source for one in due], policies, users_of(self.known.fleet))
        return {
            source.id: batch.name
            for batch in made
            if len(batch.sources) > 1
            for source in batch.sources
        }

    def copies(self) -> Iterator[Item]:
        """From each repository to each other one, when the newest copies are not there."""
        moment = self._last_until(self.backup.copying.schedule)
        if moment is None:
            return
        for target in self.backup.copies:
            meant = [planned for planned in self.known.planned if target in planned.copies]
            for name in sorted(choices.lacking(self.sound, meant, target.name, moment)):
                if {name, target.name} <= self.known.listed.keys():
                    what = copy_task(name, target.name)
                    origin = self.backup.repository(name)
                    servers = choices.copying_servers(self.known.fleet, origin, target)
                    yield self._item(Work.COPY, what, moment, target, origin=name, servers=servers)

    def proofs(self) -> Iterator[tuple[tuple[float, str], Item]]:
        """Copies to be proven; with what they are sorted by, the longest unproven first."""
        moment = self._last_until(self.backup.proving.schedule)
        if moment is None:
            return
        for planned in self.known.planned:
            for repository in planned.repositories:
                mine = choices.in_repository(self.sound, planned.source.id, repository.name)
                there = [one for one in mine if one.received <= moment]
                if there and self._to_prove(there[-1], moment):
                    times = [one.proof.at.timestamp() for one in mine if one.proof]
                    item = self._proof(planned, there[-1], repository, moment)
                    yield (max(times, default=0.0), item.run), item

    def rehearsals(self) -> Iterator[Item]:
        """Recoveries to be rehearsed, each with the copy that a recovery would take now."""
        wish, known = self.backup.rehearsing, self.known
        moment = self._last_until(wish.schedule)
        if moment is None:
            return
        for planned in rehearsed_sources(known.fleet, known.planned):
            source = planned.source
            if done_since(known.rehearsed.get(source.id, ()), moment, known.now):
                continue
            home = source.servers[:1]
            near = [one.name for one in self.backup.repositories if choices.beside(one) == home]
            found = choices.recovery_copies(self.sound.get(source.id, ()), near)
            if found and found[0].repository in known.listed:
                copy = found[0]
                yield self._item(
                    Work.REHEARSE,
                    rehearsal_task(source.id),
                    moment,
                    self.backup.repository(copy.repository),
                    source=source.id,
                    snapshot=copy.id,
                    servers=choices.trying_servers(known.fleet, wish.servers, copy, source),
                )

    def upkeep(self, proofs: Sequence[Item]) -> Iterator[Item]:
        """Checks, retention and pruning, each after what has to be before it."""
        for one in self.backup.repositories:
            if one.name not in self.known.listed:
                continue
            yield from self._tidying(Work.CHECK, one)
            if one.append_only and one.place != "local":
                continue  # the far side lets nobody delete
            yield from self._forget(one, proofs)
            yield from self._tidying(Work.PRUNE, one)

    def _backup(self, planned: Planned) -> _Backup | None:
        policy, home = planned.policy, planned.repository
        if policy is None or home is None or home.name not in self.known.listed:
            return None
        made = [one for one in self.sound.get(planned.source.id, ()) if one.original is None]
        runs = [self._run_at(one) for one in made]
        # Whether it goes on is `arrange`'s: here it would hide that the next one waits.
        found = due(policy.schedule, self.known.zone, runs=runs, running=None, now=self.known.now)
        if not found.due or found.planned is None:
            return None
        return _Backup(planned=planned, moment=found.planned, rank=_rank(found))

    def _run_at(self, copy: Snapshot) -> datetime:
        """When a copy's run began; its server's clock may be behind the time that it was for."""
        planned_for = due_of(copy.run)
        if planned_for is None or planned_for > self.known.now:
            return copy.taken
        return max(copy.taken, planned_for)

    def _to_prove(self, copy: Snapshot, moment: datetime) -> bool:
        proof = copy.proof
        if proof is None:
            return True
        if proof.ok:
            return moment - proof.at >= PROVEN_AGAIN
        return proof.at < moment

    def _proof(
        self, planned: Planned, copy: Snapshot, repository: Repository, moment: datetime
    ) -> Item:
        """On another server than the source's, where there is one that may be used."""
        return self._item(
            Work.PROVE,
            proof_task(repository.name, copy.id),
            moment,
            repository,
            source=copy.source,
            snapshot=copy.id,
            servers=choices.proving_servers(self.known.fleet, copy, planned.source),
        )

    def _forget(self, repository: Repository, proofs: Sequence[Item]) -> Iterator[Item]:
        """When retention lets anything go, once after the proofs of each proving time."""
        moment = self._last_until(self.backup.proving.schedule)
        if moment is None or any(self._may_come(one, repository) for one in proofs):
            return
        item = self._item(Work.FORGET, f"forget:{repository.name}", moment, repository)
        known = self.known
        kept = choices.kept(known.planned, known.snapshots, repository.name, known.zone, known.now)
        if any(decision.forgotten for decision in kept.values()):
            yield item

    def _may_come(self, proof: Item, repository: Repository) -> bool:
        """Whether a proof in the repository is still to be expected."""
        attempt = self.known.attempts.get(proof.run)
        return proof.repository == repository.name and expected(attempt)

    def _tidying(self, work: Work, repository: Repository) -> Iterator[Item]:
        """Once a week where there is anything; pruning only what was found whole."""
        moment = self._last_until(TIDYING)
        if moment is None or not any(
            one.repository == repository.name for one in self.known.snapshots
        ):
            return
        name = f"{work}:{repository.name}"
        if (last := self.known.kept.get(name)) is not None and last >= moment:
            return
        checked = self.known.kept.get(f"{Work.CHECK}:{repository.name}")
        if work is Work.PRUNE and (checked is None or checked < moment):
            return
        yield self._item(work, name, moment, repository)

    def _item(
        self,
        work: Work,
        what: str,
        moment: datetime,
        repository: Repository,
        *,
        servers: Iterable[str] | None = None,
        source: str = "",
        origin: str = "",
        snapshot: str = "",
    ) -> Item:
        where = tuple(servers) if servers is not None else choices.beside(repository) or self.names
        return Item(
            work=work,
            run=run_key(what, moment),
            due=moment,
            repository=repository.name,
            servers=where,
            source=source,
            origin=origin,
            snapshot=snapshot,
            late=lateness(moment, self.known),
        )

    def _managers(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.known.fleet.managers)

    def _last_until(self, schedule: Schedule) -> datetime | None:
        if schedule.fields not in self._last:
            self._last[schedule.fields] = last_until(schedule, self.known.zone, self.known.now)
        return self._last[schedule.fields]


def _rank(found: Due) -> float:
    if found.planned is None or found.next is None:
        return float("inf")
    return (found.next - found.planned).total_seconds()
