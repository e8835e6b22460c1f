"""Everything of a lab removed, by its label, and nothing else."""

from __future__ import annotations

import logging
from pathlib import Path

from quorate.errors import CommandError, LabError
from quorate.lab.node_options import LABEL_LAB
from quorate.tools import clock, docker

REMOVALS = 5  # attempts for each kind of thing
REMOVAL_PAUSE = 2.0  # seconds between them

log = logging.getLogger(__name__)


def remove(socket: Path, name: str) -> dict[str, int]:
    """Remove every container, network and volume of a lab; how many of each.

    Raises:
        LabError: something would not go.
    """
    containers = _remove(socket, name, "containers", ["ps", "-aq"], ["rm", "-f", "-v"])
    networks = _remove(socket, name, "networks", ["network", "ls", "-q"], ["network", "rm"])
    volumes = _remove(socket, name, "volumes", ["volume", "ls", "-q"], ["volume", "rm", "-f"])
    return {"containers": containers, "networks": networks, "volumes": volumes}


def _remove(socket: Path, name: str, kind: str, listing: list[str], removal: list[str]) -> int:
    """Remove all of a kind, asking again where the engine refuses at first.

    An engine that is busy still counts the endpoints of containers it has just
    removed, and keeps their networks for it: those endpoints are taken off.
    """
    found: set[str] = set()
    for attempt in range(REMOVALS):
        label = f"label={LABEL_LAB}={name}"
        left = docker.cli(socket, *listing, "--filter", label).stdout.split()
        found.update(left)
        if not left:
            break
        try:
            docker.cli(socket, *removal, *left, timeout=180)
            break
        except CommandError as error:
            if attempt + 1 == REMOVALS:
                raise LabError(
                    f"some {kind} of the lab {name} could not be removed",
                    cause=error.cause,
                    todo="run `quorate lab down` again",
                ) from error
            log.debug("%s of the lab %s stay for now: %s", kind, name, error.cause)
        if kind == "networks":
            _take_off_endpoints(socket, left)
        clock.sleep(REMOVAL_PAUSE)
    return len(found)


def _take_off_endpoints(socket: Path, networks: list[str]) -> None:
    shape = "{{range .Containers}}{{.Name}} {{end}}"
    for network in networks:
        inspected = docker.cli(socket, "network", "inspect", "-f", shape, network, check=False)
        for endpoint in inspected.stdout.split() if inspected.ok else ():
            docker.cli(socket, "network", "disconnect", "--force", network, endpoint, check=False)
