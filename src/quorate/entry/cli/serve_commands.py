"""Command: serve, the controller of backups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.alert_commands import parse_listen

if TYPE_CHECKING:
    from quorate.backup.bundle.archive import Sealed
    from quorate.errors import QuorateError
    from quorate.fleet.model import Fleet, Server
    from quorate.observe.connect import Connections
    from quorate.serving.loop import Settings
    from quorate.serving.swarm import Swarm
    from quorate.tools.docker import DockerClient

PATIENCE_SECONDS = 5.0
VOLUMES_SECONDS = 600.0
"""Between two questions to every server which volumes it has."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("serve")(serve)


def serve(
    fleet: Path = FLEET,
    listen: str | None = typer.Option(
        None,
        "--listen",
        help="Serve /metrics and /healthz at ADDRESS:PORT; 127.0.0.1:9912 when not given.",
    ),
    every: str = typer.Option("15s", "--every", help="Look so often what is due."),
    socket: Path | None = typer.Option(
        None, "--socket", help="The socket of a manager's engine here, in place of ssh."
    ),
    deployed: Path | None = typer.Option(
        None,
        "--deployed",
        help="A directory with the fleet as `quorate up` has deployed it, in place of a fleet "
        "file: so it runs in the swarm.",
    ),
    lab: bool = typer.Option(False, "--lab", help="Work on the lab of this fleet."),
) -> None:
    """Back up, copy off-site, prove and tidy up when it is due, until Ctrl-C or SIGTERM.

    One at a time decides for a swarm; another one waits. Exit code 7: it was taken over.
    """
    from quorate.serving.heartbeat import heartbeat_of
    from quorate.serving.loop import serve as loop
    from quorate.serving.messenger import Post
    from quorate.serving.parts import Parts
    from quorate.serving.swarm import SwarmNotes, SwarmStarter, holding
    from quorate.tools import clock

    settings = _settings(listen, every)
    given = _deployed(deployed) if deployed else _opened(fleet, lab=lab)
    with _swarm(given, socket) as swarm:
        parts = Parts(
            starter=SwarmStarter(swarm),
            sight=swarm,
            notes=SwarmNotes(swarm),
            messenger=Post(given.fleet, _say),
            now=clock.now,
            say=_say,
            heartbeat=heartbeat_of(given.fleet),
            chores={"quiesce": swarm.end_stale_quiesces},
        )
        loop(given.fleet, parts, holding(swarm.manager, given.fleet.name), settings)


@dataclass(frozen=True, kw_only=True)
class _Given:
    """A fleet to decide for; `files`: an archive of its files, where they are here; `bundle`: its
    recovery bundle, encrypted, or why there is none."""

    fleet: Fleet
    encrypt: bool
    files: bytes | None
    bundle: Sealed | QuorateError | None


def _deployed(directory: Path) -> _Given:
    # Nothing of planning is imported: its libraries are not in the image.
    from quorate.backup.services.given import read_bundle, read_given

    fleet, files = read_given(directory)
    return _Given(
        fleet=fleet,
        encrypt=fleet.swarm.encrypt_networks,
        files=files,
        bundle=read_bundle(directory),
    )


def _opened(path: Path, *, lab: bool) -> _Given:
    from quorate.backup.bundle.making import sealed_or_why
    from quorate.backup.jobs.fleetfiles import archive
    from quorate.tools import clock
    from quorate.workflows import open_fleet

    opened = open_fleet(path, lab=lab)
    able = opened.lab is None or opened.lab.features.encrypted_overlay
    encrypt = opened.fleet.swarm.encrypt_networks and able
    return _Given(
        fleet=opened.fleet,
        encrypt=encrypt,
        files=archive(opened.fleet),
        bundle=sealed_or_why(opened.fleet, made=clock.now()),
    )


def _say(text: str) -> None:
    """A line of the log, with the time."""
    from quorate.tools import clock

    typer.echo(f"{clock.now():%Y-%m-%d %H:%M:%S} {text}", err=True)


def _settings(listen: str | None, every: str) -> Settings:
    from quorate.errors import UsageError
    from quorate.fleet.quantities import parse_duration
    from quorate.serving.loop import Settings

    try:
        seconds = parse_duration(every)
    except ValueError as error:
        raise UsageError(f"--every: {error}", todo="write 15s") from None
    if not 1 <= seconds <= 3600:
        raise UsageError(f"--every {every}: from 1s to 1h", todo="write 15s")
    made = Settings(every=seconds, stands=max(Settings().stands, 6 * seconds))
    if listen is None:
        return made
    host, port = parse_listen(listen)
    return replace(made, host=host, port=port)


@contextmanager
def _swarm(given: _Given, socket: Path | None) -> Iterator[Swarm]:
    """The swarm: by an engine beside us, or by any manager over ssh."""
    from quorate.observe.connect import Connections
    from quorate.serving.swarm import Swarm
    from quorate.tools import docker

    if socket is not None:
        client = docker.connect_socket(socket)
        try:
            yield Swarm(
                fleet=given.fleet,
                manager=lambda: client,
                say=_say,
                encrypt=given.encrypt,
                files=given.files,
                bundle=given.bundle,
            )
        finally:
            client.close()
        return
    with Connections(given.fleet, patience=PATIENCE_SECONDS) as connections:

        def manager() -> DockerClient:
            connections.renew()
            return connections.manager().client

        volumes = _volumes(connections)
        yield Swarm(
            fleet=given.fleet,
            manager=manager,
            say=_say,
            encrypt=given.encrypt,
            volumes=volumes,
            files=given.files,
            bundle=given.bundle,
        )


def _volumes(connections: Connections) -> Callable[[], Mapping[str, Collection[str]]]:
    """What asks every server for its volumes now and then, and tells what it was told last."""
    from quorate.tools import clock

    last: float | None = None
    found: Mapping[str, Collection[str]] = {}

    def ask(server: Server, client: DockerClient) -> frozenset[str]:
        del server
        listed = client.api.volumes().get("Volumes") or ()
        return frozenset(str(volume["Name"]) for volume in listed)

    def volumes() -> Mapping[str, Collection[str]]:
        nonlocal last, found
        if last is None or clock.monotonic() - last >= VOLUMES_SECONDS:
            found, last = connections.each(ask).results, clock.monotonic()
        return found

    return volumes
