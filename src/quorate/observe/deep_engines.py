"""Engines that take tasks and start none of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from quorate.fleet.observed import ObservedTask, Snapshot
from quorate.observe.deep_model import Check, Finding

TAKEN = ("assigned", "accepted")
"""Before an engine fetches an image, or waits for one: it should not stay there for seconds."""
TAKEN_FOR = timedelta(seconds=60)


def hanging(snapshot: Snapshot) -> Iterator[Finding]:
    """Servers that are there for Swarm, and have had tasks for a while without beginning them.

    Seen with 26.1.5 after a full disk: for minutes after there was room again, until the engine
    was killed.
    """
    stuck: dict[str, list[ObservedTask]] = defaultdict(list)
    for task in snapshot.tasks:
        if _is_stuck(task, snapshot):
            stuck[task.node_id or ""].append(task)
    names = {service.id: service.name for service in snapshot.services}
    for node in snapshot.nodes:
        if not node.ready or node.id not in stuck:
            continue
        services = sorted({names.get(task.service_id, task.service_id) for task in stuck[node.id]})
        since = min(task.timestamp or snapshot.taken_at for task in stuck[node.id])
        seconds = (snapshot.taken_at - since).total_seconds()
        yield Finding(
            check=Check.ENGINE,
            where=node.hostname,
            subject=node.id,
            what=f"its engine has had tasks of {', '.join(services)} for {seconds:.0f} s, and does "
            "not start them",
            why="it hangs, after a full disk say; Swarm waits for it for ever, and starts nothing "
            "in their place",
            mend=f"on {node.hostname}: `systemctl restart docker`; where that does not end, "
            "`systemctl kill -s KILL docker` and start it",
        )


def _is_stuck(task: ObservedTask, snapshot: Snapshot) -> bool:
    return (
        task.state in TAKEN
        and task.desired_state == "running"
        and task.timestamp is not None
        and snapshot.taken_at - task.timestamp > TAKEN_FOR
    )
