"""The two services of a move: started, asked, removed.

What they are told is run in their containers, by the engine of their server. It goes on there when
whoever asked is killed; who asks next waits for its end (a lock in the container).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from quorate.backup.jobs import secrets
from quorate.backup.jobs.door import CONFLICT, Door
from quorate.backup.jobs.names import secret_name
from quorate.backup.jobs.needs import Secret
from quorate.backup.jobs.stores import Image, ensure_network
from quorate.backup.services.form import file_of
from quorate.deploy.images import Resolved, look_up
from quorate.deploy.registries import auth_for, credentials
from quorate.errors import EngineError, MachineError, QuorateError
from quorate.image.recipe import image_name
from quorate.recover.moving.answering import read
from quorate.recover.moving.choose import into_primary
from quorate.recover.moving.model import Move, Pair
from quorate.recover.moving.mover import TOLD
from quorate.recover.moving.spec import (
    LABEL,
    PROGRAM,
    SECRET_FILE,
    SERVE,
    WAIT,
    mover_name,
    mover_spec,
)
from quorate.recover.moving.trees import TREE
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

START_SECONDS = 180.0
POLL_SECONDS = 0.3
PLAIN_SECRET = "mover"
STATE = "/run/quorate-mover"
FAILED = ("rejected", "failed")
MOST_FAILURES = 3


@dataclass(frozen=True, kw_only=True)
class Movers:
    """The services that copy, on the fleet that is worked on."""

    place: Site
    move: Move

    def door(self) -> Door:
        """The swarm, asked again while it elects."""
        return Door(self.place.client, self.place.report.note)

    def start(self) -> None:
        """See that all are there and run.

        Raises:
            EngineError: one does not start, with Swarm's words.
        """
        fleet, door = self.place.fleet, self.door()
        able = self.place.lab is None or self.place.lab.features.encrypted_overlay
        ensure_network(
            door,
            self.place.snapshot(),
            fleet=fleet.name,
            encrypt=fleet.swarm.encrypt_networks and able,
        )
        own = Secret(file=SECRET_FILE, name=secret_name(PLAIN_SECRET))
        way = self._way()
        deployed = door.ask(
            "the passwords of a move cannot be put into the swarm",
            lambda client: secrets.ensure(client, fleet, [own, *way]),
        )
        image = door.ask("the image cannot be looked up", self._image)
        for pair in self.move.pairs:
            for side in (SERVE, WAIT):
                following = side == WAIT and self.move.replica is not None
                needed = [own, *way] if following else [own]
                made = mover_spec(
                    self.move.run,
                    pair,
                    side,
                    fleet=fleet.name,
                    image=image.deployed,
                    secrets=[file_of(one, deployed.named, deployed.ids) for one in needed],
                    networks=[self.move.replica.network] if following and self.move.replica else [],
                )
                _create(door, made, image)
        for pair in self.move.pairs:
            for side in (SERVE, WAIT):
                self._wait(door, pair, side)

    def remove(self) -> None:
        """Remove all; those that are gone already are."""
        door = self.door()
        filters = {"label": f"{LABEL}={self.move.run}"}
        listed = door.ask(
            "the services of the move cannot be listed",
            lambda client: client.api.services(filters=filters) or (),
        )
        for raw in listed:
            door.remove(str(raw["ID"]))

    def ask(self, pair: Pair, side: str, verb: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """What one of them answers.

        Raises:
            MachineError: it could not do it, in its words; or it is gone.
        """
        client, container = self._container(pair, side)
        told = {"host": mover_name(self.move.run, pair, SERVE), **told}
        argv = [*PROGRAM, verb, json.dumps(told)]
        code, said = docker.execute(client, container, argv)
        return read(said, code, f"`{verb}` on {pair.source if side == SERVE else pair.target}")

    def trees(self, pair: Pair) -> dict[str, dict[str, str]]:
        """By side: every file of the last tree that was told, and what it is."""
        out = {}
        for side in (SERVE, WAIT):
            client, container = self._container(pair, side)
            with TemporaryDirectory() as made:
                file = Path(made) / "tree"
                docker.take_out(client, container, f"{STATE}/{TOLD}/{TREE}", file)
                lines = json.loads(file.read_text())
            # A name may have a tab, and what the file is has none.
            out[side] = dict(line.rstrip("\n").rsplit("\t", 1) for line in lines)
        return out

    def _way(self) -> tuple[Secret, ...]:
        """The passwords with which a replica gets into its primary; they are kept nowhere."""
        if self.move.replica is None:
            return ()
        service = self.place.fleet.service(self.move.moved[0].service)
        return into_primary(self.place.fleet, self.place.snapshot(), service).opened.secrets

    def _image(self, client: DockerClient) -> Image:
        name, known = image_name(self.place.fleet.backup), credentials(self.place.fleet)
        found = look_up(client, name, known)
        deployed = found.deployed if isinstance(found, Resolved) else name
        return Image(deployed=deployed, auth=auth_for(name, known))

    def _container(self, pair: Pair, side: str) -> tuple[DockerClient, str]:
        """The container of one that runs, and its server's engine."""
        door = self.door()
        name = mover_name(self.move.run, pair, side)
        service = door.service(name)
        tasks = door.tasks([str(service["ID"])])[str(service["ID"])] if service else []
        running = [one for one in tasks if one.state == "running" and one.container_id]
        if not running:
            raise MachineError(
                f"the service {name} does not run",
                cause="its server was lost, or somebody removed it",
                todo="`quorate operations undo` goes back; then move again",
            )
        server = pair.source if side == SERVE else pair.target
        return self.place.engine(server), str(running[-1].container_id)

    def _wait(self, door: Door, pair: Pair, side: str) -> None:
        name = mover_name(self.move.run, pair, side)
        deadline = clock.monotonic() + START_SECONDS
        while True:
            service = door.service(name)
            if service is None:
                raise EngineError(f"the service {name} was removed by somebody")
            tasks = door.tasks([str(service["ID"])])[str(service["ID"])]
            if any(one.state == "running" and one.desired_state == "running" for one in tasks):
                return
            failed = [one for one in tasks if one.state in FAILED]
            if len(failed) >= MOST_FAILURES or clock.monotonic() >= deadline:
                raise _not_started(name, pair.source if side == SERVE else pair.target, tasks)
            clock.sleep(POLL_SECONDS)


def _create(door: Door, made: dict[str, Any], image: Image) -> None:
    def call(client: DockerClient) -> None:
        try:
            docker.create_service(client, made, image.auth)
        except docker.engine_errors() as error:
            if docker.status_of(error) != CONFLICT:  # it is there already
                raise

    door.ask(f"the service {made['Name']} could not be made", call)


def _not_started(name: str, server: str, tasks: list[Any]) -> QuorateError:
    said = [task.error or task.message for task in tasks if task.error or task.message]
    why = said[0] if said else ""
    todo = f"see `docker service ps {name}` on a manager"
    if "bind source path does not exist" in why:
        todo = f"make that directory on {server}"
    elif "No such image" in why:
        todo = "`quorate backup image` says how each server comes by the image"
    return EngineError(f"what copies does not start on {server}", cause=why or None, todo=todo)
