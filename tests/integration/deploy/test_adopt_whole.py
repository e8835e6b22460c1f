"""An adoption from end to end on a swarm of one: real engine, networks, volumes and journal.

Only ssh is faked: `docker stack deploy` is run here. That several servers do it is for the lab.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate import adopting, operating
from quorate.deploy.progress import Silent
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, Manager, in_parallel
from quorate.recover.adopt import deploying
from quorate.recover.adopt.choose import choose, finishing
from quorate.recover.adopt.model import Adopted
from quorate.recover.model import Journal, Operation, State
from quorate.recover.site import Site
from quorate.tools import command, docker
from tests.unit.fleet.helpers import fleet_of

if TYPE_CHECKING:
    from quorate.observe.connect import Connections
    from quorate.tools.docker import DockerClient

COMPOSE = """\
services:
  rows:
    image: quorate-test:shell
    command:
      ["sh", "-c", "trap 'exit 0' TERM; echo service >> /data/x; while :; do sleep 0.1; done"]
    volumes: ["rows:/data"]
    x-quorate: {state: volume, pin: HOST}
networks: {default: {name: whole-services}}
volumes: {rows: {}}
"""
FLEET = """\
version: 1
name: whole
servers:
  HOST: {address: 192.0.2.1, role: manager, cpus: 8, memory: 16GiB}
stacks:
  whole: {files: [compose.yaml]}
swarm: {encrypt_networks: false}
"""
NAME = "whole-rows-1"
SERVICE = "com.docker.swarm.service.name=whole_rows"


class OneServer:
    """A fake of `Connections` to one server: its engine is reached directly, not by ssh."""

    def __init__(self, client: DockerClient, server: Server) -> None:
        self._client, self._server = client, server

    def client(self, server: str) -> DockerClient:
        assert server == self._server.name
        return self._client

    def renew(self) -> None:
        """Nothing to renew."""

    def manager(self) -> Manager:
        return Manager(server=self._server, client=self._client)

    def each(self, ask: Any, servers: Any = None) -> Answers[Any]:
        del servers
        return in_parallel(lambda server: ask(server, self._client), [self._server])


@dataclass
class Killing(Silent):
    """Says nothing, and ends everything at the so-manieth thing it is told."""

    left: int = 10**6

    def phase(self, title: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.fixture
def place(
    swarm: DockerClient, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    host = str(swarm.api.info()["Name"])
    files = {
        "fleet.yaml": FLEET.replace("HOST", host),
        "compose.yaml": COMPOSE.replace("HOST", host),
    }
    fleet = fleet_of(tmp_path, files)

    def deploy(target: object, name: str, document: Mapping[str, Any], **more: Any) -> str:
        """A fake of ssh alone: the same program, run here."""
        argv = ["docker", "-H", swarm_socket(swarm), "stack", "deploy", "--resolve-image", "never"]
        return command.run([*argv, "-c", "-", name], input=json.dumps(document)).stdout

    monkeypatch.setattr(deploying, "deploy_stack", deploy)

    connections = cast("Connections", OneServer(swarm, fleet.servers[0]))
    swarm.api.create_network("whole_default", driver="bridge")
    config = swarm.api.create_host_config(
        restart_policy={"Name": "always"}, binds=["whole_rows:/data"], network_mode="whole_default"
    )
    made = swarm.api.create_container(
        shell,
        ["sh", "-c", "trap 'exit 0' TERM; echo container >> /data/x; while :; do sleep 0.1; done"],
        name=NAME,
        labels={"com.docker.compose.project": "whole", "com.docker.compose.service": "rows"},
        host_config=config,
    )
    swarm.api.start(made["Id"])
    try:
        yield Site(fleet=fleet, connections=connections, report=Killing())
    finally:
        for one in swarm.api.services(filters={"name": "whole_rows"}):
            swarm.api.remove_service(one["ID"])
        for raw in swarm.api.containers(all=True, filters={"volume": "whole_rows"}):
            swarm.api.remove_container(raw["Id"], force=True)
        for name in ("whole_default", "whole-services"):
            for network in swarm.api.networks(names=[f"^{name}$"]):
                swarm.api.remove_network(network["Id"])
        for config_ in swarm.api.configs():
            swarm.api.remove_config(config_["ID"])
        swarm.api.remove_volume("whole_rows", force=True)


def swarm_socket(client: DockerClient) -> str:
    """Where the engine of the tests listens."""
    adapter: Any = client.api.get_adapter("http+docker://localhost")
    return f"unix://{adapter.socket_path}"


def decided(place: Site) -> Operation:
    return choose(adopting._scene(place, place.snapshot(), 2.0))


def running(place: Site) -> list[str]:
    """What runs with the volume: the container, or a task."""
    rows = place.client().api.containers(filters={"volume": "whole_rows"})
    return ["task" if "com.docker.swarm.task.id" in raw["Labels"] else "container" for raw in rows]


def written(place: Site) -> list[str]:
    raw = place.client().api.containers(filters={"volume": "whole_rows"})[0]
    code, said = docker.execute(place.client(), raw["Id"], ["cat", "/data/x"])
    assert code == 0
    return said.split()


def policy(place: Site) -> str:
    raw = place.client().api.inspect_container(NAME)
    return str(raw["HostConfig"]["RestartPolicy"]["Name"])


def carried(place: Site) -> Journal:
    return operating.carry_out(place, decided(place), confirm=lambda _: True)


def then_as_before(place: Site) -> None:
    assert running(place) == ["container"]
    assert policy(place) == "always"
    assert not place.client().api.services(filters={"name": "whole_rows"})
    assert not place.client().api.networks(names=["^whole-services$"])
    assert "container" in written(place)


def test_adopted_undone_adopted_and_finished(place: Site) -> None:
    journal = carried(place)
    assert journal.state is State.DONE
    assert running(place) == ["task"]
    assert written(place) == ["container", "service"]
    assert policy(place) == "no"
    assert 0 < journal.facts["gap:rows"] < 60
    operating.undo(place, journal.id)
    then_as_before(place)
    journal = carried(place)
    adopted = tuple(Adopted.model_validate(one) for one in journal.operation.facts["adopted"])
    done = operating.further(place, journal.id, [finishing(adopted)])
    assert done.sealed() is not None
    assert running(place) == ["task"]
    assert written(place)[0] == "container"


@pytest.mark.drill
def test_killed_at_every_step_it_goes_back_or_on(place: Site) -> None:
    total = len(decided(place).steps)
    report = cast("Killing", place.report)
    killed = 0
    for then in (operating.undo, operating.resume):
        for number in range(total + 12):
            operation = decided(place)
            report.left = number
            try:
                carried_out = operating.carry_out(place, operation, confirm=lambda _: True)
            except KeyboardInterrupt:
                report.left = 10**6
                killed += 1
                assert len(running(place)) <= 1
                journal = then(place, "")
            else:
                report.left = 10**6
                operating.undo(place, carried_out.id)
                then_as_before(place)
                break
            if journal.state is State.DONE:
                assert running(place) == ["task"]
                operating.undo(place, journal.id)
            then_as_before(place)
    assert killed >= 2 * total
