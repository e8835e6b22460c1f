"""What engines say, as a fleet: faithful, without secrets, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.fleet.imports.guesses import Measured
from quorate.fleet.imports.inventory import Host, Inventory, SwarmSeen
from quorate.fleet.imports.live_draft import draft_live
from quorate.fleet.imports.model import FILL_IN, VALUES_FILE, Draft, ImportOptions
from quorate.plan.solve import make_plan
from tests.unit.fleet.imports.test_round_trip import fleet_of

OPTIONS = ImportOptions(directory=Path("/nowhere/fleet"))
GIB = 2**30
SECRET = "Corr3ct-Horse-Battery"


def container(name: str, image: str, **given: Any) -> dict[str, Any]:
    """A container as `docker inspect` shows it; `given` are compose's labels and more."""
    labels = {
        "com.docker.compose.project": given.get("project", "shop"),
        "com.docker.compose.service": name,
        "com.docker.compose.oneoff": "False",
        **given.get("labels", {}),
    }
    return {
        "Id": given.get("id", name),
        "Name": f"/{labels['com.docker.compose.project']}-{name}-1",
        "Image": f"sha256:{image}",
        "State": {"Status": given.get("status", "running")},
        "Config": {
            "Image": image, "Env": given.get("env", []), "Labels": labels,
            "Cmd": given.get("cmd"), "Hostname": "0123456789ab",
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "always"}, "NetworkMode": "shop_default",
            "LogConfig": {"Type": "json-file", "Config": {}}, "ShmSize": 64 * 2**20,
            **given.get("there", {}),
        },
        "Mounts": given.get("mounts", []),
        "NetworkSettings": {"Networks": {"shop_default": {"Aliases": [name]}}},
    }  # fmt: skip


def host(name: str, *containers: dict[str, Any], **given: Any) -> Host:
    """An engine with those containers."""
    return Host(
        source=name,
        address=f"{name}.example.org",
        user="ops",
        info={"Name": name, "NCPU": 4, "MemTotal": 8 * GIB},
        containers=containers,
        networks=({"Name": "shop_default", "Labels": {"com.docker.compose.project": "shop",
                   "com.docker.compose.network": "default"}},),
        **given,
    )  # fmt: skip


def volume(name: str, target: str) -> dict[str, Any]:
    return {"Type": "volume", "Name": name, "Destination": target, "RW": True}


def drafted(*hosts: Host, **given: Any) -> Draft:
    return draft_live(Inventory(hosts=hosts, **given), OPTIONS)


def test_compose_projects_become_stacks_and_data_stays_where_it_is() -> None:
    db = container("db", "postgres:16", mounts=[volume("shop_rows", "/var/lib/postgresql/data")])
    web = container(
        "web", "nginx:1.27",
        labels={"com.docker.compose.depends_on": "db:service_started:false"},
        there={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
               "Memory": 256 * 2**20},
    )  # fmt: skip
    used = Measured(90 * 2**20, 100 * 2**20, 0.021, 0.3, 6.0, "a")
    draft = drafted(
        host("a", db, web, volume_sizes={"shop_rows": 3 * GIB}, usage={"db": used}), host("b")
    )
    fleet = fleet_of(draft, OPTIONS.directory)
    assert [s.name for s in fleet.stacks] == ["shop"]
    found = fleet.service("db")
    assert (found.state.value, found.pins, found.data_size) == ("postgres", ("a",), 3 * GIB)
    assert (found.load.memory, found.load.memory_peak) == (90 * 2**20, 100 * 2**20)
    assert (found.load.cpu, found.load.cpu_peak) == (0.03, 0.3)
    assert [(v.source, v.target) for v in found.volumes] == [("rows", "/var/lib/postgresql/data")]
    front = fleet.service("web")
    assert (front.pins, front.needs, front.limit_memory) == ((), ("db",), 256 * 2**20)
    assert [(p.published, p.target) for p in front.ports] == [(8080, 80)]
    assert [(s.name, s.address, s.memory, s.cpus) for s in fleet.servers] == [
        ("a", "a.example.org", 8 * GIB, 4.0), ("b", "b.example.org", 8 * GIB, 4.0),
    ]  # fmt: skip
    assert set(make_plan(fleet).services) == {"db", "web"}


def test_a_volume_keeps_its_name_so_that_its_data_is_found() -> None:
    draft = drafted(host("a", container("db", "postgres:16", mounts=[volume("old", "/data")])))
    assert "name: old" in draft.files["shop.yaml"]
    fleet = fleet_of(draft, OPTIONS.directory)
    assert fleet.files[0].volumes["old"]["name"] == "old"


def test_what_swarm_cannot_give_stays_with_compose_where_it_runs() -> None:
    draft = drafted(host("a", container("vpn", "wireguard:1", there={"Privileged": True})))
    stack = fleet_of(draft, OPTIONS.directory).stacks[0]
    assert (stack.engine.value, stack.server) == ("compose", "a")
    assert "privileged" in draft.stacks[0].why


def test_a_project_on_two_servers_is_two_stacks_and_a_port_taken_twice_stays_local() -> None:
    port = {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}
    draft = drafted(
        host("a", container("web", "nginx:1", there=port)),
        host("b", container("web", "nginx:1", there=port)),
    )
    fleet = fleet_of(draft, OPTIONS.directory)
    assert [(s.id, s.pins, s.ports[0].mode) for s in fleet.services] == [
        ("shop/web", ("a",), "host"), ("shop-b/web", ("b",), "host"),
    ]  # fmt: skip


def test_containers_that_do_not_run_are_left_out_and_told() -> None:
    old = container("old", "x:1", status="exited")
    draft = drafted(host("a", container("web", "nginx:1"), old))
    assert [s.services for s in draft.stacks] == [1]
    assert any("shop-old-1" in note.what for note in draft.notes)


def test_no_secret_reaches_a_file() -> None:
    app = container(
        "app", "example/app:1",
        env=[f"DB_PASSWORD={SECRET}", f"DATABASE_URL=postgres://app:{SECRET}@db/app", "DEBUG=1",
             f"NOTE=the word is {SECRET}, told to nobody", "PRICE=5$"],
        cmd=["serve", "--api-token", "tok-en-1"],
        labels={"motto": f"say {SECRET}", "traefik.enable": "true"},
    )  # fmt: skip
    draft = drafted(host("a", app), odd=(("a", f"said {SECRET}"),))
    everything = draft.model_dump_json()
    assert SECRET not in everything
    assert "tok-en-1" not in everything
    compose = draft.files["shop.yaml"]
    assert 'DATABASE_URL: "postgres://app:${SHOP_APP_DB_PASSWORD:?}@db/app"' in compose
    assert 'DEBUG: "1"' in compose
    assert 'PRICE: "5$$"' in compose
    assert f"SHOP_APP_DB_PASSWORD={FILL_IN}" in draft.files[VALUES_FILE]
    assert draft.private == (VALUES_FILE,)
    fleet = fleet_of(draft, OPTIONS.directory)
    assert fleet.service("app").environment["PRICE"] == "5$"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_whatever_the_password_it_is_not_written(secret: str) -> None:
    db = container(
        "db", "postgres:16", env=[f"POSTGRES_PASSWORD={secret}"],
        labels={"note": f"x {secret} y"},
    )  # fmt: skip
    if secret.lower() in ("postgres", "password"):
        return
    draft = drafted(host("a", db))
    assert f'POSTGRES_PASSWORD: "{secret}' not in draft.files["shop.yaml"]
    fleet_of(draft, OPTIONS.directory)


SERVICE = {
    "ID": "s1",
    "Spec": {
        "Name": "shop_web",
        "Labels": {"com.docker.stack.namespace": "shop", "com.docker.stack.image": "nginx:1.27",
                   "quorate.class": "production", "team": "a"},
        "Mode": {"Replicated": {"Replicas": 2}},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "nginx:1.27@sha256:bcd2",
                "Secrets": [{"SecretName": "key-v1", "File": {"Name": "key", "Mode": 292}}],
                "Mounts": [{"Type": "volume", "Source": "shop_pages", "Target": "/pages"}],
            },
            "Networks": [{"Target": "n1", "Aliases": ["web", "www"]}],
            "Placement": {"Constraints": ["node.labels.quorate.pool.0123abcd==true"]},
            "Resources": {"Reservations": {"MemoryBytes": 32 * 2**20, "NanoCPUs": 50_000_000}},
        },
    },
}  # fmt: skip


def node(name: str, **labels: str) -> dict[str, Any]:
    return {
        "ID": name,
        "Spec": {"Role": "manager", "Labels": {**labels}},
        "Status": {"State": "ready", "Addr": f"192.0.2.{ord(name)}"},
        "Description": {
            "Hostname": name, "Resources": {"NanoCPUs": 2_000_000_000, "MemoryBytes": 4 * GIB},
        },
    }  # fmt: skip


def test_a_swarm_service_comes_back_as_it_was_written() -> None:
    pool = {"quorate.pool.0123abcd": "true", "rack": "left"}
    swarm = SwarmSeen(
        nodes=(node("a", **pool), node("b", **pool), node("c")),
        services=(SERVICE,),
        tasks=({"ServiceID": "s1", "NodeID": "b", "Status": {"State": "running"}},),
        networks=({"Id": "n1", "Name": "backend", "Driver": "overlay", "Options": {}},),
        settings={"Dispatcher": {"HeartbeatPeriod": 2_000_000_000}},
    )
    draft = draft_live(Inventory(swarm=swarm), OPTIONS)
    fleet = fleet_of(draft, OPTIONS.directory)
    (web,) = fleet.services
    assert (web.swarm_name, web.image, web.replicas) == ("shop_web", "nginx:1.27", 2)
    assert (web.reservation_memory, web.reservation_cpus) == (32 * 2**20, 0.05)
    assert (web.constraints, web.pins, web.state.value) == ((), ("b",), "volume")
    assert web.raw["deploy"]["labels"] == {"team": "a"}
    assert web.raw["networks"] == {"backend": {"aliases": ["www"]}}
    assert fleet.files[0].secrets == {"key": {"external": True, "name": "key-v1"}}
    assert fleet.files[0].networks == {"backend": {"external": True}}
    assert fleet.server("a").labels == {"rack": "left"}
    assert (fleet.swarm.heartbeat, fleet.swarm.encrypt_networks) == (2.0, False)
    assert "runs as sha256:bcd2" in draft.files["shop.yaml"]


@pytest.mark.parametrize(
    "figures",
    [{}, {"NanoCPUs": -1, "MemoryBytes": -5}, {"NanoCPUs": "many", "MemoryBytes": None}],
)
def test_figures_without_sense_are_told_and_marked(figures: dict[str, Any]) -> None:
    broken = node("a")
    broken["Description"]["Resources"] = figures
    draft = draft_live(Inventory(swarm=SwarmSeen(nodes=(broken,), services=(SERVICE,))), OPTIONS)
    assert sum("makes sense" in note.what for note in draft.notes) == 2
    assert {g.key for g in draft.guesses if g.kind.value == "placeholder"} == {"memory", "cpus"}
    fleet_of(draft, OPTIONS.directory)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["ID", "Id", "Name", "Spec", "Labels", "Config", "HostConfig", "Mounts", "State",
             "Image",
             "Status", "Description", "Hostname", "Resources", "MemoryBytes", "NanoCPUs", "Env",
             "TaskTemplate", "ContainerSpec", "Mode", "Replicated", "Replicas", "Networks", "Ports",
             "PortBindings", "80/tcp", "HostPort", "Ulimits", "Soft", "Type", "Target", "Source"]
        ),
        inner, max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip
JUNK_MAP = st.dictionaries(
    st.sampled_from(["ID", "Id", "Name", "Spec", "Config", "HostConfig", "State", "Mounts",
                     "Description", "Status", "NetworkSettings", "Labels"]),
    JUNK, max_size=6,
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(JUNK_MAP, max_size=3), st.lists(JUNK_MAP, max_size=3), JUNK_MAP)
def test_an_engine_that_answers_nonsense_is_no_reason_to_fail(
    things: list[dict[str, Any]], others: list[dict[str, Any]], info: dict[str, Any]
) -> None:
    running = [{**thing, "State": {"Status": "running"}} for thing in things]
    swarm = SwarmSeen(
        nodes=tuple(others), services=tuple(things), tasks=tuple(others), networks=tuple(things),
        settings=info,
    )  # fmt: skip
    odd_host = Host(
        source="a", address="a", info=info, containers=tuple(running), networks=tuple(things),
        volumes={"v": info}, images={"x": info},
    )  # fmt: skip
    draft_live(Inventory(hosts=(odd_host,), swarm=swarm), OPTIONS)
    draft_live(Inventory(hosts=(odd_host,)), OPTIONS)
