"""What containers use right now: a few samples of their engine's statistics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from quorate.fleet.imports.guesses import Measured
from quorate.measured.stats import Reading, rate, reading
from quorate.tools import clock, docker, parallel

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ROUNDS = 3
AT_ONCE = 8


def watch(
    client: DockerClient, containers: Sequence[str], *, seconds: float, where: str
) -> dict[str, Measured]:
    """What each container used over `seconds`, by id; those that could not be read left out."""
    looks: dict[str, list[Reading]] = {name: [] for name in containers}
    started = clock.monotonic()
    for turn in range(ROUNDS):
        due = started + seconds * turn / (ROUNDS - 1)
        clock.sleep(max(0.0, due - clock.monotonic()))

        def look(name: str) -> None:
            found = _read(client, name)
            if found is not None:
                looks[name].append(found)

        parallel.run(look, containers, limit=AT_ONCE)
    made = {name: summary(found, where) for name, found in looks.items()}
    return {name: found for name, found in made.items() if found is not None}


def _read(client: DockerClient, name: str) -> Reading | None:
    try:
        raw = client.api.stats(name, stream=False, one_shot=True)
    except docker.engine_errors():
        return None  # it ended meanwhile, or its engine is too old to be asked so
    return reading(raw, clock.now().timestamp())


def summary(looks: Sequence[Reading], where: str) -> Measured | None:
    """Typical and highest use; None with fewer than two looks that tell its memory."""
    known = [look for look in looks if look.memory is not None]
    if len(known) < 2:
        return None
    memory = [int(look.memory or 0) for look in known]
    threads = [used for one, two in pairwise(known) if (used := rate(one, two)) is not None]
    return Measured(
        memory=int(median(memory)),
        memory_peak=max(memory),
        cpu=median(threads) if threads else 0.0,
        cpu_peak=max(threads, default=0.0),
        seconds=known[-1].read - known[0].read,
        where=where,
    )
