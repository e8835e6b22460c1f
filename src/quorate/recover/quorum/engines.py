"""Starting and stopping the Docker engine of a server, and waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.errors import EngineError, QuorateError
from quorate.lab import faults
from quorate.observe.targets import target_of
from quorate.recover.quorum.look import AS_ROOT
from quorate.tools import clock, docker, ssh

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

ANSWER_SECONDS, POLL_SECONDS = 90.0, 0.5
COMMAND_SECONDS = 120.0

START = """
if command -v systemctl > /dev/null 2>&1 && [ -d /run/systemd/system ]; then
    systemctl reset-failed docker.service 2> /dev/null || :
    systemctl start docker.service
else
    service docker start
fi
"""
STOP = """
if command -v systemctl > /dev/null 2>&1 && [ -d /run/systemd/system ]; then
    systemctl stop docker.socket docker.service
else
    service docker stop
fi
"""


def answering(place: Site, server: str) -> DockerClient | None:
    """The engine of a server, None where it does not answer."""
    place.connections.renew([server])
    try:
        client = place.connections.client(server)
        with docker.translated(f"the engine of {server} does not answer"):
            client.ping()
    except QuorateError:
        return None
    return client


def start(place: Site, server: str) -> DockerClient:
    """Start it where it does not answer, and wait until it does.

    Raises:
        UnreachableError, CommandError, LabError: the server, or its service manager.
        EngineError: it does not come up.
    """
    client = answering(place, server)
    if client is not None:
        return client
    if place.lab is not None:
        faults.start_engine(place.lab, server)
    else:
        _as_root(place, server, START)
    return wait(place, server)


def stop(place: Site, server: str) -> None:
    """Stop it, and its containers with it.

    Raises:
        UnreachableError, CommandError, LabError: the server, or its service manager.
    """
    if place.lab is not None:
        faults.stop_engine(place.lab, server)
    else:
        _as_root(place, server, STOP)


def wait(place: Site, server: str) -> DockerClient:
    """The engine, once it answers.

    Raises:
        EngineError: it does not within a minute and a half.
    """
    deadline = clock.monotonic() + ANSWER_SECONDS
    while (client := answering(place, server)) is None:
        if clock.monotonic() > deadline:
            raise EngineError(
                f"the engine of {server} does not answer {ANSWER_SECONDS:.0f} s after its start",
                todo=f"on {server}: `journalctl -u docker -n 50` says why",
            )
        clock.sleep(POLL_SECONDS)
    return client


def _as_root(place: Site, server: str, script: str) -> None:
    target = target_of(place.fleet.server(server))
    ssh.run(target, ["sh", "-c", AS_ROOT], input=f"set -e\n{script}", timeout=COMMAND_SECONDS)
