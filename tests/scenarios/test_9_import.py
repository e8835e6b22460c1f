"""A deployed fleet, imported from its engines, is the fleet that was deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.fleet.families import take_apart
from quorate.fleet.model import Fleet, Service
from quorate.fleet.read import read_fleet
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

SERVERS = ("one", "two", "three", "four")


def facts(service: Service) -> dict[str, Any]:
    """What an import has to find again."""
    image = take_apart(service.image)
    return {
        "image": (image.path, image.tag),
        "mode": service.mode,
        "replicas": service.replicas,
        "class": service.workload_class,
        "state": service.state,
        "reservation": (service.reservation_memory, service.reservation_cpus),
        "limit": service.limit_memory,
        "volumes": sorted((v.kind, v.source, v.target) for v in service.volumes),
        "networks": service.networks,
        "healthcheck": service.has_healthcheck,
    }


def imported(office: Office, place: Path, *arguments: str) -> tuple[Fleet, dict[str, Any]]:
    """The fleet that `init` makes of the lab's engines, and what it prints."""
    config = str(live.lab_of(office).ssh_config)
    said = office.json(
        *("init", *arguments, "--ssh-config", config, "-o", str(place), "--measure", "2"),
        *("--name", live.fleet_of(office).name),
    )
    return read_fleet(place / "fleet.yaml", environment={}), said


@pytest.mark.parametrize(
    "arguments",
    [("--from-swarm", "ssh://root@one"), ("--from-docker", *SERVERS)],
    ids=lambda a: a[0],
)
def test_an_imported_swarm_is_the_deployed_one(
    shop: Office, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    steps.given_deployed(shop)
    wanted = live.fleet_of(shop)
    fleet, said = imported(shop, tmp_path / "fleet", *arguments)
    assert (said["checked"], said["problems"]) == (True, [])
    assert {s.swarm_name: facts(s) for s in fleet.services} == {
        s.swarm_name: facts(s) for s in wanted.services
    }
    lab = live.lab_of(shop)
    for server in wanted.servers:
        found = fleet.server(server.name)
        assert (found.role, found.cpus) == (server.role, server.cpus * lab.cpu_factor)
        assert found.memory == pytest.approx(server.memory * lab.memory_factor, abs=2**20)
    assert fleet.swarm.heartbeat == wanted.swarm.heartbeat
    assert fleet.service("worker").pins == ("four", "one")
    text = "".join(path.read_text() for path in (tmp_path / "fleet").iterdir())
    assert "sesame" not in text
    plan = shop.json("plan", str(tmp_path / "fleet/fleet.yaml"))
    assert plan["status"] == "optimal"
    # What runs is what the imported files say: deploying them would restart nothing.
    changes = shop.json("diff", str(tmp_path / "fleet/fleet.yaml"))
    assert [name for name, change in changes["changed"].items() if change["restarts"]] == []
    assert (changes["added"], changes["removed"]) == ([], [])


def test_inspected_servers_are_as_the_fleet_file_says_or_can_be_made_so(
    shop: Office, tmp_path: Path
) -> None:
    config = str(live.lab_of(shop).ssh_config)
    listed = [f"ssh://root@{name}" for name in SERVERS]
    found = shop.json("inspect", *listed, "--ssh-config", config, "--fleet", str(shop.fleet))
    assert [server["hardware"]["name"] for server in found["servers"]] == list(SERVERS)
    for server in found["servers"]:
        hardware = server["hardware"]
        assert hardware["threads"] > 0
        assert hardware["memory"] > 2**30
        assert hardware["speed"] > 0
        assert f"  {server['name']}:" in server["snippet"]
    # A fleet file for the lab, with a figure that is wrong.
    lines = ["version: 1", "name: lab", "servers:"]
    for name in SERVERS:
        lines += [f"  {name}: # {name} itself", f"    address: {name}", "    role: manager"]
        lines += [f"    ssh: {{config: {config}}}", "    cpus: 99 # surely not", "    memory: 1M"]
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("\n".join([*lines, ""]))
    shop.quorate("inspect", "--fleet", str(fleet), "--write", code=8)
    assert "cpus: 99" in fleet.read_text()
    shop.quorate("inspect", "--fleet", str(fleet), "--write", "--yes")
    after = fleet.read_text()
    assert "cpus: 99" not in after
    assert after.count("# surely not") == len(SERVERS)
    assert read_fleet(fleet, environment={}).server("one").memory > 2**30


def test_a_server_that_does_not_answer_is_told_and_the_others_are_imported(
    shop: Office, tmp_path: Path
) -> None:
    steps.given_deployed(shop)
    names = ("one", "nobody.invalid")
    fleet, said = imported(shop, tmp_path / "fleet", "--from-docker", *names)
    assert "nobody.invalid" in {note["subject"] for note in said["notes"]}
    assert len(fleet.services) == 8
    config = str(live.lab_of(shop).ssh_config)
    worker = shop.quorate(
        *("init", "--from-swarm", "four", "--ssh-config", config, "-o", str(tmp_path / "no")),
        code=6,
    )
    assert "manages no swarm" in worker.stderr
