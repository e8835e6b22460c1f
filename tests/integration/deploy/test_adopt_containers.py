"""Containers stopped and kept, started again as they were, put into networks: a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.deploy.progress import Silent
from quorate.errors import EngineError
from quorate.fleet.model import Fleet, Server
from quorate.observe.connect import Answers, in_parallel
from quorate.observe.snapshot import observe
from quorate.recover.adopt import containers, joining, look
from quorate.recover.adopt.model import Adopted, KeptContainer, OwnNetwork

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

SERVER = Server(name="one", address="192.0.2.1", cpus=1, memory=1)
NAME = "quorate-test-adopt"
NETWORK = OwnNetwork(name="adopt-services", stack="shop", labels={"mine": "yes"})


class OneServer:
    """A fake of `Connections` to one server: its engine is reached directly, not by ssh."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def client(self, server: str) -> DockerClient:
        assert server == SERVER.name
        return self._client

    def each(self, ask: Any, servers: Any = None) -> Answers[Any]:
        del servers
        return in_parallel(lambda server: ask(server, self._client), [SERVER])


class OneSite:
    """A fake of `Site` with one engine, which is a swarm of one."""

    def __init__(self, client: DockerClient) -> None:
        self.connections = OneServer(client)
        self.report = Silent()
        self.lab = None
        self.fleet = Fleet(
            name="test",
            path=Path("fleet.yaml"),
            servers=(SERVER,),
            stacks=(),
            services=(),
            files=(),
        )
        self._client = client

    def client(self) -> DockerClient:
        return self._client

    def engine(self, server: str) -> DockerClient:
        return self.connections.client(server)

    def snapshot(self) -> Any:
        return observe(self._client)


@pytest.fixture
def site(swarm: DockerClient) -> Site:
    return cast("Site", OneSite(swarm))


@pytest.fixture
def kept(swarm: DockerClient, shell: str) -> Iterator[KeptContainer]:
    """A container with a volume and a restart policy."""
    config = swarm.api.create_host_config(
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 7},
        binds=["adopt_rows:/data", "/anonymous"],
        network_mode="adopt_default",
    )
    swarm.api.create_network("adopt_default", driver="bridge")
    made = swarm.api.create_container(
        shell,
        ["sh", "-c", "trap 'exit 0' TERM; echo hello > /data/x; while :; do sleep 0.1; done"],
        name=NAME,
        environment={"MODE": "fast"},
        labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "rows"},
        volumes=["/anonymous"],
        host_config=config,
    )
    swarm.api.start(made["Id"])
    try:
        yield KeptContainer(
            id=str(made["Id"]),
            name=NAME,
            server="one",
            restart="on-failure",
            retries=7,
            joins={NETWORK.name: ("rows", NAME)},
        )
    finally:
        for raw in swarm.api.containers(all=True, filters={"name": NAME}):
            swarm.api.remove_container(raw["Id"], v=True, force=True)
        for name in ("adopt_default", NETWORK.name):
            for network in swarm.api.networks(names=[f"^{name}$"]):
                swarm.api.remove_network(network["Id"])
        if "adopt_rows" in {v["Name"] for v in swarm.api.volumes()["Volumes"] or ()}:
            swarm.api.remove_volume("adopt_rows")


def policy(client: DockerClient) -> tuple[str, int, bool]:
    raw = client.api.inspect_container(NAME)
    found = raw["HostConfig"]["RestartPolicy"]
    return found["Name"], found["MaximumRetryCount"], raw["State"]["Running"]


def test_a_container_is_described_as_it_runs(site: Site, kept: KeptContainer) -> None:
    seen = look.look(site.connections).results["one"]
    (found,) = [one for one in seen.containers if one.name == NAME]
    assert (found.id, found.project, found.service) == (kept.id, "shop", "rows")
    assert (found.restart, found.retries, found.removed_on_stop) == ("on-failure", 7, False)
    assert found.environment == {"MODE": "fast"}
    assert {(m.target, m.nameless) for m in found.mounts} == {
        ("/data", False),
        ("/anonymous", True),
    }
    assert found.mode == "adopt_default"
    assert {"adopt_default", "bridge"} <= seen.networks
    assert "ingress" not in seen.networks


def test_stopped_kept_and_started_as_it_was_each_twice(
    site: Site, swarm: DockerClient, kept: KeptContainer
) -> None:
    since = containers.stop(site, kept)
    assert datetime.now(UTC) - since < timedelta(seconds=30)
    assert policy(swarm) == ("no", 0, False)
    again = containers.stop(site, kept)
    assert abs(again - since) < timedelta(seconds=20)
    assert not containers.runs(site, kept)
    for _ in range(2):
        containers.start(site, kept)
        assert policy(swarm) == ("on-failure", 7, True)
    assert containers.runs(site, kept)
    with pytest.raises(EngineError, match="could not be removed"):
        containers.remove(site, kept)
    containers.stop(site, kept)
    for _ in range(2):
        containers.remove(site, kept)
    assert "adopt_rows" in {v["Name"] for v in swarm.api.volumes()["Volumes"]}
    with pytest.raises(EngineError, match="cannot be looked at"):
        containers.start(site, kept)


def test_joined_and_left_again_and_networks_go(
    site: Site, swarm: DockerClient, kept: KeptContainer
) -> None:
    def joined() -> set[str]:
        return set(swarm.api.inspect_container(NAME)["NetworkSettings"]["Networks"])

    for _ in range(2):
        joining.make_networks(site, (NETWORK,), "op-1")
        joining.join(site, kept)
    assert joined() == {"adopt_default", NETWORK.name}
    (network,) = swarm.api.networks(names=[f"^{NETWORK.name}$"])
    assert network["Labels"] == {
        "mine": "yes",
        "com.docker.stack.namespace": "shop",
        "quorate.adopt": "op-1",
    }
    containers.stop(site, kept)
    for _ in range(2):
        joining.leave(site, kept)
    assert joined() == {"adopt_default"}
    containers.start(site, kept)
    joining.join(site, kept)
    assert joined() == {"adopt_default", NETWORK.name}
    joining.leave(site, kept)
    joining.remove_networks(site, "another")
    assert swarm.api.networks(names=[f"^{NETWORK.name}$"])
    for _ in range(2):
        joining.remove_networks(site, "op-1")
    assert not swarm.api.networks(names=[f"^{NETWORK.name}$"])
    joining.join(site, kept)  # what is not there any more is not joined
    assert joined() == {"adopt_default"}


def test_a_service_is_removed_with_all_that_ran_of_it(
    site: Site, swarm: DockerClient, shell: str
) -> None:
    from quorate.recover.adopt.deploying import remove_service

    template = {
        "ContainerSpec": {"Image": shell, "Command": ["sleep", "1000"], "StopGracePeriod": 10**9}
    }
    swarm.api.create_service(template, name="shop_rows")
    one = Adopted(
        id="rows", stack="shop", name="rows", swarm_name="shop_rows", image=shell, home="one",
        containers=(),
    )  # fmt: skip
    for _ in range(2):
        remove_service(site, one)
        label = "com.docker.swarm.service.name=shop_rows"
        assert swarm.api.containers(filters={"label": label}) == []
        assert swarm.api.services(filters={"name": "shop_rows"}) == []
