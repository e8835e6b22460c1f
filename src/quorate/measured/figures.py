"""From samples to figures.

A percentile is a value that was seen (nearest rank, rounded up): the smallest one
that at least that share of all values do not exceed. Nothing is interpolated, so
a p95 is never below what 95% of the samples needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from quorate.measured.model import Figures, Seen, Signal


class Sample(NamedTuple):
    """One task at one moment (seconds since 1970); `server` None when it is not known."""

    service: str
    task: str
    server: str | None
    moment: float
    value: float


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of values in rising order, of which there is at least one."""
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(1, rank) - 1]


def figures(values: Sequence[float]) -> Figures:
    """Median, 95th percentile and highest of at least one value."""
    ordered = sorted(values)
    return Figures(p50=percentile(ordered, 50), p95=percentile(ordered, 95), peak=ordered[-1])


class Moments:
    """One signal of one service: at each moment the values of its tasks.

    `fold` closes the moments so far, after which no task of them can be added:
    a week of a thousand tasks is then three numbers a moment.
    """

    def __init__(self) -> None:
        self._open: dict[float, dict[str, float]] = {}
        self._busiest = array("d")
        self._mean = array("d")
        self._total = array("d")
        self.tasks = 0

    def add(self, moment: float, task: str, value: float) -> None:
        """A task's value; of two for the same task and moment the higher counts."""
        tasks = self._open.setdefault(moment, {})
        tasks[task] = max(value, tasks.get(task, 0.0))

    def fold(self) -> None:
        """Close the moments added so far."""
        for tasks in self._open.values():
            total = sum(tasks.values())
            self._busiest.append(max(tasks.values()))
            self._mean.append(total / len(tasks))
            self._total.append(total)
            self.tasks = max(self.tasks, len(tasks))
        self._open.clear()

    def signal(self) -> Signal | None:
        """The figures; None when there was no sample."""
        self.fold()
        if not self._busiest:
            return None
        return Signal(
            busiest=figures(self._busiest),
            mean=figures(self._mean),
            total=figures(self._total),
            samples=len(self._busiest),
        )


@dataclass(kw_only=True)
class _Service:
    memory: Moments = field(default_factory=Moments)
    cpu: Moments = field(default_factory=Moments)
    work: Moments = field(default_factory=Moments)
    first: float = float("inf")
    last: float = float("-inf")
    servers: set[str] = field(default_factory=set)


class Gathering:
    """Collects the samples of all services, by how engines know them.

    Args:
        speeds: server → speed of one of its threads, 1.0 being the reference.
    """

    def __init__(self, speeds: Mapping[str, float]) -> None:
        self._speeds = speeds
        self._services: dict[str, _Service] = {}
        self.placeless = False
        """Whether CPU was seen on a server that is not known, so that its speed is not either."""

    def add_memory(self, sample: Sample) -> None:
        """A task's memory, in bytes."""
        self._at(sample).memory.add(sample.moment, sample.task, sample.value)

    def add_cpu(self, sample: Sample) -> None:
        """A task's CPU, in threads of the server it ran on."""
        service = self._at(sample)
        speed = self._speeds.get(sample.server or "")
        self.placeless = self.placeless or speed is None
        service.cpu.add(sample.moment, sample.task, sample.value)
        service.work.add(sample.moment, sample.task, sample.value * (speed or 1.0))

    def fold(self) -> None:
        """Close the moments so far (see `Moments`)."""
        for service in self._services.values():
            for moments in (service.memory, service.cpu, service.work):
                moments.fold()

    def seen(self) -> dict[str, Seen]:
        """The figures of every service of which there was a sample."""
        return {key: _seen(found) for key, found in sorted(self._services.items())}

    def _at(self, sample: Sample) -> _Service:
        found = self._services.setdefault(sample.service, _Service())
        found.first = min(found.first, sample.moment)
        found.last = max(found.last, sample.moment)
        if sample.server is not None:
            found.servers.add(sample.server)
        return found


def _seen(found: _Service) -> Seen:
    memory, cpu, work = (m.signal() for m in (found.memory, found.cpu, found.work))
    return Seen(
        tasks=max(found.memory.tasks, found.cpu.tasks),
        servers=tuple(sorted(found.servers)),
        first=datetime.fromtimestamp(found.first, UTC),
        last=datetime.fromtimestamp(found.last, UTC),
        memory=memory,
        cpu=cpu,
        work=work,
    )
