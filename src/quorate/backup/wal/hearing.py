"""How the fleet's write-ahead logs are received, as managers know it: for the controller.

It reaches a manager's engine and no other one, so it reads what a receiver says in its service's
log; `wal.asking` asks through the engine of the receiver's own server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import ValidationError

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.names import receiver_name
from quorate.backup.policy.wal import Receiver
from quorate.backup.wal import standing
from quorate.backup.wal.model import Health
from quorate.backup.wal.standing import Log
from quorate.errors import QuorateError
from quorate.fleet.observed import Snapshot
from quorate.tools import parallel

LINES = 5
"""Of each task that there was; the last one is from a minute ago at most."""


def logs(
    door: Door, snapshot: Snapshot, wanted: Sequence[Receiver], now: datetime
) -> tuple[Log, ...]:
    """How each of these logs is received; one of which nothing is heard says why.

    Args:
        snapshot: the swarm as it is, which says whether its receiver runs.
    """
    return tuple(parallel.run(lambda one: _log(door, snapshot, one, now), wanted))


def _log(door: Door, snapshot: Snapshot, one: Receiver, now: datetime) -> Log:
    name = receiver_name(one.source)
    if one.server is None:
        why = "there is no server but the database's own"
        return standing.unheard(one, standing.NOWHERE, why)
    if one.server not in snapshot.ready_hostnames():
        # Its log would be waited for.
        return standing.unheard(one, standing.SILENT, f"its server {one.server} is down")
    service = snapshot.service(name)
    if service is None or not snapshot.running(service):
        return standing.unheard(one, standing.GONE, f"no task of {name} runs on {one.server}")
    try:
        said = newest(door.log(service.id, lines=LINES))
    except QuorateError as error:
        return standing.unheard(one, standing.SILENT, "; ".join(error.lines()[:2]))
    if said is None:
        why = f"{name} does not say how it is: it was just started, or is of another version"
        return standing.unheard(one, standing.SILENT, why)
    return standing.heard(one, said, now=now)


def newest(lines: Iterable[str]) -> Health | None:
    """What a receiver said last, in lines of its log and of others before it. Pure."""
    found = []
    for line in lines:
        try:
            found.append(Health.model_validate_json(line))
        except ValidationError:  # a message of a program it has begun, or of another version
            continue
    return max(found, key=lambda one: one.at, default=None)
