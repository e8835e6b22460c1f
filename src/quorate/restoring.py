"""Copies brought back by jobs of a swarm that has just been mended or made: each to its place.

What `quorate recover server` and `quorate recover fleet` have in common. Each looks first, and may
run twice after a kill.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quorate import backing
from quorate.backup.jobs import decide, orders, ways
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.decide_restore import LOG
from quorate.backup.jobs.making import forget_note
from quorate.backup.jobs.model import HOST, Mounted, Work
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Mount, Start
from quorate.backup.jobs.running import Ground, Round, run
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Followed, Outcome
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind, Source
from quorate.deploy import images
from quorate.deploy.facts import gather_facts
from quorate.deploy.registries import credentials
from quorate.errors import CommandError, EngineError, MachineError, QuorateError, RefusedError
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet, Server
from quorate.image.recipe import image_name
from quorate.observe.targets import target_of
from quorate.recover.membership.model import Machine as Host
from quorate.recover.quorum.look import AS_ROOT
from quorate.recover.server.lost import Log, Lost
from quorate.recover.server.sight import Machine
from quorate.tools import ssh

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

TARGET = "/target"
"""Where the volume that is restored into is mounted in the job."""
SSH_SECONDS = 20.0
OVER = (Kind.POSTGRES, Kind.MARIADB, Kind.REDIS)
"""Restored over what is in them, where they are not empty: a try that was killed left that."""
OCCUPIED = r"""
for place; do
  if [ -d "$place" ] && [ -r "$place" ]; then
    ls -A "$place" | grep -qv '^\.quorate-restore-' || continue
  elif [ ! -e "$place" ]; then
    continue
  fi
  printf '%s\n' "$place"
done
"""
"""Which paths something is in, or may be: what a restore has kept there is nobody's data."""


@dataclass(frozen=True, kw_only=True)
class Restorer:
    """Brings copies back into a fleet. `begun`: when the operation was: it is in the jobs' keys."""

    fleet: Fleet
    begun: datetime
    note: Callable[[str], None]

    def restore(self, ground: Ground, lost: Lost, server: str) -> Lost:
        """One copy goes to where it lived, on this server; the job compares it with its manifest.

        Returns:
            What was brought back: without its log, where only its copy could be had.

        Raises:
            QuorateError: what stood in the way of the job, or what it ended with.
        """
        came = [lost]
        self.restore_all(ground, {server: (lost,)}, came.append)
        return came[-1]

    def restore_all(
        self,
        ground: Ground,
        lost: Mapping[str, Sequence[Lost]],
        done: Callable[[Lost], None],
    ) -> None:
        """Copies go to where they lived, side by side on servers, in turn on each of them.

        A database that a killed try has left something in is restored over that. An image whose
        name another one has there is not loaded, and told.

        Args:
            lost: by the server that they go to.
            done: told of each that is there, and was compared with its manifest.

        Raises:
            QuorateError: what stood in the way of a job, or what the first one ended with that
                failed; the others were followed to their ends.
        """
        pairs = [(server, one) for server, mine in lost.items() for one in mine]
        first = self._round(ground, pairs, done)
        found = {(job.server, job.source): error for job, error in first.items()}
        again = [
            (server, one)
            for server, one in pairs
            if one.kind in OVER and isinstance(found.get(_job_of(server, one)), RefusedError)
        ]
        for server, one in again:
            error = found.pop(_job_of(server, one))
            self.note(f"{one.source}: {error.what}; restoring over it")
        second = self._round(ground, again, done, ":again") if again else {}
        found |= {(job.server, job.source): error for job, error in second.items()}
        self._from_copies(ground, pairs, found, done)
        for server, one in pairs:
            taken = found.get(_job_of(server, one))
            if one.kind is Kind.IMAGES and isinstance(taken, RefusedError):
                # A server that lives may have a newer one: it stays, and the rest goes on.
                del found[_job_of(server, one)]
                self.note(f"{one.source}: {taken.what}")
                done(one)
        for error in found.values():
            raise error

    def _from_copies(
        self,
        ground: Ground,
        pairs: Sequence[tuple[str, Lost]],
        found: dict[tuple[str, str], QuorateError],
        done: Callable[[Lost], None],
    ) -> None:
        """What could not be had out of its write-ahead log comes from its copy, if it has one."""
        for server, one in pairs:
            if one.log is None or one.copy_used is None or _job_of(server, one) not in found:
                continue
            error = found.pop(_job_of(server, one))
            why = f"{error.what} ({error.cause})" if error.cause else error.what
            self.note(f"{one.source}: not out of its log: {why}; from its copy instead")
            plain = one.model_copy(update={"log": None})
            self.restore_all(ground, {server: (plain,)}, done)

    def make(self, ground: Ground, repository: Repository, like: Repository | None = None) -> None:
        """An empty repository whose former place is gone; its directory has to be there.

        Args:
            like: the one whose chunks it has, so that copies of it take no room twice.

        Raises:
            QuorateError: what stood in the way of the job, or what it ended with.
        """
        forget_note(ground.door, repository)
        found = self.fleet.backup.repository(repository.name)
        require(run(ground, decide.creations(ground.scene, [found], due=self.begun, like=like)))

    def fill(self, ground: Ground, repository: str, server: str) -> None:
        """Copies that others have go into a repository that was made anew.

        Raises:
            QuorateError: what stood in the way of the job, or what it ended with.
        """
        known = backing.read(ground)
        counts = {
            one.name: sum(c.repository == one.name and c.complete for c in known.snapshots)
            for one in self.fleet.backup.repositories
            if one.name != repository
        }
        origin = max(counts, key=lambda name: counts[name])
        if not counts[origin]:
            self.note(f"no other repository has a copy to fill {repository} with")
            return
        due = run_key(f"refill:{origin}>{repository}", self.begun)
        start = orders.copy_start(ground.scene, origin, repository, server=server, run=due)
        require(run(ground, _one(start)))

    def _round(
        self,
        ground: Ground,
        pairs: Sequence[tuple[str, Lost]],
        done: Callable[[Lost], None],
        turn: str = "",
    ) -> dict[Begun, QuorateError]:
        """One job for each; what those that failed ended with."""
        of = {_job_of(server, one): one for server, one in pairs}

        def over(outcome: Outcome) -> None:
            job = outcome.job
            if outcome.error is None and job.work == Work.RESTORE:
                for text in outcome.answer.findings if outcome.answer else ():
                    self.note(f"{job.source}: {text}")
                done(of[job.server, job.source])

        starts = tuple(self._one_start(ground.scene, one, server, turn) for server, one in pairs)
        watcher = Followed(ground.watcher, over)
        came = run(replace(ground, watcher=watcher), Decision(starts=starts))
        for refused in came.refused:
            raise refused.error
        return {one.job: one.error for one in came.outcomes if one.error is not None}

    def _one_start(self, scene: Scene, lost: Lost, server: str, turn: str) -> Start:
        if lost.kind is Kind.VOLUME:
            return self._into_volumes(scene, lost, server)
        if lost.kind is Kind.IMAGES:
            return ways.with_engine(self._start(scene, lost, server, {}))
        if lost.kind is Kind.GITLAB:
            return self._into_gitlab(scene, lost, server)
        if lost.log is not None:
            return self._out_of_log(scene, lost, lost.log, server, turn)
        return self._into_database(scene, lost, server, turn)

    def _told(self, lost: Lost) -> dict[str, Any]:
        assert lost.copy_used is not None
        return {"source": lost.source, "kind": lost.kind, "snapshot": lost.copy_used.id}

    def _start(
        self, scene: Scene, lost: Lost, server: str, told: Mapping[str, Any], turn: str = ""
    ) -> Start:
        assert lost.copy_used is not None
        key = run_key(f"recover:{lost.source}{turn}>{server}", self.begun)
        return orders.restore_start(
            scene,
            lost.copy_used.repository,
            server=server,
            run=key,
            told={**self._told(lost), **told},
        )

    def _into_volumes(self, scene: Scene, lost: Lost, server: str) -> Start:
        """Over what an earlier try has left: the machine had no such volume when it was chosen.

        What is in a directory of the server is kept beside it, whoever has put it there since.
        """
        (volume,) = lost.volumes
        bind = volume.startswith("/")
        path = f"{HOST}{volume}" if bind else TARGET
        mount = Mount(
            source="/" if bind else volume, target=HOST if bind else TARGET, volume=not bind
        )
        told: dict[str, Any] = {"in_place": True, "target_path": path}
        if bind:
            told["aside"] = f"{self.begun:%Y%m%d_%H%M%S}"
            told["volumes"] = (Mounted(name=volume, path=path),)
        start = self._start(scene, lost, server, told)
        return replace(start, mounts=(*start.mounts, mount))

    def _into_gitlab(self, scene: Scene, lost: Lost, server: str) -> Start:
        service = self.fleet.service(lost.service)
        told = {"in_place": True, "container": ways.pattern(service)}
        return ways.into_gitlab(service, self._start(scene, lost, server, told))

    def _into_database(self, scene: Scene, lost: Lost, server: str, turn: str) -> Start:
        """Into the empty server, roles and all; in its next turn over what is in it."""
        source = Source(id=lost.source, kind=lost.kind, service=lost.service)
        way = ways.into_database(scene, source, self.fleet.service(lost.service), server)
        reach = way.opened.reach
        told = {"reach": reach, "in_place": True} if turn else {"target": reach}
        return way.added_to(self._start(scene, lost, server, told, turn))

    def _out_of_log(self, scene: Scene, lost: Lost, log: Log, server: str, turn: str) -> Start:
        """The same with what its write-ahead log has, by a job on the server where that lies."""
        source = Source(id=lost.source, kind=lost.kind, service=lost.service)
        way = ways.into_database(scene, source, self.fleet.service(lost.service), server)
        reach = way.opened.reach
        start = orders.restore_start(
            scene,
            self.fleet.backup.repositories[0].name,  # no use is made of it
            server=log.server,
            run=run_key(f"recover:{lost.source}:log{turn}>{server}", self.begun),
            told={
                "source": lost.source,
                "kind": lost.kind,
                "given": LOG,
                "deadline": orders.LONG_SECONDS,
                **({"reach": reach, "in_place": True} if turn else {"target": reach}),
            },
        )
        start = way.added_to(start)
        return replace(start, mounts=(*start.mounts, Mount(source=log.path, target=LOG)))


def _job_of(server: str, lost: Lost) -> tuple[str, str]:
    """The server and source of the job that brings something back."""
    return (lost.log.server if lost.log is not None else server, lost.source)


def require(came: Round) -> None:
    """Raises what stood in the way of a job, or what it ended with."""
    for refused in came.refused:
        raise refused.error
    for outcome in came.outcomes:
        if outcome.error is not None:
            raise outcome.error


def have_image(place: Site, servers: Sequence[str], todo: str) -> None:
    """Servers have Quorate's own image, which jobs run from: pulled where it is missing, or copied
    from a server that has it, where no registry does.

    Args:
        todo: what to do where it cannot be had.

    Raises:
        EngineError: neither a registry nor a server has it; or it could not be had from there.
    """
    manager = place.manager()
    name, known = image_name(place.fleet.backup), credentials(place.fleet)
    there = tuple(servers)
    try:
        found = images.resolve(place.connections, manager.client, {name: there}, known)
    except EngineError as error:
        try:
            if images.hand_over(place.connections, name, there, place.report.note):
                return
        except EngineError as broken:
            raise EngineError(broken.what, cause=broken.cause, todo=todo) from broken
        raise EngineError(error.what, cause=error.cause, todo=todo) from error
    pulled = images.pull(place.connections, {found[name].deployed: there}, known)
    images.raise_failed(pulled.failed)


def directory(server: Server, path: str) -> None:
    """See that a repository's directory is there, private to root.

    Raises:
        UnreachableError: the server does not answer. MachineError: it cannot be made.
    """
    target = target_of(server)
    script = 'test -d "$1" || mkdir -m 700 -p "$1" 2>/dev/null || sudo -n mkdir -m 700 -p "$1"'
    try:
        ssh.run(target, ["sh", "-c", script, "sh", path], timeout=SSH_SECONDS)
    except CommandError as error:
        raise MachineError(
            f"the directory {path} could not be made on {server.name}",
            cause=error.cause,
            todo=f"make it there: `mkdir -m 700 -p {path}`, then `quorate operations resume`",
        ) from error


def occupied(server: Server, paths: Iterable[str]) -> frozenset[str]:
    """Which of these paths on a server have something in them, or cannot be looked into.

    Raises:
        UnreachableError: the server does not answer. CommandError: it cannot be asked.
    """
    wanted = " ".join(shlex.quote(path) for path in sorted(set(paths)))
    if not wanted:
        return frozenset()
    script = f"set -- {wanted}\n{OCCUPIED}"
    argv = ["sh", "-c", AS_ROOT]
    said = ssh.run(target_of(server), argv, input=script, timeout=SSH_SECONDS).stdout
    return frozenset(said.splitlines())


def _one(start: Start) -> Decision:
    return Decision(starts=(start,))


def machine_of(server: Server, client: DockerClient) -> Machine:
    """What the engine of a replacement tells of its machine."""
    facts = gather_facts(server, client)
    listed = client.api.volumes().get("Volumes") or ()
    return Machine(
        node=facts.swarm.node_id,
        memory=facts.memory,
        disk=facts.disk_free,
        host_name=facts.host_name,
        volumes=frozenset(str(volume["Name"]) for volume in listed),
    )


def as_engine(host: Host) -> Machine:
    """What the engine of a bare machine will tell, once it has one."""
    return Machine(memory=host.memory or 0, disk=host.disk, host_name=host.host_name)
