"""FakeServices: as much of a manager's API as keeping services still needs; for unit tests only.

A service's tasks follow its replicas at once. Told to, it is changed by somebody else between a
look and an update, and the caller is killed at its n-th call. Real behaviour is tried on a lab.
"""

from __future__ import annotations

import copy
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.tools import docker

docker.engine_errors()  # imports the SDK now: doing so opens a port, which no test may

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class Killed(BaseException):
    """The caller is gone: nothing of it may catch this."""


class FakeAnswer:
    """What the engine answers to a POST."""

    def __init__(self, status: int, message: str = "") -> None:
        self.status_code, self.message, self.text, self.reason = status, message, message, message
        self.ok = status < 400

    def json(self) -> dict[str, str]:
        return {"message": self.message}


class FakeServices:
    """Services by name, and the calls of the SDK's low-level client on them."""

    base_url, api_version = "http+docker://fake", "1.44"

    def __init__(self, **replicas: int) -> None:
        self.raw: dict[str, dict[str, Any]] = {}
        self.now = START
        self.calls, self.killed_at, self.meddle_at = 0, 0, 0
        self.stuck: set[str] = set()
        for name, count in replicas.items():
            self.add(name, {"Replicated": {"Replicas": count}})

    @property
    def api(self) -> FakeServices:
        return self

    def add(self, name: str, mode: dict[str, Any], labels: dict[str, str] | None = None) -> None:
        self.raw[name] = {
            "ID": f"id-{name}",
            "Version": {"Index": 10},
            "Spec": {
                "Name": name,
                "Labels": labels or {"com.docker.stack.namespace": "shop"},
                "Mode": mode,
                "TaskTemplate": {"ContainerSpec": {"Image": "app:1", "Odd": {"kept": True}}},
            },
        }

    def replicas(self, name: str) -> int:
        return int(self.raw[name]["Spec"]["Mode"]["Replicated"]["Replicas"])

    def labels(self, name: str) -> dict[str, str]:
        return dict(self.raw[name]["Spec"]["Labels"])

    def scale(self, name: str, count: int) -> None:
        """What a person does: `docker service scale`."""
        spec = copy.deepcopy(self.raw[name]["Spec"])
        spec["Mode"]["Replicated"]["Replicas"] = count
        self._put(name, spec)

    def _put(self, name: str, spec: dict[str, Any]) -> None:
        one = self.raw[name]
        one["PreviousSpec"], one["Spec"] = one["Spec"], copy.deepcopy(spec)
        one["Version"]["Index"] += 1

    def _called(self) -> None:
        self.calls += 1
        if self.calls == self.killed_at:
            raise Killed
        if self.calls == self.meddle_at:
            name = next(iter(self.raw))
            spec = copy.deepcopy(self.raw[name]["Spec"])
            self._put(name, {**spec, "Labels": {**spec["Labels"], "note": "somebody was here"}})

    def _named(self, name: str) -> dict[str, Any]:
        found = self.raw.get(name.removeprefix("id-"))
        if found is None:
            raise refused("no such service", 404)
        return found

    def info(self) -> dict[str, Any]:
        self._called()
        return {"SystemTime": self.now.isoformat()}

    def inspect_service(self, name: str) -> dict[str, Any]:
        self._called()
        return copy.deepcopy(self._named(name))

    def services(self) -> list[dict[str, Any]]:
        self._called()
        return copy.deepcopy(list(self.raw.values()))

    def nodes(self) -> list[dict[str, Any]]:
        self._called()
        return [
            {"ID": "n1", "Status": {"State": "ready"}},
            {"ID": "n2", "Status": {"State": "down"}},
        ]

    def tasks(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        self._called()
        name = filters["service"]
        running = self.replicas(name) or (1 if name in self.stuck else 0)
        spec = copy.deepcopy(self.raw[name]["Spec"]["TaskTemplate"])
        tasks = [
            {"NodeID": "n1", "Status": {"State": "running"}, "Spec": spec} for _ in range(running)
        ]
        # On a server that is lost, a task runs for ever as far as the swarm knows.
        return [*tasks, {"NodeID": "n2", "Status": {"State": "running"}}]

    def post(
        self,
        url: str,
        params: dict[str, str],
        json: dict[str, Any],
        headers: dict[str, str],
        timeout: float,
    ) -> FakeAnswer:
        identity = url.split("/services/")[1].split("/")[0]
        one = self._named(identity)
        if params["version"] != str(one["Version"]["Index"]):
            return FakeAnswer(500, "rpc error: code = Unknown desc = update out of sequence")
        self._put(one["Spec"]["Name"], json)
        self._called()  # killed after the engine had it: the worst moment
        return FakeAnswer(200)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def refused(message: str, status: int = 500) -> Exception:
    """What the SDK raises when an engine refuses."""
    refusal = next(kind for kind in docker.engine_errors() if kind.__name__ == "DockerException")
    errors = sys.modules[refusal.__module__]
    made: Exception = errors.APIError(message, response=FakeAnswer(status), explanation=message)
    return made
