"""What a lab's nodes are doing right now."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from quorate.errors import CommandError, LabError
from quorate.fleet.model import Model
from quorate.lab import engine
from quorate.lab.state import Features, ImageSource, Lab, Node
from quorate.tools import docker

ENGINE_SECONDS = 8.0
LOOK_SCRIPT = """\
timeout 2 docker version --format '{{.Server.Version}}' || exit 0
timeout 4 docker info --format '{{json .}}'
"""


class NodeStatus(Model):
    """A node as seen now.

    `power`: on, off, frozen or missing. `engine` is its version, empty when it
    does not answer. `swarm` is manager, worker, `no answer` (as when a manager
    looks for a leader) or empty (in no swarm). `memory_used` in bytes is what the
    whole node takes of the machine.
    """

    server: str
    address: str
    power: str
    engine: str = ""
    swarm: str = ""
    memory: int
    cpus: int
    memory_used: int = 0
    containers: int = 0
    cut_from: tuple[str, ...] = ()


class LabStatus(Model):
    """A lab as seen now; factors are those of the fleet's figures to the lab's."""

    name: str
    fleet_path: str
    complete: bool
    engine_socket: str
    subnet: str
    memory_factor: float
    cpu_factor: float
    features: Features
    nodes: tuple[NodeStatus, ...]
    images: dict[str, ImageSource]


POWER = {"running": "on", "paused": "frozen", None: "missing"}


def look(lab: Lab) -> LabStatus:
    """Look at every node; one that does not answer is shown as such, never an error.

    Raises:
        LabError: the engine below the lab does not answer.
    """
    if not engine.answers(lab.engine_socket):
        raise LabError(
            f"the engine on {lab.engine_socket}, which holds the lab {lab.name}, does not answer",
            cause="it was stopped, or the machine was restarted",
            todo=f"run `quorate lab up {lab.fleet_path}`: the nodes keep their data",
        )
    conditions = _conditions(lab)
    with ThreadPoolExecutor(max_workers=max(1, len(lab.nodes))) as pool:
        seen = tuple(
            pool.map(lambda node: _look_at(lab, node, conditions.get(node.container)), lab.nodes)
        )
    return LabStatus(
        name=lab.name,
        fleet_path=str(lab.fleet_path),
        complete=lab.complete,
        engine_socket=str(lab.engine_socket),
        subnet=lab.subnet,
        memory_factor=lab.memory_factor,
        cpu_factor=lab.cpu_factor,
        features=lab.features,
        nodes=seen,
        images=lab.images,
    )


def _conditions(lab: Lab) -> dict[str, str]:
    listed = docker.cli(
        lab.engine_socket,
        *("ps", "-a", "--filter", f"label=quorate.lab={lab.name}"),
        *("--format", "{{.Names}} {{.State}}"),
    )
    return dict(line.split(" ", 1) for line in listed.stdout.splitlines())


def _look_at(lab: Lab, node: Node, condition: str | None) -> NodeStatus:
    power = POWER.get(condition, "off")
    version, info = _engine(lab, node) if power == "on" else ("", {})
    return NodeStatus(
        server=node.server,
        address=node.address,
        power=power,
        engine=version,
        swarm=_role(info) if version else "",
        memory=node.memory,
        cpus=node.cpus,
        memory_used=_memory_used(lab, node) if power in ("on", "frozen") else 0,
        containers=int(info.get("ContainersRunning", 0)),
        cut_from=tuple(
            other
            for first, second in lab.cuts
            for me, other in ((first, second), (second, first))
            if me == node.server
        ),
    )


def _role(info: dict[str, Any]) -> str:
    if not info:
        return "no answer"
    swarm = info.get("Swarm") or {}
    if swarm.get("LocalNodeState") != "active":
        return ""
    return "manager" if swarm.get("ControlAvailable") else "worker"


def _engine(lab: Lab, node: Node) -> tuple[str, dict[str, Any]]:
    """The version and `docker info` of the node's engine; empty where it does not answer.

    A manager that has lost its leader answers the first and hangs in the second.
    """
    try:
        answer = docker.cli(
            lab.engine_socket,
            *("exec", node.container, "/bin/sh", "-c", LOOK_SCRIPT),
            timeout=ENGINE_SECONDS,
            check=False,
        ).stdout
    except CommandError:
        return "", {}
    version, _, rest = answer.partition("\n")
    try:
        info: dict[str, Any] = json.loads(rest)
    except ValueError:
        return version, {}
    return version, info


def _memory_used(lab: Lab, node: Node) -> int:
    """Memory of the node and all its containers, page cache left out, as `docker stats` does."""
    stats = _stats(lab, node)
    usage = int(stats.get("usage") or 0)
    detail = stats.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return max(0, usage - int(cache))


def _stats(lab: Lab, node: Node) -> dict[str, Any]:
    client = docker.connect_socket(lab.engine_socket, timeout=ENGINE_SECONDS)
    try:
        found: dict[str, Any] = client.api.stats(node.container, stream=False, one_shot=True)
    finally:
        client.close()
    return dict(found.get("memory_stats") or {})
