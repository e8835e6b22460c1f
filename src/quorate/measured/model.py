"""What services were seen to use over a time: the measurement, as a value and as a file.

Memory in bytes, CPU in threads, times in seconds. A figure "of the busiest" is
that of the service's busiest task at each moment: a reservation is the same for
every task, so it has to hold that one. "Mean" is over the tasks of a moment, and
"total" is their sum over all servers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from quorate.fleet.model import Engine, Fleet, Model, Service

MEASUREMENT_VERSION = 1

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Figures(Model):
    """Of the values at all moments: the median, the 95th percentile, the highest."""

    p50: Amount
    p95: Amount
    peak: Amount

    @model_validator(mode="after")
    def _in_order(self) -> Figures:
        if not self.p50 <= self.p95 <= self.peak:
            raise ValueError("p50, p95 and peak must not fall in this order")
        return self


class Signal(Model):
    """One resource of a service; `samples` is the number of moments it was seen at."""

    busiest: Figures
    mean: Figures
    total: Figures
    samples: int = Field(ge=1)


class Seen(Model):
    """A service over the window. `cpu` in the threads of the servers it ran on."""

    image: str = Field("", description="What the compose files named while it was measured.")
    tasks: int = Field(ge=1, description="Most tasks seen at one moment.")
    servers: tuple[str, ...] = Field((), description="Where it ran, as far as known.")
    first: AwareDatetime
    last: AwareDatetime
    memory: Signal | None = None
    cpu: Signal | None = None
    work: Signal | None = Field(
        None, description="The same as `cpu`, in threads of speed 1.0, as loads are written."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Seen:
        if self.last < self.first:
            raise ValueError("it was last seen before it was first seen")
        return self

    @property
    def span(self) -> float:
        """Seconds from the first to the last moment it was seen at."""
        return (self.last - self.first).total_seconds()

    @property
    def samples(self) -> int:
        """Moments at which both memory and CPU are known, the fewer of the two."""
        return min((s.samples if s else 0) for s in (self.memory, self.cpu))


class Source(Model):
    """Where the figures come from: `kind` is `prometheus` or `engine`."""

    kind: str
    where: str = Field("", description="The address of Prometheus.")
    queries: dict[str, str] = Field(default_factory=dict, description="As Prometheus was asked.")
    lab: bool = Field(False, description="Measured on the lab, where stand-ins run.")


class Measurement(Model):
    """What the services of a fleet were seen to use.

    `services` are by id; `unseen` are services of the fleet of which nothing was
    seen; `strangers` ran, and are not in the fleet's files; `lost` maps servers
    that could not be asked (all the time or for a part of it) to the reason.
    """

    version: int = MEASUREMENT_VERSION
    fleet: str
    fleet_digest: str = ""
    source: Source
    start: AwareDatetime
    end: AwareDatetime
    interval: float = Field(gt=0, allow_inf_nan=False, description="Seconds between samples.")
    interrupted: bool = Field(False, description="Ended with Ctrl-C before its time.")
    services: dict[str, Seen]
    unseen: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    lost: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Measurement:
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self

    @property
    def window(self) -> float:
        """Seconds that it covers."""
        return (self.end - self.start).total_seconds()

    def age(self, now: datetime) -> float:
        """Seconds since its end; 0 for one from the future (another machine's clock)."""
        return max(0.0, (now - self.end).total_seconds())


def key_of(service: Service) -> str:
    """How engines know a service: its Swarm name, or compose project and service."""
    if service.engine is Engine.SWARM:
        return service.swarm_name
    return compose_key(service.stack, service.name)


def compose_key(project: str, service: str) -> str:
    """The key of a service that docker compose runs; no Swarm name has a slash."""
    return f"{project}/{service}"


def by_key(fleet: Fleet) -> dict[str, Service]:
    """Every service by how engines know it."""
    return {key_of(service): service for service in fleet.services}
