"""Stands in for the Docker engines of a swarm: as much of the API as observing asks for.

    python engine.py SOCKET-DIRECTORY STATE.json

One socket per server, `NAME.sock`, is listened on; prints `ready`. STATE.json is read anew for
each answer: `managers` and `workers` (names), `leader` (a name, or null: no manager finds one),
`down` (names: their engines close every connection, and the leader says so), `services` (name →
names of the servers its tasks run on), `root` (the engines' data root). Runs on its own.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

LEADERLESS = "rpc error: code = Unknown desc = The swarm does not have a leader."
OFTEN = 1_000_000_000
"""The heartbeat of the swarm, in nanoseconds."""


def node(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """As GET /nodes lists it."""
    down = name in state["down"]
    found: dict[str, Any] = {
        "ID": f"id-{name}",
        "Spec": {"Role": "manager" if name in state["managers"] else "worker"},
        "Description": {"Hostname": name, "Resources": {"NanoCPUs": 4 * 10**9}},
        "Status": {"State": "down" if down else "ready"},
    }
    if name in state["managers"]:
        found["ManagerStatus"] = {
            "Leader": name == state["leader"],
            "Reachability": "unreachable" if down else "reachable",
        }
    return found


def tasks(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "ID": f"{service}-{number}",
            "ServiceID": f"id-{service}",
            "NodeID": f"id-{place}",
            "Slot": number,
            "Status": {"State": "running", "Timestamp": "2026-01-01T00:00:00Z"},
            "DesiredState": "running",
        }
        for service, places in state["services"].items()
        for number, place in enumerate(places, 1)
    ]


def services(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "ID": f"id-{name}",
            "Spec": {"Name": name, "Mode": {"Replicated": {"Replicas": len(places)}}},
        }
        for name, places in state["services"].items()
    ]


def info(name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    swarm: dict[str, Any] = {"LocalNodeState": "active"}
    if name in state["managers"]:
        swarm |= {"ControlAvailable": True}
        swarm |= {"Cluster": {"ID": "c"}} if state["leader"] else {"Error": LEADERLESS}
    return {
        "Swarm": swarm,
        "DockerRootDir": state["root"],
        "SystemTime": datetime.now(UTC).isoformat(),
    }


def answer(path: str, name: str, state: Mapping[str, Any]) -> tuple[int, Any]:
    """Status and body; what only a swarm with a leader tells is refused without one."""
    if path == "/version":
        return 200, {"ApiVersion": "1.44", "MinAPIVersion": "1.24"}
    if path == "/info":
        return 200, info(name, state)
    if path == "/containers/json":
        return 200, []
    if not state["leader"]:
        return 503, {"message": LEADERLESS}
    listed: dict[str, Any] = {
        "/nodes": [node(each, state) for each in (*state["managers"], *state["workers"])],
        "/services": services(state),
        "/tasks": tasks(state),
        "/swarm": {
            "Spec": {
                "Dispatcher": {"HeartbeatPeriod": OFTEN},
                "Orchestration": {"TaskHistoryRetentionLimit": 5},
            }
        },
    }
    return 200, listed.get(path, [])


class Handler(BaseHTTPRequestHandler):
    """For one server, whose name the listening socket has."""

    server: Engine

    def do_GET(self) -> None:
        state = json.loads(self.server.state.read_text())
        if self.server.name in state["down"]:
            self.close_connection = True
            return
        path = self.path.partition("?")[0]
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        status, body = answer(path, self.server.name, state)
        data = b"OK" if path == "/_ping" else json.dumps(body).encode()
        self.send_response(200 if path == "/_ping" else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return ""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class Engine(ThreadingMixIn, UnixStreamServer):
    """Listens on a server's socket."""

    daemon_threads = True

    def __init__(self, name: str, directory: Path, state: Path) -> None:
        self.name, self.state = name, state
        super().__init__(str(directory / f"{name}.sock"), Handler)


def main() -> None:
    directory, state = Path(sys.argv[1]), Path(sys.argv[2])
    known = json.loads(state.read_text())
    engines = [Engine(n, directory, state) for n in (*known["managers"], *known["workers"])]
    threads = [threading.Thread(target=engine.serve_forever) for engine in engines]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
