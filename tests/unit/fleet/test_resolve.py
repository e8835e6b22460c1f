"""What a service becomes: load, state, mounts, ports, pins, and what was assumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.fleet.model import Load, Mode, Port, Service, State
from tests.unit.fleet.helpers import fleet_of

MIB = 2**20


def service(directory: Path, body: str, rest: str = "") -> Service:
    text = f"services:\n  s: {body}\n{rest}"
    (found,) = fleet_of(directory, {"compose.yaml": text}).services
    return found


@pytest.mark.parametrize(
    ("body", "load", "assumed"),
    [
        (
            "{image: x:1, x-quorate: {load: {memory: 100M, memory_peak: 200M, cpu: 0.5,"
            " cpu_peak: 2, network: 1M, network_peak: 5M, spiky: true}}}",
            Load(memory=100 * MIB, memory_peak=200 * MIB, cpu=0.5, cpu_peak=2.0, network=1 * MIB,
                 network_peak=5 * MIB, spiky=True),
            0,
        ),
        (
            "{image: x:1, deploy: {resources: {reservations: {memory: 64M, cpus: '0.25'},"
            " limits: {memory: 128M, cpus: '1'}}}}",
            Load(memory=64 * MIB, memory_peak=128 * MIB, cpu=0.25, cpu_peak=1.0),
            0,
        ),
        (
            "{image: x:1, mem_reservation: 32M, mem_limit: 64M, cpus: 0.5}",
            Load(memory=32 * MIB, memory_peak=64 * MIB, cpu=0.05, cpu_peak=0.5),
            1,
        ),
        ("{image: x:1}", Load(memory=128 * MIB, memory_peak=128 * MIB, cpu=0.05, cpu_peak=0.05), 2),
        (
            "{image: x:1, deploy: {resources: {limits: {memory: 64M}}}}",
            Load(memory=64 * MIB, memory_peak=64 * MIB, cpu=0.05, cpu_peak=0.05),
            2,
        ),
        (
            "{image: x:1, deploy: {resources: {reservations: {memory: 64M, cpus: 1}}},"
            " x-quorate: {load: {memory: 32M}}}",
            Load(memory=32 * MIB, memory_peak=32 * MIB, cpu=1.0, cpu_peak=1.0),
            0,
        ),
    ],
)  # fmt: skip
def test_load_comes_from_the_first_source(
    tmp_path: Path, body: str, load: Load, assumed: int
) -> None:
    found = service(tmp_path, body)
    assert found.load == load
    assert len(found.assumed) == assumed


def test_a_file_gives_defaults_for_its_services(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """\
            x-quorate: {class: monitoring, load: {memory: 10M, cpu: 0.1}}
            services:
              a: {image: x:1}
              b: {image: x:1, x-quorate: {class: data, load: {memory: 20M}}}
        """
    }
    a, b = fleet_of(tmp_path, files).services
    assert (a.workload_class, a.load.memory, a.load.cpu) == ("monitoring", 10 * MIB, 0.1)
    assert (b.workload_class, b.load.memory, b.load.cpu) == ("data", 20 * MIB, 0.1)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("{image: postgres:17}", State.POSTGRES),
        ("{image: 'docker.io/bitnami/postgresql:17'}", State.POSTGRES),
        ("{image: 'prometheuscommunity/postgres-exporter:1'}", State.NONE),
        ("{image: mysql:8}", State.MARIADB),
        ("{image: redis:7}", State.CACHE),
        ("{image: redis:7, volumes: ['data:/data']}", State.REDIS),
        ("{image: 'gitlab/gitlab-ce:18.4.1-ce.0'}", State.GITLAB),
        ("{image: x:1, volumes: ['data:/data']}", State.VOLUME),
        ("{image: x:1, volumes: ['data:/data:ro']}", State.NONE),
        ("{image: x:1, volumes: ['/srv/data:/data']}", State.VOLUME),
        ("{image: x:1, volumes: ['/data']}", State.VOLUME),
        ("{image: x:1, volumes: ['/var/run/docker.sock:/var/run/docker.sock']}", State.NONE),
        ("{image: x:1, volumes: ['/:/host:rslave']}", State.NONE),
        ("{image: x:1, volumes: ['./app.conf:/etc/app.conf']}", State.NONE),
        ("{image: x:1, volumes: [{type: tmpfs, target: /tmp}]}", State.NONE),
        ("{image: postgres:17, x-quorate: {state: none}}", State.NONE),
    ],
)
def test_state_is_guessed_when_it_is_not_said(tmp_path: Path, body: str, state: State) -> None:
    found = service(tmp_path, body, "volumes: {data: {}}\n")
    assert found.state is state
    assert any(text.startswith("state ") for text in found.assumed) == (
        state is not State.NONE and "state:" not in body
    )


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ("{}", "volume"),
        ("{external: true}", "volume"),
        ("{driver: local, driver_opts: {type: nfs, o: 'addr=192.0.2.1', device: ':/x'}}", "shared"),
        ("{driver: local, driver_opts: {type: none, o: bind, device: /x}}", "volume"),
        ("{driver: rclone}", "shared"),
        ("{x-cluster-spec: {}}", "shared"),
    ],
)
def test_volumes_that_every_server_reaches_are_shared(
    tmp_path: Path, definition: str, kind: str
) -> None:
    body = "{image: x:1, volumes: ['data:/data']}"
    (volume,) = service(tmp_path, body, f"volumes: {{data: {definition}}}\n").volumes
    assert volume.kind == kind


@pytest.mark.parametrize(
    ("options", "server"),
    [
        ("{type: nfs, o: 'addr=192.0.2.1,rw', device: ':/x'}", "192.0.2.1"),
        ("{type: nfs4, o: 'rw,hard, addr=nas', device: ':/x'}", "nas"),
        ("{type: nfs, device: 'nas:/x'}", "nas"),
        ("{type: cifs, o: 'username=x', device: '//nas/share'}", "nas"),
        ("{type: nfs, o: [1], device: {a: 1}}", ""),
        ("{type: glusterfs, device: volume}", ""),
        ("{type: none, o: 'bind,addr=192.0.2.1', device: /x}", ""),
    ],
)
def test_shared_storage_says_where_it_is(tmp_path: Path, options: str, server: str) -> None:
    body = "{image: x:1, volumes: ['data:/data']}"
    rest = f"volumes: {{data: {{driver: local, driver_opts: {options}}}}}\n"
    (volume,) = service(tmp_path, body, rest).volumes
    assert volume.server == server


def test_a_service_on_shared_storage_may_move(tmp_path: Path) -> None:
    rest = "volumes: {data: {driver_opts: {type: nfs}}}\n"
    found = service(tmp_path, "{image: postgres:17, volumes: ['data:/data']}", rest)
    assert found.state is State.POSTGRES
    assert found.movable


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'80'", [Port(target=80, published=0)]),
        ("8080", [Port(target=8080, published=0)]),
        ("'8080:80'", [Port(target=80, published=8080)]),
        ("'53:53/udp'", [Port(target=53, published=53, protocol="udp")]),
        ("'127.0.0.1:8080:80'", [Port(target=80, published=8080)]),
        ("'[::1]:8080:80'", [Port(target=80, published=8080)]),
        ("'127.0.0.1::80'", [Port(target=80, published=0)]),
        ("'8000-8001:80-81'", [Port(target=80, published=8000), Port(target=81, published=8001)]),
        ("{target: 80}", [Port(target=80, published=0)]),
        (
            "{target: 80, published: '8080', mode: host, protocol: udp}",
            [Port(target=80, published=8080, protocol="udp", mode="host")],
        ),
    ],
)
def test_ports_short_and_long(tmp_path: Path, written: str, expected: list[Port]) -> None:
    found = service(tmp_path, f"{{image: x:1, ports: [{written}]}}")
    assert list(found.ports) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{deploy: {mode: global}}", {"mode": Mode.GLOBAL}),
        ("{deploy: {replicas: '3'}}", {"replicas": 3}),
        ("{scale: 2}", {"replicas": 2}),
        ("{deploy: {placement: {max_replicas_per_node: 1}}}", {"max_replicas_per_node": 1}),
        (
            "{deploy: {placement: {constraints: ['node.hostname == one']}}}",
            {"pins": ("one",), "constraints": ("node.hostname == one",)},
        ),
        ("{deploy: {placement: {constraints: ['node.hostname != one']}}}", {"pins": ()}),
        ("{x-quorate: {pin: [one, two]}}", {"pins": ("one", "two")}),
        ("{x-quorate: {pin: one}}", {"pins": ("one",)}),
        ("{x-quorate: {switchover: failover now}}", {"switchover": "failover now"}),
        (
            "{deploy: {placement: {preferences: [{spread: node.labels.disk}]}}}",
            {"preferences": ("node.labels.disk",)},
        ),
        ("{healthcheck: {test: [CMD, x]}}", {"has_healthcheck": True}),
        ("{healthcheck: {disable: true, test: [CMD, x]}}", {"has_healthcheck": False}),
        ("{healthcheck: {test: [NONE]}}", {"has_healthcheck": False}),
        ("{networks: {a: {aliases: [x]}, b: null}}", {"networks": ("a", "b")}),
        ("{network_mode: host}", {"networks": ()}),
        ("{x-quorate: {recovery_target: 2m, data_size: 5G, group: g}}",
         {"recovery_target": 120.0, "data_size": 5 * 2**30, "group": "g"}),
    ],
)  # fmt: skip
def test_fields(tmp_path: Path, body: str, expected: dict[str, Any]) -> None:
    found = service(tmp_path, body.replace("{", "{image: x:1, ", 1), "networks: {a: {}, b: {}}\n")
    assert {name: getattr(found, name) for name in expected} == expected


def test_depends_on_is_taken_for_needs_unless_they_are_given(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """\
            services:
              db: {image: x:1}
              cache: {image: x:1}
              a: {image: x:1, depends_on: [db]}
              b: {image: x:1, depends_on: {db: {condition: service_healthy}, cache: {}}}
              c: {image: x:1, depends_on: [db], x-quorate: {needs: [cache]}}
              d: {image: x:1, depends_on: [db], x-quorate: {needs: []}}
        """
    }
    fleet = fleet_of(tmp_path, files)
    needs = {name: fleet.service(name).needs for name in "abcd"}
    assert needs == {"a": ("db",), "b": ("db", "cache"), "c": ("cache",), "d": ()}
    assert any("depends_on" in text for text in fleet.service("a").assumed)
