"""What can be asked of each service, from its image and compose file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Mode, Service
from quorate.fleet.problems import did_you_mean
from quorate.lab import standin
from quorate.lab.images_names import parse

STORES = {"redis": ("redis", 6379), "postgres": ("tcp", 5432), "mariadb": ("tcp", 3306),
          "mysql": ("tcp", 3306), "valkey": ("redis", 6379)}  # fmt: skip
WEB = frozenset((80, 3000, 3001, 8000, 8080, 8081, 8888, 9090, 9093, 9100))
MOST = 10
"""Services asked by default: more would load a small machine, and move what is measured."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where one service listens within its networks. `kind`: http, redis or tcp.

    `local`: it is asked at a port of the very server that the question comes from, as a client
    beside that server would.
    """

    service: str
    host: str
    port: int
    kind: str
    local: bool = False


def listening(service: Service) -> Target | None:
    """Where a service listens; None where nothing says."""
    if service.mode is Mode.GLOBAL:
        return _everywhere(service)
    if service.mode is not Mode.REPLICATED:
        return None
    image = parse(service.image)
    name = image.path.rpartition("/")[2]
    if name in STORES:
        kind, port = STORES[name]
        return Target(service=service.id, host=service.swarm_name, port=port, kind=kind)
    ports = [p for p in standin.ports(image, service.raw) if not p.endswith("/udp")]
    if not ports:
        return None
    words = " ".join(standin.health_words(service.raw))
    numbers = [int(port) for port in ports]
    checked = [number for number in numbers if f":{number}/" in words]
    chosen = next(iter(checked or [n for n in numbers if n in WEB] or numbers))
    kind = "http" if chosen in WEB or checked else "tcp"
    return Target(service=service.id, host=service.swarm_name, port=chosen, kind=kind)


def _everywhere(service: Service) -> Target | None:
    """One with a task on every server: at its published port; None where it publishes none."""
    for port in service.ports:
        if port.published and port.protocol == "tcp":
            kind = "http" if port.target in WEB else "tcp"
            return Target(service=service.id, host=service.swarm_name, port=port.published,
                          kind=kind, local=True)  # fmt: skip
    return None


def chosen(fleet: Fleet, asked: Iterable[str], hit: Iterable[str]) -> tuple[Target, ...]:
    """What to ask: what was named; else what is hit first, then what should notice nothing.

    Raises:
        UsageError: there is no such service, or nothing says where it listens.
    """
    services = {service.id: service for service in fleet.swarm_services()}
    names = list(asked)
    if names:
        return tuple(_named(services, names))
    first = [name for name in hit if name in services]
    others = [name for name in services if name not in first]
    # What is everywhere comes last: it is the least of what a lost server takes away.
    others.sort(key=lambda name: services[name].mode is Mode.GLOBAL)
    order = [*first, *others]
    found = [target for name in order if (target := listening(services[name])) is not None]
    return tuple(found[:MOST])


def _named(services: dict[str, Service], names: list[str]) -> Iterator[Target]:
    for name in names:
        if name not in services:
            raise UsageError(
                f"probes.services: there is no service `{name}`{did_you_mean(name, services)}",
                todo="name services as `quorate plan` does",
            )
        target = listening(services[name])
        if target is None:
            raise UsageError(
                f"probes.services: nothing says where {name} listens",
                cause="it has no ports, no health check that names one, and its image is unknown",
                todo="give it `expose:` in its compose file, or leave it out",
            )
        yield target
