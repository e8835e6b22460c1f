"""A swarm of three servers as it is looked at, with one service in it."""

from __future__ import annotations

import copy
from typing import Any

from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.tools import clock

SERVERS = ("one", "two", "three")


def seen(spec: dict[str, Any], *runs_on: str) -> Snapshot:
    """The service `db` has this spec, and a task that runs on each of these servers."""
    return Snapshot(
        taken_at=clock.now(),
        nodes=tuple(ObservedNode(id=name, hostname=name, state="ready") for name in SERVERS),
        services=(ObservedService(id="s", name="db", spec=copy.deepcopy(spec)),),
        tasks=tuple(
            ObservedTask(
                id=at, service_id="s", node_id=at, state="running", desired_state="running"
            )
            for at in runs_on
        ),
    )
