"""A lost server as a way in: which published ports no longer answer at its address. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from quorate.fleet.model import Engine, Port, Service
from quorate.plan.scene import Scene
from quorate.predict.model import ClosedPort, Fate, Span

AT_ONCE = Span(low=0.0, mean=0.0, high=0.0)


def closed(start: Scene, lost: Collection[str], fates: Sequence[Fate]) -> Iterator[ClosedPort]:
    """The ports that answered at the addresses of servers that are lost, and where they do now.

    A port in ingress mode is open on every server of the swarm, and leads to a task wherever that
    is; one in host mode is open where a task runs, as are those of stacks under docker compose.
    """
    known = {fate.service: fate for fate in fates}
    names = [server.name for server in start.fleet.servers]
    for service in start.fleet.services:
        homes = [names[number] for number in sorted(start.homes.get(service.id, ()))]
        for port in service.ports if homes else ():
            opened = names if meshed(service, port) else homes
            at = tuple(name for name in opened if name in lost)
            if at and port.published:
                left = [name for name in opened if name not in lost]
                yield _closed(service, port, at, left, known.get(service.id))


def meshed(service: Service, port: Port) -> bool:
    """Whether Swarm's routing mesh answers it on every server."""
    return service.engine is Engine.SWARM and port.mode == "ingress"


def _closed(
    service: Service, port: Port, at: tuple[str, ...], left: list[str], fate: Fate | None
) -> ClosedPort:
    """`left`: where the port is open still, besides the servers its tasks go to."""
    answers = AT_ONCE if fate is None else fate.answers
    goes = [] if fate is None or meshed(service, port) else list(fate.goes_to)
    return ClosedPort(
        service=service.id,
        port=port.published,
        protocol=port.protocol,
        mode="ingress" if meshed(service, port) else "host",
        at=at,
        elsewhere=tuple(dict.fromkeys([*left, *goes])) if answers is not None else (),
        answers=answers,
    )
