"""A fake of the engine's API: as much of it as starting and following jobs asks for.

Services are kept; each look at tasks takes the next state of a job's script. Real behaviour is
tested on the lab.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from requests.exceptions import RequestException

from quorate.backup.jobs.model import Answer, Job, Work
from quorate.backup.jobs.spec import LABEL_SOURCE

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ANSWER = Answer(work=Work.BACKUP, run="r", source="db", size=10, added=7, seconds=1.5)


@dataclass
class Script:
    """What becomes of a job: states of its task, one for each look; then the last for ever."""

    states: list[str] = field(default_factory=lambda: ["pending", "running", "complete"])
    out: list[str] = field(default_factory=lambda: [ANSWER.model_dump_json()])
    err: list[str] = field(default_factory=list)
    said: str = ""
    code: int = 0


class Response:
    """Of a fake request, as the SDK reads it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status_code, self.body = status, body
        self.ok, self.reason, self.url = status < 400, "", ""
        self.text = json.dumps(body)

    def json(self) -> Mapping[str, Any]:
        return self.body


class Refusal(RequestException):
    """What the SDK raises where an engine refuses: the status, and the engine's words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said, response=cast(Any, Response(status, {})))
        self.explanation = said


def refused(status: int, said: str) -> Refusal:
    return Refusal(status, said)


class FakeSwarm:
    """`scripts` by the source of a job; `failures` are raised by the next calls, one each."""

    base_url, api_version = "http+docker://fake", "1.44"

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.scripts = dict(scripts or {})
        self.services_there: dict[str, dict[str, Any]] = {}
        self.created: list[str] = []
        self.removed: list[str] = []
        self.failures: list[Exception] = []
        self.down: set[str] = set()
        self.configs_there: set[str] = set()
        self.at_once: int = 0
        self.on_tasks: Callable[[], None] = lambda: None

    @property
    def client(self) -> DockerClient:
        return cast("DockerClient", SimpleNamespace(api=self))

    def add(self, spec: Mapping[str, Any]) -> str:
        """A service that somebody has started."""
        name = str(spec["Name"])
        self.services_there[name] = {"ID": name, "Spec": dict(spec), "Version": {"Index": 1}}
        return name

    def _may_fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def post(self, url: str, json: Mapping[str, Any], **_: Any) -> Response:
        assert url.endswith("/services/create")
        self._may_fail()
        if json["Name"] in self.services_there:
            return Response(409, {"message": "name conflicts with an existing object"})
        self.created.append(self.add(json))
        self.at_once = max(self.at_once, len(self.services_there))
        return Response(201, {"ID": json["Name"]})

    def services(self, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        self._may_fail()
        return list(self.services_there.values())

    def inspect_service(self, name: str) -> dict[str, Any]:
        self._may_fail()
        if name not in self.services_there:
            raise refused(404, f"service {name} not found")
        return self.services_there[name]

    def remove_service(self, name: str) -> None:
        if name not in self.services_there:
            raise refused(404, f"service {name} not found")
        del self.services_there[name]
        self.removed.append(name)

    def configs(self, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        return [{"Spec": {"Name": name}} for name in self.configs_there]

    def create_config(self, name: str, data: bytes, labels: Mapping[str, str]) -> None:
        if name in self.configs_there:
            raise refused(409, f"config {name} already exists")
        self.configs_there.add(name)

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "ID": f"id-{name}",
                "Description": {"Hostname": name},
                "Status": {"State": "down" if name in self.down else "ready"},
            }
            for name in ("one", "two", "three")
        ]

    def tasks(self, filters: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
        self._may_fail()
        self.on_tasks()
        for name in filters["service"]:
            if name not in self.services_there:
                raise refused(404, f"service {name} not found")
        return [self._task(self.services_there[name]) for name in filters["service"]]

    def _task(self, service: Mapping[str, Any]) -> dict[str, Any]:
        script = self.script(service)
        state = script.states.pop(0) if len(script.states) > 1 else script.states[0]
        (constraint,) = service["Spec"]["TaskTemplate"]["Placement"]["Constraints"]
        return {
            "ID": f"task-{service['ID']}",
            "ServiceID": service["ID"],
            "NodeID": constraint.partition("==")[2] if state != "pending" else None,
            "DesiredState": "running",
            "Status": {
                "State": state,
                "Err": script.said,
                "ContainerStatus": {"ExitCode": script.code},
            },
        }

    def script(self, service: Mapping[str, Any]) -> Script:
        source = service["Spec"]["Labels"].get(LABEL_SOURCE, "")
        return self.scripts.setdefault(source, Script())

    def service_logs(self, name: str, *, stdout: bool, tail: str, **_: Any) -> Iterable[bytes]:
        script = self.script(self.services_there[name])
        lines = script.out if stdout else script.err
        kept = lines if tail == "all" else lines[-int(tail) :]
        return [f"{line}\n".encode() for line in kept]


def told(spec: Mapping[str, Any]) -> Job:
    """What a job's service is told."""
    (variable,) = spec["TaskTemplate"]["ContainerSpec"]["Env"]
    return Job.model_validate_json(str(variable).partition("=")[2])
