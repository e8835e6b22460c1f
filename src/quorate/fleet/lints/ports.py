"""Published ports: collisions, Swarm's own, and a single way in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from quorate.fleet.lints.context import Context
from quorate.fleet.model import Engine, Mode, Port, Service
from quorate.fleet.positions import Mark

_SWARM = {(2377, "tcp"), (7946, "tcp"), (7946, "udp"), (4789, "udp")}
_ENTRANCE = (80, 443)


class _Use(NamedTuple):
    """A published port; `servers` are those it is taken on, or may be taken on."""

    service: Service
    port: Port
    mark: Mark
    servers: frozenset[str]

    @property
    def everywhere(self) -> bool:
        """Whether it is taken on every server: the routing mesh."""
        return self.service.engine is Engine.SWARM and self.port.mode == "ingress"


def lint(context: Context) -> None:
    """Report ports that collide and entrances that one loss closes."""
    by_port: dict[tuple[int, str], list[_Use]] = {}
    for use in _uses(context):
        key = (use.port.published, use.port.protocol)
        by_port.setdefault(key, []).append(use)
        if key in _SWARM:
            what = f"`{use.service.id}` publishes {_name(use.port)}, which Swarm itself uses"
            context.problems.add("Q522", use.mark, what)
    for uses in by_port.values():
        _collisions(context, uses)
        _room(context, uses)
    _single_entrance(context)


def _uses(context: Context) -> Iterator[_Use]:
    all_servers = frozenset(server.name for server in context.fleet.servers)
    for service in context.fleet.services:
        if not service.ports or context.tasks(service) == 0:
            continue
        eligible = frozenset(server.name for server in context.eligible(service))
        for port in service.ports:
            if port.published:
                mesh = service.engine is Engine.SWARM and port.mode == "ingress"
                servers = all_servers if mesh else eligible
                yield _Use(service, port, _mark(context, service, port), servers)


def _mark(context: Context, service: Service, port: Port) -> Mark:
    view = context.view(service)
    for item, mark in view.items("ports"):
        if str(port.published) in str(item):
            return mark
    return view.mark("ports")


def _collisions(context: Context, uses: list[_Use]) -> None:
    for index, use in enumerate(uses):
        for earlier in uses[:index]:
            if _collide(earlier, use):
                context.problems.add(
                    "Q504",
                    use.mark,
                    f"`{use.service.id}` publishes {_name(use.port)}, as `{earlier.service.id}` "
                    f"does ({earlier.mark.file}:{earlier.mark.line}){_where(earlier, use)}",
                )
                break


def _collide(one: _Use, other: _Use) -> bool:
    """Whether they cannot both have the port.

    In the mesh a port is taken on every server. In host mode a service with as
    many tasks as servers takes it on each of them; services that may evade each
    other do.
    """
    if one.service.id == other.service.id and one.port.mode == other.port.mode:
        return False
    if one.everywhere or other.everywhere:
        return True
    common = one.servers & other.servers
    if not common:
        return False
    if _fills(one) and _fills(other):
        return True
    return (_fills(one) and other.servers <= one.servers) or (
        _fills(other) and one.servers <= other.servers
    )


def _fills(use: _Use) -> bool:
    """Whether the port is taken on every server where it may be."""
    if use.service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB):
        return True
    return use.service.replicas >= len(use.servers)


def _room(context: Context, uses: list[_Use]) -> None:
    """One service with more host-mode replicas than servers."""
    for use in uses:
        host = use.service.engine is Engine.SWARM and use.port.mode == "host"
        replicated = use.service.mode is Mode.REPLICATED
        if host and replicated and 0 < len(use.servers) < use.service.replicas:
            context.problems.add(
                "Q518",
                use.mark,
                f"`{use.service.id}` has {use.service.replicas} replicas that each take "
                f"{_name(use.port)} of a server, and {len(use.servers)} servers",
            )


def _where(one: _Use, other: _Use) -> str:
    if one.everywhere or other.everywhere:
        return "; a port in ingress mode is taken on every server"
    return f" on {', '.join(sorted(one.servers & other.servers))}"


def _name(port: Port) -> str:
    return f"port {port.published}/{port.protocol}"


def _single_entrance(context: Context) -> None:
    if len(context.fleet.servers) < 2:
        return
    for service in context.swarm_services:
        doors = [port for port in service.ports if port.published in _ENTRANCE]
        if not doors:
            continue
        servers = context.eligible(service)
        alone = len(servers) == 1
        one_task = all(p.mode == "host" for p in doors) and context.tasks(service) == 1
        if alone or one_task:
            where = f"only on {servers[0].name}" if alone else "with a single host-mode replica"
            context.problems.add(
                "Q505",
                _mark(context, service, doors[0]),
                f"`{service.id}` publishes {_name(doors[0])} {where}",
            )
