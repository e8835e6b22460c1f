"""A small fleet, and what is seen of its swarm, for tests of jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quorate.backup.jobs.model import At, Job, Work
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from tests.unit.fleet.helpers import FLEET, fleet_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SECTION = """\
backup:
  timezone: Europe/Berlin
  repositories:
    first: {local: {server: one, path: /b/first}, password: {environment: P}}
    second: {local: {server: two, path: /b/second}, password: {environment: P}}
    away: {sftp: {host: box.example.org, path: /b, user: ops, port: 2222,
                  identity: {file: key}, known_hosts: {file: known}},
           password: {environment: P}, offsite: true}
    bucket: {s3: {endpoint: "https://s3.example.org", bucket: b, region: eu,
                  access_key: {environment: A}, secret_key: {environment: S}},
             password: {environment: P}}
    rest: {rest: {url: "https://rest.example.org/x", user: "me too", password: {environment: R}},
           password: {environment: P}}
  exclude: [out]
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], networks: [back],
       x-quorate: {state: postgres, pin: one}}
  out: {image: postgres, volumes: ["o:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  many: {image: redis, volumes: ["m:/data"], networks: [back],
         deploy: {mode: global}, x-quorate: {state: redis}}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume, pin: three}}
networks: {back: }
volumes: {d: , o: , m: , v: }
"""
NODES = ("one", "two", "three")
NETWORKS = {
    "ingress": {"id": "n0", "driver": "overlay"},
    "app_back": {"id": "n1", "driver": "overlay"},
    "host": {"id": "nh", "driver": "host"},
}


def fleet(directory: Path, section: str = SECTION, compose: str = COMPOSE) -> Fleet:
    return fleet_of(directory, {"fleet.yaml": FLEET + section, "compose.yaml": compose})


def container(**more: Any) -> dict[str, Any]:
    """A service's spec in the engine's own form, in the network `app_back`."""
    return {"TaskTemplate": {"ContainerSpec": more, "Networks": [{"Target": "n1"}]}}


PASSWORD = container(
    Env=["POSTGRES_PASSWORD_FILE=/run/secrets/pw"],
    Secrets=[{"SecretID": "s1", "SecretName": "pw-v3", "File": {"Name": "pw"}}],
)


def node(name: str, **more: Any) -> ObservedNode:
    return ObservedNode(
        **{"id": f"id-{name}", "hostname": name, "role": "manager", "state": "ready", **more}
    )


def task(service: str, server: str, **more: Any) -> ObservedTask:
    given: dict[str, Any] = {
        "id": f"{service}-{server}",
        "service_id": f"id-{service}",
        "node_id": f"id-{server}",
        "state": "running",
        "desired_state": "running",
        "timestamp": NOW,
    }
    return ObservedTask(**(given | more))


def snapshot(
    specs: Mapping[str, dict[str, Any]] | None = None,
    *,
    tasks: Collection[ObservedTask] | None = None,
    nodes: Collection[ObservedNode] | None = None,
) -> Snapshot:
    """All services of the fleet, with the specs given; their tasks where the plan has them."""
    plain = {name: container() for name in ("app_db", "app_out", "app_many", "app_files")}
    where = [task("app_db", "one"), task("app_out", "one"), task("app_files", "three")]
    where += [
        task("app_many", server, addresses={"n1": (f"10.0.1.{number}",)})
        for number, server in enumerate(NODES, 10)
    ]
    return Snapshot(
        taken_at=NOW,
        nodes=tuple(nodes if nodes is not None else map(node, NODES)),
        services=tuple(
            ObservedService(id=f"id-{name}", name=name, replicas=1, spec=spec)
            for name, spec in {**plain, "app_db": PASSWORD, **(specs or {})}.items()
        ),
        tasks=tuple(tasks if tasks is not None else where),
        networks={name: dict(network) for name, network in NETWORKS.items()},
    )


def scene(
    found: Fleet,
    seen: Snapshot | None = None,
    volumes: Mapping[str, Collection[str]] | None = None,
) -> Scene:
    return Scene(fleet=found, snapshot=seen or snapshot(), volumes=volumes or {}, files=b"files")


def job(**more: Any) -> Job:
    given: dict[str, Any] = {
        "work": Work.BACKUP,
        "run": "db@2026-06-30T12:00:00Z",
        "fleet": "test",
        "server": "one",
        "source": "db",
        "kind": Kind.POSTGRES,
        "repository": At(name="second", place="local", location="/s", password_file="/p"),
        "deadline": 3600.0,
    }
    return Job(**(given | more))
