"""The controller's world as it is: the swarm, by the engine beside it or over ssh.

Jobs are followed by threads, one each, as `quorate backup run` follows them. Whoever kills the
controller loses only those: the jobs go on, and the next controller finds them by their labels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from quorate.backup import quiesce
from quorate.backup.bundle.archive import Sealed
from quorate.backup.jobs import leftovers, running
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome, Silent
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.agenda import Doing, Item
from quorate.backup.policy.wal import receivers
from quorate.backup.wal import hearing
from quorate.backup.wal.standing import Log
from quorate.deploy import lock
from quorate.deploy.registries import credentials
from quorate.errors import EngineError, QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.own import LOCK, NOTES
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.serving.loop import Check, Hold, Say
from quorate.serving.parts import Ended, Looked, Seen
from quorate.serving.starts import start_for
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LASTS_SECONDS, RENEW_SECONDS = 30.0, 10.0
"""The lock may be taken over half a minute after its holder's power was cut."""
CONFLICT = 409
LOGS_SECONDS = 60.0
"""Between two looks at how write-ahead logs are received: their receivers say it as often."""

Volumes = Callable[[], Mapping[str, Collection[str]]]


@dataclass
class Swarm:
    """What is seen of a fleet's swarm: a `Sight`.

    `manager` gives a manager that answers; `volumes` asks servers for theirs, where they can be.
    `files`: an archive of the fleet's own files, `bundle`: its recovery bundle, encrypted; None:
    they are not here.
    """

    fleet: Fleet
    manager: Callable[[], DockerClient]
    say: Say
    encrypt: bool = True
    volumes: Volumes = dict
    files: bytes | None = field(default=None, repr=False)
    bundle: Sealed | QuorateError | None = field(default=None, repr=False)
    scene: Scene | None = field(default=None, init=False)
    begun: dict[str, Doing] = field(default_factory=dict, init=False)
    _logs: tuple[Log, ...] = field(default=(), init=False)
    _heard: float | None = field(default=None, init=False)

    def look(self) -> Seen:
        """Servers, services and volumes as they are now."""
        snapshot = observe(self.manager())
        self.scene = Scene(fleet=self.fleet, snapshot=snapshot, volumes=self.volumes(),
                           files=self.files, bundle=self.bundle)  # fmt: skip
        able = [one for one in snapshot.nodes if one.ready and one.availability == "active"]
        homes = where_now(self.fleet, snapshot)
        if self._heard is None or clock.monotonic() - self._heard >= LOGS_SECONDS:
            wanted = receivers(self.fleet, homes)
            self._logs = hearing.logs(self.door(), snapshot, wanted, clock.now())
            self._heard = clock.monotonic()
        return Seen(
            up=frozenset(one.hostname for one in able),
            homes=homes,
            volumes=self.scene.volumes,
            logs=self._logs,
        )

    def ground(self) -> Ground:
        """What jobs are started on.

        Raises:
            EngineError: nobody has looked yet.
        """
        if self.scene is None:
            raise EngineError("nothing was seen of the swarm yet")
        return Ground(
            scene=self.scene,
            door=self.door(),
            watcher=Silent(),
            # Nothing begins in a repository before it was listed, and what is not there cannot be.
            makes=(*running.WRITING, Work.CATALOGUE),
            encrypt=self.encrypt,
            known=credentials(self.fleet),
        )

    def door(self) -> Door:
        return Door(self.manager, self.say)

    def end_stale_quiesces(self) -> Sequence[str]:
        """Let services run again that a dead backup keeps still: a `Chore`."""
        door = self.door()

        def active() -> Collection[str]:
            # What is begun here may have no job yet: it is let go by who follows it.
            return [*self.begun, *(one.run for one in door.jobs(self.fleet.name))]

        found = quiesce.converge(self.manager(), active)
        return [f"{one.name} runs again: {one.why}" for one in found]


class SwarmStarter:
    """Starts jobs as services and follows them: a `Starter`."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self._mine = swarm.begun
        self._ended: SimpleQueue[Ended] = SimpleQueue()

    def start(self, item: Item) -> None:
        """Put a job together, and have a thread start it and follow it to its end."""
        ground = self.swarm.ground()
        self._begin(ground, [self._put_together(ground, item)])

    def start_together(self, items: Sequence[Item]) -> None:
        """The same for a group, by one thread; what cannot be put together has ended."""
        ground = self.swarm.ground()
        jobs = []
        for item in items:
            try:
                jobs.append(self._put_together(ground, item))
            except QuorateError as error:
                self._ended.put(Ended(doing=_of_item(ground, item), error=error))
        if jobs:
            self._begin(ground, jobs)

    def _put_together(self, ground: Ground, item: Item) -> tuple[Start, Doing]:
        start = start_for(ground.scene, item)
        doing = replace(
            _of_item(ground, item), server=start.job.server, repository=start.job.repository.name
        )
        return start, doing

    def _begin(self, ground: Ground, jobs: Sequence[tuple[Start, Doing]]) -> None:
        self._mine |= {doing.run: doing for _, doing in jobs}
        follow = threading.Thread(target=self._follow, args=(ground, jobs), daemon=True)
        follow.start()

    def look(self) -> Looked:
        """All jobs there are; the ends of those that were followed, and of those nobody follows."""
        swept = leftovers.sweep(self.swarm.door(), self.swarm.fleet.name)
        ended = [*self._taken(), *(_ended(one) for one in swept.ended)]
        for one in ended:
            self._mine.pop(one.doing.run, None)
        others = {one.run: _doing(one) for one in swept.going if _known(one.work)}
        running = {**others, **self._mine}
        return Looked(running=tuple(running.values()), ended=tuple(ended))

    def _follow(self, ground: Ground, jobs: Sequence[tuple[Start, Doing]]) -> None:
        doings = [doing for _, doing in jobs]
        # Of several, one is done after the other: what each took is then not known.
        began = clock.monotonic() if len(jobs) == 1 else None
        try:
            came = running.run(ground, Decision(starts=tuple(start for start, _ in jobs)))
        except QuorateError as error:
            for doing in doings:
                self._ended.put(Ended(doing=doing, error=error))
            return
        except BaseException:  # its traceback is written by the thread's own end
            for doing in doings:
                why = f"a defect: the {_words(doing)} is followed no more"
                self._ended.put(Ended(doing=doing, error=QuorateError(why)))
            raise
        for refused in came.refused:
            self._ended.put(Ended(doing=_among(doings, refused.what), error=refused.error))
        for outcome in came.outcomes:
            doing = _among(doings, outcome.job.source)
            took = clock.monotonic() - began if began is not None else None
            self._ended.put(
                Ended(doing=doing, answer=outcome.answer, error=outcome.error, seconds=took)
            )
        for earlier in came.earlier:
            self._ended.put(_ended(earlier))

    def _taken(self) -> Iterator[Ended]:
        while True:
            try:
                yield self._ended.get_nowait()
            except Empty:
                return


class SwarmNotes:
    """Notes as labels of a config of their own: `Notes`."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm

    def load(self) -> Mapping[str, str]:
        """What was saved last."""
        found = self._config()
        return dict(found["Spec"].get("Labels") or {}) if found else {}

    def save(self, said: Mapping[str, str]) -> None:
        """Keep these."""
        client = self.swarm.manager()
        with docker.translated("the controller's notes cannot be kept"):
            found = self._config()
            if found:
                docker.update_config_labels(client, found["ID"], said)
            else:
                client.api.create_config(NOTES, b"notes", labels=dict(said))

    def _config(self) -> Mapping[str, Any] | None:
        with docker.translated("the controller's notes cannot be read"):
            for raw in self.swarm.manager().api.configs(filters={"name": NOTES}) or ():
                if (raw.get("Spec") or {}).get("Name") == NOTES:
                    return dict(raw)
        return None


def holding(manager: Callable[[], DockerClient], fleet: str) -> Hold:
    """What waits until no other controller decides for the swarm, and then holds its lock."""

    @contextmanager
    def hold(say: Say) -> Iterator[Check]:
        settings = lock.Settings(
            wait=float("inf"), say=say, name=LOCK, lasts=LASTS_SECONDS, renew=RENEW_SECONDS
        )
        with lock.hold(manager, what=f"serve {fleet}", settings=settings) as held:
            yield held.check

    return hold


def _words(doing: Doing) -> str:
    """`backup of gibd-postgres`."""
    return f"{doing.work} of {doing.source or doing.repository}"


def _of_item(ground: Ground, item: Item) -> Doing:
    return Doing(
        work=item.work,
        run=item.run,
        server=item.server,
        repository=item.repository,
        source=item.source,
        origin=item.origin,
        began=ground.scene.snapshot.taken_at,
    )


def _among(doings: Sequence[Doing], source: str) -> Doing:
    """The one of a source; one that is alone may be called otherwise."""
    return next((one for one in doings if one.source == source), doings[0])


def _known(work: str) -> bool:
    return work in {one.value for one in Work}


def _doing(job: Begun) -> Doing:
    return Doing(
        work=Work(job.work),
        run=job.run,
        server=job.server,
        repository=job.repository,
        source=job.source,
        began=job.started,
    )


def _ended(outcome: Outcome) -> Ended:
    return Ended(doing=_doing(outcome.job), answer=outcome.answer, error=outcome.error)
