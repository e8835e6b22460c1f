"""A fake of a whole swarm's engines, as much as deploying Quorate's own services asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from quorate.deploy.prepare import Scene
from quorate.fleet.model import Fleet
from quorate.observe.connect import Answers
from quorate.observe.snapshot import observe
from quorate.stacks.model import Rendered, RenderedStack
from tests.unit.backup.jobs.fake_swarm import FakeSwarm, Response, refused

if TYPE_CHECKING:
    from quorate.observe.connect import Connections
    from quorate.tools.docker import DockerClient

DIGEST = "sha256:" + "0" * 64
RENDERED = Rendered(
    stacks=(
        RenderedStack(
            name="app",
            document={
                "services": {
                    "db": {"image": "postgres", "networks": ["back"]},
                    "out": {"image": "postgres"},
                },
                "networks": {"back": {}},
            },
        ),
    )
)


class OwnSwarm(FakeSwarm):
    """`images`: whether a registry knows the image. `jobs_fail` with these words."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets_there: dict[str, dict[str, Any]] = {}
        self.values: dict[str, bytes] = {}
        self.images = True
        self.states: dict[str, str] = {}
        self.directories: list[str] = []
        self.updated: list[str] = []
        self.configs_named: list[str] = []

    def secrets(self, filters: Any = None) -> list[dict[str, Any]]:
        return list(self.secrets_there.values())

    def create_secret(self, name: str, data: bytes, labels: dict[str, str]) -> None:
        self.secrets_there[name] = {"ID": f"id-{name}", "Spec": {"Name": name, "Labels": labels}}
        self.values[name] = data

    def remove_secret(self, identity: str) -> None:
        del self.secrets_there[identity.removeprefix("id-")]

    def networks(self) -> list[dict[str, Any]]:
        return [{"Name": "app_back", "Id": "n1", "Driver": "overlay"}]

    def configs(self, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return [{"ID": name, "Spec": {"Name": name}} for name in self.configs_named]

    def remove_config(self, identity: str) -> None:
        self.configs_named.remove(identity)

    def services(self, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Networks by their ids, as an engine keeps them."""
        label, _, value = (filters or {}).get("label", "").partition("=")
        found = super().services()
        return [
            one for one in found if not label or one["Spec"].get("Labels", {}).get(label) == value
        ]

    def add(self, spec: Mapping[str, Any]) -> str:
        template = spec.get("TaskTemplate", {})
        networks = [{"Target": "n1"} for _ in template.get("Networks") or ()]
        return super().add({**spec, "TaskTemplate": {**template, "Networks": networks}})

    def post(self, url: str, json: Mapping[str, Any], **more: Any) -> Response:
        if url.endswith("/update"):
            self.updated.append(self.add(json))
            return Response(200, {})
        return super().post(url, json, **more)

    def tasks(self, filters: Mapping[str, Iterable[str]] | None = None) -> list[dict[str, Any]]:
        names = list((filters or {}).get("service") or self.services_there)
        jobs = [name for name in names if name.startswith("quorate-job")]
        others = [name for name in names if name in self.services_there and name not in jobs]
        return [
            *super().tasks({"service": jobs}),
            *(
                {
                    "ID": f"task-{name}",
                    "ServiceID": name,
                    "NodeID": "id-one",
                    "DesiredState": "running",
                    "Status": {"State": self.states.get(name, "running")},
                }
                for name in others
            ),
        ]

    def inspect_distribution(self, image: str, auth_config: Any = None) -> dict[str, Any]:
        if not self.images:
            raise refused(404, "manifest unknown")
        return {"Descriptor": {"digest": DIGEST}}

    def inspect_image(self, image: str) -> dict[str, Any]:
        if not self.images:
            raise refused(404, f"no such image: {image}")
        return {"Id": image}

    def create_host_config(self, binds: list[str], network_mode: str) -> list[str]:
        return binds

    def create_container(self, image: str, command: list[str], host_config: list[str]) -> Any:
        self.directories += [bind.partition(":")[0] for bind in host_config]
        return {"Id": "c"}

    def start(self, container: str) -> None:
        assert container == "c"

    def wait(self, container: str, timeout: float) -> dict[str, int]:
        return {"StatusCode": 0}

    def remove_container(self, container: str, force: bool) -> None:
        assert force


class FakeConnections:
    """Every server is the same engine."""

    def __init__(self, fleet: Fleet, swarm: OwnSwarm) -> None:
        self.fleet, self.swarm = fleet, swarm

    def renew(self) -> None:
        pass

    def client(self, server: str) -> DockerClient:
        return self.swarm.client

    def manager(self) -> Any:
        return SimpleNamespace(client=self.swarm.client)

    def each(self, ask: Callable[..., Any], servers: Iterable[str] = ()) -> Answers[Any]:
        named = [one for one in self.fleet.servers if one.name in set(servers)]
        return Answers(results={one.name: ask(one, self.swarm.client) for one in named})


def scene_of(fleet: Fleet, swarm: OwnSwarm) -> Scene:
    """The fleet on that swarm, as it is seen now."""
    connections = cast("Connections", FakeConnections(fleet, swarm))
    return Scene(
        fleet=fleet,
        connections=connections,
        client=swarm.client,
        snapshot=observe(swarm.client),
        known={},
    )
