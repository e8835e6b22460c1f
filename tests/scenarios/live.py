"""What really runs: read from the swarm itself, never from what Quorate says about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedTask, Snapshot
from quorate.fleet.read import read_fleet
from quorate.lab.state import FILE_NAME, Lab
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient
    from tests.scenarios.conftest import Office

POLL_SECONDS = 0.5

Homes = Mapping[str, tuple[str, ...]]


def lab_of(office: Office) -> Lab:
    """The lab's own record of itself."""
    labs = Path(office.environment["XDG_STATE_HOME"]) / "quorate/labs"
    (found,) = labs.glob(f"*/{FILE_NAME}")
    return Lab.model_validate_json(found.read_text())


def fleet_of(office: Office) -> Fleet:
    """The fleet as it is in the lab."""
    return read_fleet(office.fleet, override=lab_of(office).override)


@contextmanager
def connected(office: Office, *, without: str = "") -> Iterator[Connections]:
    """Connections to the lab's nodes, but for one."""
    fleet = fleet_of(office)
    servers = tuple(server for server in fleet.servers if server.name != without)
    with Connections(fleet.model_copy(update={"servers": servers})) as connections:
        yield connections


def snapshot(office: Office) -> Snapshot:
    """The swarm as it is now."""
    with connected(office) as connections:
        return observe(connections.manager().client)


def wait_until(
    office: Office, holds: Callable[[Snapshot], bool], *, within: float, without: str = ""
) -> tuple[Snapshot, float]:
    """Look until the condition holds; the state then, and the seconds it took.

    While the managers elect a leader there is nothing to see, which is borne with.
    """
    started = time.monotonic()
    last: Snapshot | None = None
    with connected(office, without=without) as connections:
        while time.monotonic() - started < within:
            try:
                last = observe(connections.manager().client)
            except QuorateError:
                last = None
            if last is not None and holds(last):
                return last, time.monotonic() - started
            time.sleep(POLL_SECONDS)
    shown = running(last) if last is not None else "no manager answers"
    pytest.fail(f"not so within {within:.0f} s; what runs: {shown}")


def running(seen: Snapshot) -> Homes:
    """Swarm name → host names of its running tasks, one each, sorted."""
    names = {node.id: node.hostname for node in seen.nodes}
    return {
        service.name: tuple(sorted(names[task.node_id or ""] for task in seen.running(service)))
        for service in seen.services
    }


def meant_to_run(seen: Snapshot) -> dict[str, list[ObservedTask]]:
    """Swarm name → the tasks that Swarm wants running on nodes that are ready."""
    ready = {node.id for node in seen.nodes if node.ready}
    wanted = [t for t in seen.tasks if t.desired_state == "running" and t.node_id in ready]
    return {s.name: [t for t in wanted if t.service_id == s.id] for s in seen.services}


def task_ids(seen: Snapshot) -> frozenset[str]:
    """The ids of all tasks that run."""
    return frozenset(task.id for service in seen.services for task in seen.running(service))


@dataclass(frozen=True, kw_only=True)
class SwarmWords:
    """What a node's own engine says about the swarm it is in."""

    state: str
    managers: int


def swarm_words(client: DockerClient) -> SwarmWords:
    """Ask one engine."""
    swarm = client.info()["Swarm"]
    return SwarmWords(state=swarm["LocalNodeState"], managers=int(swarm.get("Managers") or 0))
