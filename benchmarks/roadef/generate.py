"""Small instances in the challenge's format, from a seed.

`python -m benchmarks.roadef.generate FOLDER` writes one. The original assignment keeps
every rule: processes are placed first, and capacities, spreads and dependencies are then
such that they fit. For tests and for trying the command; costs say nothing about the
challenge's own instances.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.roadef import write
from benchmarks.roadef.problem import Balance, Ints, Problem

RESOURCES = 3
TRANSIENT = 2
"""The resource that also counts where a process leaves."""


def generate(seed: int, *, machines: int = 12, services: int = 20, processes: int = 60) -> Problem:
    """A feasible instance; the same one for the same arguments.

    Raises:
        ValueError: a number is less than 1, or there are fewer processes than services.
    """
    if min(machines, services) < 1 or processes < services:
        raise ValueError("at least 1 machine, 1 service, and a process for each service")
    random = np.random.default_rng(seed)
    service, original = _placed(random, machines, services, processes)
    requirement = random.integers(1, 100, (len(service), RESOURCES))
    used = np.zeros((machines, RESOURCES), np.int64)
    np.add.at(used, original, requirement)
    average = -(-used.sum(axis=0) // machines)
    # Some machines are fuller than they should be, others have room for what leaves them.
    capacity = np.maximum(used, average) + random.integers(50, 150, used.shape)
    location = np.arange(machines) // 2
    neighbourhood = np.arange(machines) // 4
    distance = random.integers(1, 10, (machines, machines))
    np.fill_diagonal(distance, 0)
    return Problem(
        transient=np.arange(RESOURCES) == TRANSIENT,
        load_weight=np.array([10, 5, 0]),
        neighbourhood=neighbourhood,
        location=location,
        capacity=capacity,
        safety=np.minimum(capacity, average + 20),
        machine_move=distance,
        spread=_spread(random, service, original, location, services),
        needs=_needs(random, service, original, neighbourhood, services),
        service=service,
        requirement=requirement,
        process_move=random.integers(1, 20, len(service)),
        original=original,
        balances=(Balance(first=0, second=1, target=1, weight=2),),
        process_move_weight=1,
        service_move_weight=10,
        machine_move_weight=1,
    )


def _placed(
    random: np.random.Generator, machines: int, services: int, processes: int
) -> tuple[Ints, Ints]:
    """Service and machine of each process: at least one of each service, never two on a machine.

    There are fewer processes than asked for when they do not all have a machine.
    """
    size = np.ones(services, np.int64)
    for _ in range(processes - services):
        open_ones = np.flatnonzero(size < machines)
        if len(open_ones):
            size[random.choice(open_ones)] += 1
    # Half of the machines are chosen twice as often, so that there is something to gain.
    wanted = np.where(np.arange(machines) % 2 == 0, 2.0, 1.0)
    spots = [
        random.choice(machines, int(count), replace=False, p=wanted / wanted.sum())
        for count in size
    ]
    return np.repeat(np.arange(services), size), np.concatenate(spots).astype(np.int64)


def _spread(
    random: np.random.Generator, service: Ints, original: Ints, location: Ints, services: int
) -> Ints:
    """For each service at most the locations it is in."""
    found = [len(set(location[original[service == index]].tolist())) for index in range(services)]
    return np.array([random.integers(0, most + 1) for most in found], np.int64)


def _needs(
    random: np.random.Generator, service: Ints, original: Ints, neighbourhood: Ints, services: int
) -> tuple[tuple[int, ...], ...]:
    """For every third service one that is in all its neighbourhoods, where there is one."""
    around = [set(neighbourhood[original[service == index]].tolist()) for index in range(services)]
    rows: list[tuple[int, ...]] = []
    for index in range(services):
        able = [other for other in range(services) if other != index]
        able = [other for other in able if around[index] <= around[other]]
        rows.append((int(random.choice(able)),) if able and index % 3 == 0 else ())
    return tuple(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one instance into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roadef.generate")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--name", default="small", help="of the instance (small)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machines", type=int, default=12)
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--processes", type=int, default=60)
    given = parser.parse_args(arguments)
    try:
        problem = generate(
            given.seed,
            machines=given.machines,
            services=given.services,
            processes=given.processes,
        )
        write.instance(given.folder, given.name, problem)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    print(f"{given.folder}: model_{given.name}.txt, assignment_{given.name}.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
