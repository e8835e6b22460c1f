"""Quorate's own services made what they are to be: by `quorate up`, beside the stacks.

The stacks come first: a receiver's database must run. What fails is a finding, and is done by the
next `quorate up`; nothing is left half done, since each step looks first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from quorate.backup.jobs import secrets
from quorate.backup.jobs.door import CONFLICT, Door
from quorate.backup.jobs.launch import Launcher
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.secrets import Deployed
from quorate.backup.jobs.stores import Image
from quorate.backup.jobs.watching import Silent
from quorate.backup.services.directory import ensure_directory
from quorate.backup.services.foresee import Own, specs
from quorate.backup.services.form import Spec
from quorate.backup.services.receiver import Receiving, prepare_start
from quorate.backup.services.removing import let_go
from quorate.deploy import images
from quorate.deploy.prepare import Scene
from quorate.deploy.progress import Reporter
from quorate.deploy.registries import auth_for
from quorate.errors import MachineError, QuorateError
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.fleet.own import CONTROLLER
from quorate.observe.snapshot import observe
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@dataclass(kw_only=True)
class _Work:
    """Making it so, on a swarm whose stacks are deployed."""

    scene: Scene
    own: Own
    door: Door
    report: Reporter
    found: list[str] = field(default_factory=list)

    def attempt(self, what: str, step: Callable[[], None]) -> bool:
        """Do a step; one that fails is a finding."""
        try:
            step()
        except QuorateError as error:
            self.found.append(f"{what}: {'; '.join(error.lines())}")
            return False
        return True


def deploy(scene: Scene, own: Own, report: Reporter) -> tuple[str, ...]:
    """Do what `foresee` has found; what could not be done, in words.

    Raises:
        EngineError, MachineError: no manager answers.
    """
    if not own.beside.to_do:
        return ()
    report.phase("deploying the controller and receivers of write-ahead logs")

    def manager() -> DockerClient:
        scene.connections.renew()
        return scene.connections.manager().client

    work = _Work(scene=scene, own=own, door=Door(manager, report.note), report=report)
    for name in own.beside.changes.removed:
        work.attempt(f"{name} is not removed", partial(_let_go, work, name))
    if own.wish is None and not own.receivings:
        return tuple(work.found)
    try:
        _pull(work)
        there = work.door.ask(
            "the secrets of backups cannot be put into the swarm",
            lambda client: secrets.ensure(client, scene.fleet, own.secrets),
        )
    except QuorateError as error:
        return (*work.found, f"backups do not run by themselves: {'; '.join(error.lines())}")
    _put_all(work, there)
    return tuple(work.found)


def _put_all(work: _Work, there: Deployed) -> None:
    touched = work.own.beside.changes.touched
    made = specs(work.scene.fleet, work.own, there.named, there.ids)
    if CONTROLLER in touched and CONTROLLER in made:
        work.attempt("the controller is not deployed", partial(_put, work, made[CONTROLLER]))
    for one in work.own.unready:
        ready = work.attempt(
            f"the write-ahead log of {one.of.source} is not received yet",
            partial(_prepare, work, one, there),
        )
        if ready and one.name in touched:
            work.attempt(f"{one.name} is not deployed", partial(_put, work, made[one.name]))


def _pull(work: _Work) -> None:
    """On every server that may need it: a failover must not depend on a registry."""
    wanted = {work.own.image.deployed: work.own.servers}
    pulled = images.pull(work.scene.connections, wanted, work.scene.known)
    images.raise_failed(pulled.failed)


def _put(work: _Work, spec: Spec) -> None:
    """Create a service, or give the one that is there its new form."""
    name, auth = str(spec["Name"]), work.own.image.auth
    there = work.door.service(name)
    if there is not None:
        identity, version = str(there["ID"]), int(there["Version"]["Index"])
        work.door.ask(
            f"the service {name} could not be updated",
            lambda client: docker.update_service(client, identity, version, spec, auth),
        )
        return

    def create(client: DockerClient) -> None:
        try:
            docker.create_service(client, spec, auth)
        except docker.engine_errors() as error:
            if docker.status_of(error) != CONFLICT:  # an answer that was lost on its way
                raise

    work.door.ask(f"the service {name} could not be made", create)


def _prepare(work: _Work, one: Receiving, there: Deployed) -> None:
    """The directory of the log, and the primary.

    Raises:
        QuorateError: the database does not run, or cannot be made ready.
    """
    client = work.scene.connections.client(one.server)
    ensure_directory(client, work.own.image.deployed, one.of.path)
    snapshot = work.door.ask("the swarm cannot be observed", observe)
    start = prepare_start(
        work.scene.fleet,
        one,
        _database(work, one.host.removeprefix("tasks."), snapshot),
        _node(one.server, snapshot),
        run_key(f"wal/{one.of.source}", clock.now()),
    )
    for line in _run(work, start, there, work.own.image):
        work.report.note(f"{one.of.source}: {line}")


def _run(work: _Work, start: Start, there: Deployed, image: Image) -> tuple[str, ...]:
    """Start a job and follow it to its end; what it has changed."""
    more = [one for one in start.secrets if one.name not in there.named]
    got = work.door.ask(
        "the secrets of backups cannot be put into the swarm",
        lambda client: secrets.ensure(client, work.scene.fleet, more),
    )
    known = Deployed(named={**there.named, **got.named}, ids={**there.ids, **got.ids})
    launcher = Launcher(door=work.door, image=image, secrets=known, watcher=Silent())
    (outcome,) = launcher.run([start])
    if outcome.error is not None:
        raise outcome.error
    return outcome.answer.findings if outcome.answer else ()


def _let_go(work: _Work, name: str) -> None:
    """Remove a service; where it received a log, put its primary back as it was."""
    gone = let_go(work.door, work.scene.fleet, name)
    if gone is not None:
        image = Image(deployed=gone.image, auth=auth_for(gone.image, work.scene.known))
        for line in _run(work, gone.start, Deployed(), image):
            work.report.note(f"{gone.start.job.source}: {line}")


def _database(work: _Work, name: str, snapshot: Snapshot) -> ObservedService:
    live = snapshot.service(name)
    if live is None or not snapshot.running(live):
        raise MachineError(
            f"no task of {name} runs",
            cause="its primary has to be made ready first",
            todo="`quorate up` does it once it runs",
        )
    return live


def _node(server: str, snapshot: Snapshot) -> str:
    for node in snapshot.nodes:
        if node.hostname == server and node.ready and node.availability == "active":
            return node.id
    raise MachineError(
        f"nothing can be started on {server}",
        cause="it is down, or is given no work",
        todo="`quorate status` shows it; bring it back, then `quorate up`",
    )
