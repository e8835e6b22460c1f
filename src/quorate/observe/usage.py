"""What containers use right now: a few samples of their engine's statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from quorate.fleet.imports.guesses import Measured
from quorate.fleet.imports.inventory import mapping, number
from quorate.tools import clock, docker, parallel

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ROUNDS = 3
AT_ONCE = 8
NANO = 1e9


class Sample(NamedTuple):
    """One look: when (monotonic seconds), CPU time used since the start (seconds), bytes."""

    at: float
    cpu: float
    memory: int


def watch(
    client: DockerClient, containers: Sequence[str], *, seconds: float, where: str
) -> dict[str, Measured]:
    """What each container used over `seconds`, by id; those that could not be read left out."""
    samples: dict[str, list[Sample]] = {name: [] for name in containers}
    started = clock.monotonic()
    for turn in range(ROUNDS):
        due = started + seconds * turn / (ROUNDS - 1)
        clock.sleep(max(0.0, due - clock.monotonic()))

        def look(name: str) -> None:
            found = _sample(client, name)
            if found is not None:
                samples[name].append(found)

        parallel.run(look, containers, limit=AT_ONCE)
    made = {name: summary(found, where) for name, found in samples.items()}
    return {name: found for name, found in made.items() if found is not None}


def _sample(client: DockerClient, name: str) -> Sample | None:
    try:
        raw = client.api.stats(name, stream=False, one_shot=True)
    except docker.engine_errors():
        return None  # it ended meanwhile, or its engine is too old to be asked so
    return sample(raw, clock.monotonic())


def sample(raw: Any, at: float) -> Sample | None:
    """A sample from the engine's own mapping; None when it holds no memory figure.

    Memory as `docker stats` counts it: without pages of files that can be dropped
    (`inactive_file`; with cgroup v1 `total_inactive_file`).
    """
    used = number(raw, "memory_stats", "usage")
    if not used:
        return None
    stats: Mapping[str, Any] = mapping(raw, "memory_stats", "stats")
    droppable = number(stats, "total_inactive_file") or number(stats, "inactive_file")
    memory = int(used - droppable) if droppable < used else int(used)
    return Sample(at, number(raw, "cpu_stats", "cpu_usage", "total_usage") / NANO, memory)


def summary(samples: Sequence[Sample], where: str) -> Measured | None:
    """Typical and highest use; None with fewer than two samples."""
    if len(samples) < 2:
        return None
    pairs = pairwise(samples)
    threads = [max(0.0, b.cpu - a.cpu) / (b.at - a.at) for a, b in pairs if b.at > a.at]
    memory = [item.memory for item in samples]
    return Measured(
        memory=int(median(memory)),
        memory_peak=max(memory),
        cpu=median(threads) if threads else 0.0,
        cpu_peak=max(threads, default=0.0),
        seconds=samples[-1].at - samples[0].at,
        where=where,
    )
