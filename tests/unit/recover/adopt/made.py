"""A fleet of five services, and the containers that run for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.plan.solve import make_plan
from quorate.recover.adopt.choose import Scene
from quorate.recover.adopt.match import match
from quorate.recover.adopt.model import Found, Mounted
from quorate.stacks.render import render
from tests.unit.fleet.helpers import FLEET, fleet_of

D = "sha256:" + "d" * 64
COMPOSE = """\
services:
  web: {image: "nginx:1.27", depends_on: [api], networks: [front], x-quorate: {load: {memory: 64M}}}
  api: {image: "shop/api:1", networks: [front], environment: {MODE: fast},
        x-quorate: {needs: [db, cache]}}
  db: {image: "postgres:16", volumes: ["rows:/var/lib/postgresql/data"], networks: [front],
       x-quorate: {state: postgres, pin: two}}
  cache: {image: "redis:7", volumes: ["keys:/data"], networks: [front],
          x-quorate: {state: redis, pin: two}}
  tool: {image: "tool:1", networks: [front]}
networks: {front: {name: app-services}}
volumes: {rows: {}, keys: {name: old-keys}}
"""


def fleet(directory: Path, compose: str = COMPOSE) -> Fleet:
    return fleet_of(directory, {"fleet.yaml": FLEET, "compose.yaml": compose})


def container(service: str, image: str, /, **more: Any) -> Found:
    """A container of docker compose on server two."""
    found = Found(
        id=f"id-{service}",
        name=f"app-{service}-1",
        server="two",
        image=image,
        tags=(image,),
        project="app",
        service=service,
        restart="always",
        networks={"app_default": (service,)},
        mode="app_default",
    )
    return replace(found, **more)


def volume(name: str, target: str, **more: Any) -> Mounted:
    return Mounted(kind="volume", source=name, target=target, **more)


def containers() -> dict[str, Found]:
    found = [
        container("web", "nginx:1.27", digests=(f"nginx@{D}",)),
        container("api", "shop/api:1", environment={"MODE": "slow"}),
        container("db", "postgres:16", mounts=(volume("app_rows", "/var/lib/postgresql/data"),)),
        container("cache", "redis:7", mounts=(volume("old-keys", "/data"),)),
        container("tool", "tool:1"),
    ]
    return {one.service: one for one in found}


def scene(some_fleet: Fleet, *found: Found, **more: Any) -> Scene:
    plan = make_plan(some_fleet, time_limit=2.0)
    made = Scene(
        fleet=some_fleet,
        plan=plan,
        rendered=render(some_fleet, plan),
        snapshot=Snapshot(taken_at=datetime.now(UTC)),
        matches=match(some_fleet, found),
        networks={"two": frozenset({"bridge", "app_default"})},
    )
    return replace(made, **more)
