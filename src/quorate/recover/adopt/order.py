"""In which order services are taken over: what others need comes first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quorate.fleet.datasets import DATABASES
from quorate.fleet.model import Fleet, Service
from quorate.recover.adopt.model import Found


def ordered(fleet: Fleet, of: Mapping[str, Sequence[Found]]) -> list[Service]:
    """The services, each after those it needs, databases first; a circle is cut anywhere."""
    services = [fleet.service(name) for name in of]
    services.sort(key=lambda s: (s.state not in DATABASES, not s.state.keeps_data, s.id))
    done: list[Service] = []
    entered: set[str] = set()

    def visit(service: Service) -> None:
        if service.id in entered:
            return
        entered.add(service.id)
        wanted = needed(service, of[service.id])
        for other in services:
            if (other.stack == service.stack and other.name in wanted) or other.id in wanted:
                visit(other)
        done.append(service)

    for service in services:
        visit(service)
    return done


def needed(service: Service, containers: Sequence[Found]) -> frozenset[str]:
    """The services that a service says it needs, by name or id."""
    depends = service.raw.get("depends_on") or ()
    return frozenset(
        (*service.needs, *map(str, depends), *(n for c in containers for n in c.depends))
    )
