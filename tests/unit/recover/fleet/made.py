"""A fleet whose servers are empty machines, for tests of its recovery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from quorate.backup.jobs.copies import Known
from quorate.backup.model import Kind, Snapshot
from quorate.fleet.model import Fleet
from quorate.plan.solve import make_plan
from quorate.recover.fleet.choose import choice, operation
from quorate.recover.fleet.sight import Sight
from quorate.recover.membership.model import Machine as Host
from quorate.recover.model import Operation
from quorate.recover.server.lost import Asked
from quorate.recover.server.sight import Machine
from tests.unit.backup.jobs.made import NOW
from tests.unit.recover.server.test_choosing import GIB, copy

NAMES = ("one", "two", "three")


def away(source: str, kind: Kind, **more: Any) -> Snapshot:
    return copy(source, kind, repository="away", **more)


COPIES = (
    away("db", Kind.POSTGRES, server="one"),
    *(away(f"many@{name}", Kind.REDIS, server=name) for name in NAMES),
    away("volume/app_v", Kind.VOLUME, server="three"),
)


def host(name: str, **more: Any) -> Host:
    given: dict[str, Any] = {
        "address": name,
        "host_name": name,
        "system": "Debian GNU/Linux 13 (trixie)",
        "like": ("debian",),
        "root": True,
    }
    return Host(name=name, **(given | more))


def empty_sight(fleet: Fleet, **more: Any) -> Sight:
    given: dict[str, Any] = {
        "fleet": fleet,
        "plan": make_plan(fleet),
        "origin": "away",
        "directory": "/srv/recovered",
        "hosts": {name: host(name) for name in NAMES},
    }
    return Sight(**(given | more))


def with_engines(**more: Any) -> dict[str, Any]:
    """Machines with Docker, as `Sight` takes them."""
    engine = Machine(**({"memory": 16 * GIB, "disk": 100 * GIB} | more))
    return {
        "hosts": {name: host(name, engine=True, version="26.1") for name in NAMES},
        "engines": dict.fromkeys(NAMES, engine),
    }


def chosen_operation(
    seen: Sight, *copies: Snapshot, unproven: bool = False, without: tuple[str, ...] = ()
) -> Operation:
    asked = Asked(now=NOW, unproven=unproven, without=frozenset(without))
    found = choice(seen, Known(snapshots=copies), asked)
    return operation(seen, found, now=NOW, made=NOW - timedelta(days=1))
