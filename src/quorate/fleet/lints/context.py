"""What every lint gets: the fleet, and the places where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from quorate.fleet.compose import Project
from quorate.fleet.eligible import eligible_servers
from quorate.fleet.fleet_file import FleetParts
from quorate.fleet.model import Fleet, Mode, Server, Service
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems
from quorate.fleet.view import View


@dataclass(frozen=True, kw_only=True)
class Context:
    """A fleet under examination; services and servers may be incomplete where files are wrong."""

    fleet: Fleet
    parts: FleetParts
    projects: list[Project]
    problems: Problems

    @cached_property
    def swarm_services(self) -> tuple[Service, ...]:
        """Services that Swarm runs; those whose `extends` failed are left out."""
        return tuple(
            service
            for service in self.fleet.swarm_services()
            if service.name not in self.project(service).broken
        )

    @cached_property
    def _directory(self) -> dict[str, Project]:
        return {project.stack.name: project for project in self.projects}

    @cached_property
    def _eligible(self) -> dict[str, tuple[Server, ...]]:
        # Thousands of services share a few sets of rules: each set is looked at once.
        alike: dict[tuple[object, ...], tuple[Server, ...]] = {}
        found = {}
        for service in self.fleet.services:
            key = (service.engine, service.pins, service.constraints)
            if key not in alike:
                alike[key] = eligible_servers(service, self.fleet.servers)
            found[service.id] = alike[key]
        return found

    @cached_property
    def server_names(self) -> frozenset[str]:
        """Every server's name in small letters, as Swarm compares them."""
        return frozenset(server.name.lower() for server in self.fleet.servers)

    def project(self, service: Service) -> Project:
        """The project a service belongs to."""
        return self._directory[service.stack]

    def view(self, service: Service) -> View:
        """A look into a service's mapping, with places."""
        services = self.project(service).section("services")
        found = services.get(service.name)
        place = services.at(service.name)
        return View(found if isinstance(found, Map) else Map(place), place, self.problems)

    def mark(self, service: Service, *path: str | int) -> Mark:
        """The place nearest to a path in a service."""
        return self.view(service).mark(*path)

    def eligible(self, service: Service) -> tuple[Server, ...]:
        """The servers that a service's pins and constraints allow."""
        return self._eligible[service.id]

    def tasks(self, service: Service) -> int:
        """How many of its tasks are meant to run at once."""
        if service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB):
            return len(self.eligible(service))
        return service.replicas
