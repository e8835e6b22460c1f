"""What backup work is begun next: backups, copies, proofs, and what keeps repositories in order.

Values in, values out: from what is known (copies, what runs, what failed) and the time follows
what is due (`duties`), and from that what may begin now. The rules, whatever is known:

1. Never two jobs of one source at once, nor anything beside a job that needs a repository for
   itself.
2. Never more jobs on a server than it may have; of a group, done one after the other, one counts.
3. For one due time a run is begun once; again only after it failed, later each time, and not for
   ever (`runs`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

from quorate.backup.jobs.model import Work
from quorate.backup.model import Snapshot
from quorate.backup.policy.rehearsals import Rehearsals
from quorate.backup.policy.runs import TRIES, Attempt, rests
from quorate.backup.policy.sources import Planned
from quorate.fleet.model import Fleet

PER_SERVER = 2
"""Jobs on one server at once: one that reads and one that waits for the network."""

ALONE = (Work.FORGET, Work.PRUNE, Work.CHECK)
"""restic needs the repository for itself."""

SHOWN = (Work.BACKUP, Work.COPY, Work.PROVE)
"""What repositories show of work that was done."""

OF_ONE_SOURCE = (Work.BACKUP, Work.PROVE, Work.REHEARSE, Work.RESTORE, Work.BACK)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Work that is due. The names are those of `jobs.model.Job`.

    `servers`: where it may run, the preferred first; `server`: where it is begun. `late`: seconds
    since it was due, or since anybody looked. `origin`: the repository that copies come from.
    `group`: what it begins together with, and is done in turn with (`groups`); empty: nothing.
    """

    work: Work
    run: str
    due: datetime
    repository: str
    servers: tuple[str, ...]
    source: str = ""
    origin: str = ""
    snapshot: str = ""
    server: str = ""
    late: float = 0.0
    group: str = ""

    @property
    def words(self) -> str:
        """`backup of gibd-postgres`, `copy from nas to offsite`."""
        match self.work:
            case Work.COPY:
                return f"copy from {self.origin} to {self.repository}"
            case Work.BACKUP:
                return f"backup of {self.source}"
            case Work.PROVE:
                return f"proof of {self.source} in {self.repository}"
            case Work.REHEARSE:
                return f"rehearsal of {self.source} from {self.repository}"
        return f"{self.work} of {self.repository}"


@dataclass(frozen=True, kw_only=True)
class Doing:
    """A job that runs, whoever began it."""

    work: Work
    run: str
    server: str
    repository: str
    began: datetime
    source: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is decided from.

    `snapshots`: every copy in the repositories in `listed`, which says when reading each began;
    `stale` are to be read again. `attempts` by run. `kept`: when each repository was last checked
    and pruned, by `check:NAME` and `prune:NAME`. `rehearsed`: rehearsals by source, the newest
    first. `up`: servers that take jobs. `since`: when whoever decides began to look.
    """

    fleet: Fleet
    planned: tuple[Planned, ...]
    snapshots: tuple[Snapshot, ...]
    listed: Mapping[str, datetime]
    up: frozenset[str]
    zone: tzinfo
    now: datetime
    since: datetime
    stale: frozenset[str] = frozenset()
    running: tuple[Doing, ...] = ()
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    kept: Mapping[str, datetime] = field(default_factory=dict)
    rehearsed: Rehearsals = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What is due and does not begin now, and why, in words."""

    item: Item
    why: str


@dataclass(frozen=True, kw_only=True)
class Agenda:
    """What begins now, and what waits."""

    start: tuple[Item, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def parts(self) -> list[tuple[Item, ...]]:
        """What begins, a group as one."""
        return _parts(self.start)

    @property
    def lag(self) -> float:
        """How late the latest of what waits is, in seconds."""
        return max((one.item.late for one in self.waiting), default=0.0)


def arrange(duties: Iterable[Item], known: Known, *, per_server: int = PER_SERVER) -> Agenda:
    """What of all that is due begins now.

    Args:
        duties: in the order in which they are to begin.
        per_server: jobs at once on a server.
    """
    rooms = _Rooms(known, per_server)
    start: list[Item] = []
    waiting: list[Waiting] = []
    for members in _parts(duties):
        due = []
        for item in members:
            former = known.attempts.get(item.run)
            if former is not None and former.ok and not _came_to_nothing(item, former, known):
                continue
            if why := rests(former, known.now) or rooms.away(item):
                waiting.append(Waiting(item=item, why=why))
            else:
                due.append(item)
        # All that can be done, or none: a group of which a part has to wait is kept still twice.
        if why := next((why for item in due if (why := rooms.refuses(item))), ""):
            waiting += [Waiting(item=item, why=why) for item in due]
            continue
        begun = [replace(item, server=rooms.server_for(item)) for item in due]
        for number, one in enumerate(begun):
            rooms.take(one, alone=one.server not in {other.server for other in begun[:number]})
        start += begun
    return Agenda(start=tuple(start), waiting=tuple(waiting))


def _parts(items: Iterable[Item]) -> list[tuple[Item, ...]]:
    """Items, those of a group together, where the first of them is."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(f"group {item.group}" if item.group else item.run, []).append(item)
    return [tuple(members) for members in found.values()]


def _came_to_nothing(item: Item, former: Attempt, known: Known) -> bool:
    """Whether what went well left nothing that repositories still show: they were lost, or emptied.

    Only what was listed since tells.
    """
    read = known.listed.get(item.repository)
    shown = item.work in SHOWN and read is not None and read > former.ended
    return shown and former.tries < TRIES


def lateness(due: datetime, known: Known) -> float:
    """Seconds since something was due; what was due before anybody looked counts from then."""
    return max((known.now - max(due, known.since)) / timedelta(seconds=1), 0.0)


class _Rooms:
    """Who uses what: filled with what runs, then with what begins."""

    def __init__(self, known: Known, per_server: int) -> None:
        self.up, self.per_server = known.up, per_server
        self.jobs: Counter[str] = Counter()
        self.runs: set[str] = set()
        self.doing: set[tuple[str, ...]] = set()
        self.sources: set[str] = set()
        self.used: set[str] = set()
        self.alone: set[str] = set()
        for one in known.running:
            self.take(one)

    def take(self, one: Item | Doing, *, alone: bool = True) -> None:
        """Count a job in; not `alone`: it is done after another one of its group there."""
        if alone and one.work is not Work.CATALOGUE:  # seconds, and next to nothing
            self.jobs[one.server] += 1
        self.runs.add(one.run)
        self.doing.add(_same(one))
        if one.work in OF_ONE_SOURCE:
            self.sources.add(one.source)
        places = {one.repository, one.origin} - {""}
        self.used |= places
        if one.work in ALONE:
            self.alone |= places

    def away(self, item: Item) -> str:
        """Why it cannot be done at all now, in words; empty when it can: others go without it."""
        if any(name in self.up for name in item.servers):
            return ""
        return f"{', '.join(item.servers) or 'every server'} takes no jobs now"

    def refuses(self, item: Item) -> str:
        """Why it cannot begin now, in words; empty when it can."""
        if item.run in self.runs:
            return "it is going on"
        if _same(item) in self.doing:
            return f"another {item.words} is going on"
        if item.work in OF_ONE_SOURCE and item.source in self.sources:
            return f"another job of {item.source} is going on"
        places = {item.repository, item.origin} - {""}
        taken = places & (self.used if item.work in ALONE else self.alone)
        if taken:
            return f"{', '.join(sorted(taken))} is in use"
        there = [name for name in item.servers if name in self.up]
        if all(self.jobs[name] >= self.per_server for name in there):
            return f"{self.per_server} jobs run on {', '.join(there)}"
        return ""

    def server_for(self, item: Item) -> str:
        """The preferred one with room; what does not depend on the place goes to the idlest."""
        free = [
            name for name in item.servers if name in self.up and self.jobs[name] < self.per_server
        ]
        if item.work is Work.BACKUP:
            return free[0]
        return min(free, key=lambda name: (self.jobs[name], item.servers.index(name)))


def _same(one: Item | Doing) -> tuple[str, ...]:
    """What two jobs have in common of which one is enough at a time."""
    return one.work, one.source, one.repository, one.origin
