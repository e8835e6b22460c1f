"""What a lab's nodes are doing right now."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import Field

from quorate.errors import CommandError, LabError
from quorate.fleet.model import Model
from quorate.lab import engine, outside
from quorate.lab.derive import Difference
from quorate.lab.state import Features, ImageSource, Lab, Node
from quorate.tools import docker

LOOK_SECONDS = 10.0
# Prints: memory in use and page cache (cgroup v1 or v2), the engine's version, its info.
LOOK_SCRIPT = """\
cd /sys/fs/cgroup
used=$(cat memory/memory.usage_in_bytes memory.current 2>/dev/null)
cache=$(sed -n 's/^total_inactive_file //p' memory/memory.stat 2>/dev/null
    sed -n 's/^inactive_file //p' memory.stat 2>/dev/null)
echo "${used:-0} ${cache:-0}"
timeout 2 docker version --format '{{.Server.Version}}' || exit 0
timeout 4 docker info --format '{{json .}}'
"""


class NodeStatus(Model):
    """A node as seen now.

    `power`: on, off, frozen or missing. `engine` is its version, empty when it
    does not answer. `swarm` is manager, worker, `no answer` (as when a manager
    looks for a leader) or empty (in no swarm). `memory_used` in bytes is what the
    whole node takes of the machine, page cache left out (0 unless it is on).
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


class OutsideStatus(Model):
    """The outside host as seen now; `power` as of a node.

    `answers` are those of `sftp` and `s3` that do; `repositories` what it serves, by name.
    """

    name: str
    address: str
    power: str
    answers: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    cut_from: tuple[str, ...] = ()


class LabStatus(Model):
    """A lab as seen now; factors are those of the fleet's figures to the lab's.

    `differences` are those of its stack files to the real ones; None where they
    cannot be told because the fleet file has errors or no placement holds. `outside` is the
    host of off-site repositories; None where the fleet has none.
    """

    name: str
    fleet_path: str
    complete: bool
    engine_socket: str
    subnet: str
    memory_factor: float
    cpu_factor: float
    features: Features
    nodes: tuple[NodeStatus, ...]
    outside: OutsideStatus | None = None
    images: dict[str, ImageSource]
    differences: tuple[Difference, ...] | None = None


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
        outside=_look_outside(lab, conditions),
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
    seen = parse_look(_look_inside(lab, node) if power == "on" else "")
    return NodeStatus(
        server=node.server,
        address=node.address,
        power=power,
        engine=seen.version,
        swarm=role(seen.info) if seen.version else "",
        memory=node.memory,
        cpus=node.cpus,
        memory_used=seen.memory_used,
        containers=int(seen.info.get("ContainersRunning", 0)),
        cut_from=_cut_from(lab, node.server),
    )


def _cut_from(lab: Lab, server: str) -> tuple[str, ...]:
    return tuple(
        other
        for first, second in lab.cuts
        for me, other in ((first, second), (second, first))
        if me == server
    )


def _look_outside(lab: Lab, conditions: dict[str, str]) -> OutsideStatus | None:
    if lab.outside is None:
        return None
    node = lab.outside.node
    power = POWER.get(conditions.get(node.container), "off")
    return OutsideStatus(
        name=node.server,
        address=node.address,
        power=power,
        answers=outside.answering(lab) if power == "on" else (),
        repositories=tuple(one.name for one in lab.outside.repositories),
        cut_from=_cut_from(lab, node.server),
    )


def _look_inside(lab: Lab, node: Node) -> str:
    try:
        return docker.cli(
            lab.engine_socket,
            *("exec", node.container, "/bin/sh", "-c", LOOK_SCRIPT),
            timeout=LOOK_SECONDS,
            check=False,
        ).stdout
    except CommandError:  # so slow that it is as good as no answer
        return ""


class Inside(Model):
    """What a node said of itself; `info` is its engine's `docker info`."""

    memory_used: int = 0
    version: str = ""
    info: dict[str, Any] = Field(default_factory=dict)


def parse_look(said: str) -> Inside:
    """Read what the look script printed; whatever is missing stays empty.

    A manager that has lost its leader tells its version and hangs in `docker info`.
    """
    lines = [*said.split("\n", 2), "", "", ""]
    figures = [int(word) for word in lines[0].split() if word.isdigit()]
    try:
        info = json.loads(lines[2])
    except ValueError:
        info = {}
    return Inside(
        memory_used=max(0, figures[0] - figures[1]) if len(figures) == 2 else 0,
        version=lines[1].strip(),
        info=info,
    )


def role(info: dict[str, Any]) -> str:
    """The role in the swarm that `docker info` tells; `no answer` where it told nothing."""
    if not info:
        return "no answer"
    swarm = info.get("Swarm") or {}
    if swarm.get("LocalNodeState") != "active":
        return ""
    return "manager" if swarm.get("ControlAvailable") else "worker"
