"""Containers that ran before there was a swarm become services, and containers again.

The nodes have no docker compose: the containers are started one by one, with the labels, names and
networks that it gives them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.tools import docker
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient
    from tests.scenarios.conftest import Office

SERVER = "three"
FILE = Path(__file__).parent / "fleets" / "site.yaml"
NETWORK = "site_default"
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
SWARM_SERVICE = "com.docker.swarm.service.name"
ALL = ("rows", "keys", "api", "front", "ticker")
GAP_SECONDS = 60.0
"""Of one service, on an idle machine 3 to 8 s."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One of the project's, as docker compose would start it."""

    image: str
    restart: Mapping[str, Any]
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[str, ...] = ()
    ports: Mapping[int | str, int] = field(default_factory=dict)
    health: str = ""


CONTAINERS = {
    "rows": Container(
        image="postgres:16",
        restart={"Name": "always"},
        environment={"POSTGRES_PASSWORD": "sesame"},
        binds=("site_rows:/var/lib/postgresql/data",),
        health="pg_isready -U postgres",
    ),
    "keys": Container(
        image="redis:7",
        restart={"Name": "unless-stopped"},
        command=("redis-server", "--appendonly", "yes"),
        binds=("site_keys:/data",),
        health="redis-cli ping",
    ),
    "api": Container(
        image="registry.example.com/shop/api:1.0",
        restart={"Name": "on-failure", "MaximumRetryCount": 3},
    ),
    "front": Container(
        image="nginx:1.27",
        restart={"Name": "always"},
        binds=("site_pages:/usr/share/nginx/html",),
        ports={80: 8088},
    ),
    "ticker": Container(image="debian:13", restart={"Name": "no"}, command=("sleep", "infinity")),
}


def run(client: DockerClient, name: str, one: Container) -> None:
    """`docker run`, with what docker compose adds to it."""
    client.api.pull(one.image)
    config = client.api.create_host_config(
        restart_policy=dict(one.restart),
        binds=list(one.binds),
        port_bindings=dict(one.ports),
        network_mode=NETWORK,
    )
    health = {"test": ["CMD-SHELL", one.health], "interval": 10**9, "retries": 10}
    endpoints: Any = {NETWORK: client.api.create_endpoint_config(aliases=[name])}
    made = client.api.create_container(
        one.image,
        list(one.command) or None,
        name=f"site-{name}-1",
        environment=dict(one.environment),
        ports=list(one.ports),
        labels={PROJECT: "site", SERVICE: name},
        host_config=config,
        healthcheck=health if one.health else None,
        networking_config=client.api.create_networking_config(endpoints),
    )
    client.api.start(made["Id"])


def clear(client: DockerClient) -> None:
    """Remove what is left of the project, its volumes too, once its tasks have ended."""
    tasks = {"label": "com.docker.stack.namespace=site"}
    deadline = time.monotonic() + 60
    while client.api.containers(filters=tasks) and time.monotonic() < deadline:
        time.sleep(0.5)
    for raw in client.api.containers(all=True, filters=tasks):
        client.api.remove_container(raw["Id"], force=True, v=True)
    for raw in client.api.containers(all=True, filters={"label": f"{PROJECT}=site"}):
        client.api.remove_container(raw["Id"], force=True, v=True)
    for network in client.api.networks(names=[f"^{NETWORK}$"]):
        client.api.remove_network(network["Id"])
    for name in ("site_rows", "site_keys", "site_pages"):
        for volume in client.api.volumes(filters={"name": name})["Volumes"] or ():
            client.api.remove_volume(volume["Name"])


@contextmanager
def project(office: Office, names: tuple[str, ...] = ALL) -> Iterator[DockerClient]:
    """The shop with the stack `site`, whose containers run by docker; as it was, afterwards."""
    steps.given_deployed(office)
    text = office.fleet.read_text()
    site = office.fleet.parent / "site.yaml"
    site.write_text(FILE.read_text())
    office.fleet.write_text(text.replace("stacks:\n", "stacks:\n  site: {files: [site.yaml]}\n"))
    with live.connected(office) as connections:
        client = connections.client(SERVER)
        try:
            clear(client)
            client.api.create_network(NETWORK, driver="bridge", labels={PROJECT: "site"})
            for name in names:
                run(client, name, CONTAINERS[name])
            yield client
        finally:
            office.fleet.write_text(text)
            site.unlink()
            steps.up(office)  # removes services of the site that a failed test has left
            clear(client)


def running(client: DockerClient, name: str) -> list[str]:
    """The ids of the containers that run for one service, of docker's own and of Swarm."""
    own = client.api.containers(filters={"label": f"{SERVICE}={name}"})
    tasks = client.api.containers(filters={"label": f"{SWARM_SERVICE}=site_{name}"})
    return [str(raw["Id"]) for raw in (*own, *tasks)]


def inside(client: DockerClient, name: str, script: str) -> str:
    """What a script prints in the one container that runs for a service."""
    (container,) = running(client, name)
    code, said = docker.execute(client, container, ["sh", "-c", script])
    assert code == 0, said
    return said.strip()


ROWS = (
    "psql -U postgres -Atc \"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY n)) FROM t t\""
)
WRITE_ROWS = (
    "psql -U postgres -qc 'CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1,5000) n'"
)


def given_data(client: DockerClient) -> None:
    """Something in each volume."""
    deadline = time.monotonic() + 60
    while docker.execute(client, running(client, "rows")[0], ["pg_isready", "-U", "postgres"])[0]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    time.sleep(2)  # the image starts the server twice
    inside(client, "rows", WRITE_ROWS)
    if running(client, "keys"):
        inside(client, "keys", "for n in 1 2 3 4 5; do redis-cli set k$n v$n; done")
        inside(client, "front", "echo hello > /usr/share/nginx/html/index.html")


def data(client: DockerClient) -> list[str]:
    """All of it."""
    found = [inside(client, "rows", ROWS)]
    if running(client, "keys"):
        found.append(inside(client, "keys", "redis-cli keys '*' | sort; redis-cli get k5"))
        found.append(inside(client, "front", "cat /usr/share/nginx/html/index.html"))
    return found


def adopt(office: Office, *arguments: str, code: int | None = 0) -> Any:
    said = office.json(
        *("adopt", *arguments, "--fleet", str(office.fleet), "--lab", "--yes"), code=code
    )
    return said


def restarts(client: DockerClient) -> dict[str, str]:
    """Each container of docker's own → its restart policy, and whether it runs."""
    found = {}
    for raw in client.api.containers(all=True, filters={"label": f"{PROJECT}=site"}):
        one = client.api.inspect_container(raw["Id"])
        policy = one["HostConfig"]["RestartPolicy"]
        words = f"{policy['Name']}:{policy['MaximumRetryCount']}:{one['State']['Status']}"
        found[raw["Labels"][SERVICE]] = words
    return found


STOPPED = dict.fromkeys(ALL, "no:0:exited")
STARTED = {
    "rows": "always:0:running",
    "keys": "unless-stopped:0:running",
    "api": "on-failure:3:running",
    "front": "always:0:running",
    "ticker": "no:0:running",
}


def site_networks(office: Office) -> list[str]:
    return [name for name in live.snapshot(office).networks if name == "site-services"]


@pytest.mark.drill
def test_a_project_of_five_with_two_databases_is_adopted_and_undone_again(shop: Office) -> None:
    with project(shop) as client:
        given_data(client)
        before = data(client)
        shown = adopt(shop, "--dry-run")
        assert [s["id"] for s in shown["steps"]][:2] == ["ready", "join"]
        assert restarts(client) == STARTED
        journal = adopt(shop)
        assert journal["state"] == "done"
        seen = live.snapshot(shop)
        names = {f"site_{name}" for name in ALL}
        assert {n: len(t) for n, t in live.running(seen).items() if n in names} == dict.fromkeys(
            names, 1
        )
        assert restarts(client) == STOPPED
        assert data(client) == before
        # The shop has a service `api`, too: there it is called by its stack.
        gaps = {
            key.removeprefix("gap:").removeprefix("site/"): gap
            for key, gap in journal["facts"].items()
            if key.startswith("gap:")
        }
        assert set(gaps) == set(ALL)
        print("nobody answered for", gaps)
        for name, gap in gaps.items():
            assert engine_gap(client, name) - 1.5 <= gap <= GAP_SECONDS, name
        # Services find each other, and what is deployed is what the files say.
        assert "rows" in inside(client, "api", "getent hosts rows || getent hosts tasks.rows")
        changes = shop.json("diff", str(shop.fleet), "--lab")
        assert not names & {*changes["changed"], *changes["added"], *changes["removed"]}, changes
        then_clean_keeps_hands_off(shop)
        undone = shop.json(
            *("adopt", "--undo", "--fleet", str(shop.fleet), "--lab", "--yes"), timeout=600
        )
        assert undone["state"] == "undone"
        assert restarts(client) == STARTED
        assert data(client) == before
        assert not names & set(live.running(live.snapshot(shop)))
        assert site_networks(shop) == []
        history = shop.json("history", str(shop.fleet), "--lab")
        assert str(history).count("undone") == 1
        # Once more, and for good.
        adopt(shop)
        adopt(shop, "--finish")
        assert restarts(client) == {}
        assert data(client) == before
        refused = adopt(shop, "--undo", code=2)
        assert "nothing of any adoption left" in str(refused)


def engine_gap(client: DockerClient, name: str) -> float:
    """Seconds from the end of the container to the start of the task that took its place."""
    (old,) = client.api.containers(all=True, filters={"label": f"{SERVICE}={name}"})
    (new,) = client.api.containers(filters={"label": f"{SWARM_SERVICE}=site_{name}"}) or (None,)
    if new is None:  # it is at home on another server
        return 0.0
    ended = client.api.inspect_container(old["Id"])["State"]["FinishedAt"]
    began = client.api.inspect_container(new["Id"])["State"]["StartedAt"]
    return (datetime.fromisoformat(began[:19]) - datetime.fromisoformat(ended[:19])).total_seconds()


def then_clean_keeps_hands_off(office: Office) -> None:
    """Neither kept containers nor what the fleet uses is listed; volumes go only by name."""
    common = ("--fleet", str(office.fleet), "--lab", "--yes")
    shown = office.json("clean", "--dry-run", *common)
    listed = {item["name"] for one in shown["plan"]["servers"] for item in one["items"]}
    assert not {name for name in listed if "site" in name}
    kept = {k["name"]: k["why"] for one in shown["plan"]["servers"] for k in one["kept"]}
    assert "may still be undone" in kept["site-rows-1"]
    refused = office.quorate("clean", "--volume", f"{SERVER}:site_rows", *common, code=8)
    assert "mount it, running or stopped" in refused.stderr
    with live.connected(office) as connections:
        connections.client(SERVER).api.create_volume("stray")
    really = ("--yes-really", "stray")
    office.quorate("clean", "--volume", f"{SERVER}:stray", *common, code=8)
    gone = office.json("clean", "--volume", f"{SERVER}:stray", *really, *common)
    assert gone["plan"]["volumes"][0]["proof"].startswith("no backup of it is known")
    assert [(one["name"], one["why"]) for one in gone["removed"] if one["kind"] == "volume"] == [
        ("stray", "")
    ]
    office.quorate("clean", "--volume", f"{SERVER}:stray", *really, *common, code=2)


@pytest.mark.drill
def test_a_service_that_does_not_become_healthy_gives_its_place_back(shop: Office) -> None:
    with project(shop, ("rows", "ticker")) as client:
        given_data(client)
        before = data(client)
        site = shop.fleet.parent / "site.yaml"
        good = site.read_text()
        site.write_text(good.replace('"CMD", "true"]', '"CMD", "false"]'))
        said = adopt(shop, code=5)
        assert "ticker did not become healthy" in str(said)
        assert restarts(client) == {"rows": STOPPED["rows"], "ticker": STARTED["ticker"]}
        busy = adopt(shop, code=7)
        assert "operations resume" in str(busy)
        adopt(shop, "--undo")
        assert restarts(client) == {n: STARTED[n] for n in ("rows", "ticker")}
        assert data(client) == before
        site.write_text(good)


@contextmanager
def one_writer(client: DockerClient) -> Iterator[None]:
    """Fail when two containers that mount the database's volume were seen to run at once."""
    stop = threading.Event()
    found: list[str] = []

    def look() -> None:
        while not stop.wait(0.1):
            try:
                rows = client.api.containers(filters={"volume": "site_rows"})
            except docker.engine_errors():
                continue
            if len(rows) > 1:
                found.append(", ".join(str(raw["Names"]) for raw in rows))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert found == []


def killed(office: Office, command: tuple[str, ...], words: str, after: float) -> None:
    """Start a verb and kill it after it has said these words; it may have ended before."""
    process = office.start(*command, "--fleet", str(office.fleet), "--lab", "--yes")
    try:
        steps.when_it_says(process, words)
        time.sleep(after)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.drill
@pytest.mark.parametrize("then", ["undo", "resume"])
@pytest.mark.timeout(1200)
def test_killed_at_every_step_it_goes_on_or_back(shop: Office, then: str) -> None:
    common = ("--fleet", str(shop.fleet), "--lab", "--yes")
    with project(shop, ("rows",)) as client, one_writer(client):
        given_data(client)
        before = data(client)
        shown = adopt(shop, "--dry-run")
        total = len(shown["steps"])
        assert total == 5
        for number in range(1, total + 1):
            for after in (0.0, 1.0):
                killed(shop, ("adopt",), f"step {number} of {total}", after)
                if not begun(shop, common):  # it had ended before
                    adopt(shop, "--undo")
                elif then == "undo":
                    shop.quorate("operations", "undo", *common)
                else:
                    shop.quorate("operations", "resume", *common)
                    assert restarts(client) == {"rows": STOPPED["rows"]}
                    assert data(client) == before
                    killed(shop, ("adopt", "--undo"), "undoing", after)
                    with_journal_open(shop, common)
                assert restarts(client) == {"rows": STARTED["rows"]}
                assert data(client) == before
                assert site_networks(shop) == []


def begun(office: Office, common: tuple[str, ...]) -> bool:
    """Whether an operation is under way by its journal."""
    listed = office.json("operations", "list", *common[:3])["operations"]
    return bool(listed) and listed[-1]["state"] == "begun"


def with_journal_open(office: Office, common: tuple[str, ...]) -> None:
    """Go on with an undoing that was killed; one that had ended has nothing left."""
    if begun(office, common):
        listed = office.json("operations", "list", *common[:3])["operations"]
        assert listed[-1]["back"] is True
        office.quorate("operations", "resume", *common)
