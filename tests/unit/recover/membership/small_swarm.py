"""A small swarm behind the real connections, with swarmkit's rules for roles."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from quorate.deploy.progress import Silent
from quorate.errors import UnreachableError
from quorate.fleet.model import Fleet, Server
from quorate.fleet.read import read_fleet
from quorate.observe.connect import Connections
from quorate.recover.site import Site
from tests.fakes.services import refused


class SmallSwarm:
    """`members`: of raft; `roles`: what the nodes are to be; `down`: machines that are gone;
    `blocked`: those that do not reach port 2377, and do not become members."""

    def __init__(
        self,
        roles: dict[str, str],
        members: str,
        *,
        down: Iterable[str] = (),
        blocked: Iterable[str] = (),
    ) -> None:
        self.roles = dict(roles)
        self.members = set(members)
        self.down, self.blocked = set(down), set(blocked)
        self.kept: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []

    def node(self, name: str) -> dict[str, Any]:
        """A node as a manager lists it."""
        raw: dict[str, Any] = {
            "ID": f"id-{name}",
            "Version": {"Index": 1},
            "Spec": {"Role": self.roles[name], "Availability": "active"},
            "Description": {"Hostname": name},
            "Status": {"State": "down" if name in self.down else "ready"},
        }
        if name in self.members:
            reached = "unreachable" if name in self.down else "reachable"
            raw["ManagerStatus"] = {"Reachability": reached}
        return raw


class Api:
    """One server's engine."""

    def __init__(self, swarm: SmallSwarm, name: str) -> None:
        self.swarm, self.name = swarm, name

    def info(self) -> dict[str, Any]:
        if self.name not in self.swarm.roles:
            return {"Swarm": {"LocalNodeState": "inactive"}}
        manages = self.name in self.swarm.members
        return {
            "Swarm": {
                "LocalNodeState": "active",
                "NodeID": f"id-{self.name}",
                "ControlAvailable": manages,
                "Cluster": {"ID": "ours"} if manages else None,
            }
        }

    def nodes(self) -> list[dict[str, Any]]:
        return [self.swarm.node(name) for name in self.swarm.roles]

    def _none(self) -> list[Any]:
        return []

    services = tasks = networks = secrets = _none

    def volumes(self) -> dict[str, Any]:
        return {"Volumes": []}

    def inspect_swarm(self) -> dict[str, Any]:
        return {"Spec": {}}

    def inspect_node(self, identity: str) -> dict[str, Any]:
        return self.swarm.node(identity.removeprefix("id-"))

    def update_node(self, identity: str, version: int, spec: dict[str, Any]) -> None:
        """As manager/controlapi/node.go: who is no member of raft cannot be demoted."""
        swarm, name = self.swarm, identity.removeprefix("id-")
        role = str(getattr(spec["Role"], "value", spec["Role"]))
        if role == "worker" and swarm.roles[name] == "manager" and name not in swarm.members:
            raise refused("rpc error: code = NotFound desc = can't find manager in raft", 404)
        swarm.calls.append(f"{name} {role}")
        swarm.roles[name] = role
        if role == "worker":
            swarm.members.discard(name)
        elif name not in swarm.blocked | swarm.down:
            swarm.members.add(name)

    def leave_swarm(self, force: bool) -> None:
        self.swarm.calls.append(f"{self.name} leaves")
        self.swarm.down.add(self.name)

    def remove_node(self, identity: str, force: bool) -> None:
        name = identity.removeprefix("id-")
        if self.swarm.roles[name] == "manager" and name in self.swarm.members:
            raise refused("it must be demoted to worker before removal", 400)
        self.swarm.calls.append(f"{name} removed")
        del self.swarm.roles[name]

    def configs(self, filters: Any = None) -> list[dict[str, Any]]:
        return [
            {
                "ID": name,
                "Spec": {
                    "Name": name,
                    "Labels": one["labels"],
                    "Data": base64.b64encode(one["data"]).decode(),
                },
            }
            for name, one in self.swarm.kept.items()
        ]

    def create_config(self, name: str, data: bytes, labels: Any) -> None:
        if name in self.swarm.kept:
            raise refused("it exists", 409)
        self.swarm.kept[name] = {"labels": labels, "data": data}

    def remove_config(self, identity: str) -> None:
        self.swarm.kept.pop(identity, None)


class Line:
    """The way to one server, open or refused at once."""

    settled, broken = True, False

    def __init__(self, server: Server, swarm: SmallSwarm) -> None:
        self.server, self.swarm = server, swarm

    def wait(self, patience: float | None) -> Any:
        if self.server.name in self.swarm.down:
            raise UnreachableError(f"{self.server.name} does not answer ssh")
        return SimpleNamespace(api=Api(self.swarm, self.server.name))

    def close(self) -> None:
        """Nothing was opened."""


def written(directory: Path, managers: str, names: str, service: str = "") -> Fleet:
    """A fleet in a directory, of servers with names of one letter."""
    path = directory / "fleet.yaml"
    lines = ["version: 1", "name: office", "servers:"]
    for number, name in enumerate(names, 1):
        role = "manager" if name in managers else "worker"
        lines.append(f"  {name}: {{address: 192.0.2.{number}, role: {role}, cpus: 2, memory: 4G}}")
    lines += ["stacks:", "  shop: {files: [shop.yaml]}", ""]
    path.write_text("\n".join(lines))
    text = service or "services:\n  web: {image: 'example/web:1'}\n"
    (directory / "shop.yaml").write_text(text)
    return read_fleet(path)


def site(fleet: Fleet, swarm: SmallSwarm) -> Site:
    """The fleet, as a process opens it."""
    connections = Connections(fleet)
    lines: Any = {server.name: Line(server, swarm) for server in fleet.servers}
    connections._lines = lines
    return Site(fleet=fleet, connections=connections, report=Silent())
