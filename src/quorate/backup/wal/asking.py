"""How the fleet's write-ahead logs are received, as their receivers say: through their engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from quorate.backup.jobs.names import receiver_name
from quorate.backup.policy.strays import Stored
from quorate.backup.policy.wal import Receiver
from quorate.backup.wal import standing
from quorate.backup.wal.config import Places
from quorate.backup.wal.model import HOME, Health
from quorate.backup.wal.standing import Log
from quorate.fleet.model import Server
from quorate.observe.connect import Connections
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

SERVICE = "com.docker.swarm.service.name"
"""The label that Swarm gives each container of a service."""


def logs(
    connections: Connections,
    wanted: Sequence[Receiver],
    stored: Mapping[str, Stored],
    now: datetime,
) -> tuple[Log, ...]:
    """How each of these logs is received; those of a server that does not answer are not told.

    Args:
        stored: what each server that answers has; its containers say which receivers run.
    """
    there = [one for one in wanted if one.server in stored]
    names = {one.server for one in there if one.server is not None}

    def ask(server: Server, client: DockerClient) -> list[Log]:
        mine = [one for one in there if one.server == server.name]
        return [_log(client, one, stored[server.name], now) for one in mine]

    found = {
        one.source: one for heard in connections.each(ask, names).results.values() for one in heard
    }
    nowhere = "there is no server but the database's own"
    for one in wanted:
        if one.server is None:
            found[one.source] = standing.unheard(one, standing.NOWHERE, nowhere)
    return tuple(found[one.source] for one in wanted if one.source in found)


def _log(client: DockerClient, one: Receiver, stored: Stored, now: datetime) -> Log:
    name = receiver_name(one.source)
    running = [
        each.id
        for each in stored.containers
        if each.labels.get(SERVICE) == name and each.state == "running"
    ]
    if not running:
        why = f"no container of {name} runs on {one.server}"
        return standing.unheard(one, standing.GONE, why)
    file = str(Places(home=Path(HOME)).health)
    code, text = docker.execute(client, running[0], ["cat", file])
    if code == 0:
        try:
            return standing.heard(one, Health.model_validate_json(text), now=now)
        except ValidationError:
            text = "it is of another version of Quorate"
    words = text.strip().splitlines()
    why = f"{file} cannot be read in {name}: {words[-1] if words else f'exit code {code}'}"
    return standing.unheard(one, standing.SILENT, why)
