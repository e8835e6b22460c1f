"""The ROADEF/EURO 2012 machine-reassignment problem, in the challenge's own terms.

Sizes: R resources, M machines, S services, P processes. All numbers are whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class RoadefError(Exception):
    """Files, a folder, a solution or a solver that cannot be used; says what to do."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What is free of `second` should be `target` times what is free of `first`."""

    first: int
    second: int
    target: int
    weight: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One instance with the assignment that it starts from.

    Resources: `transient` [R]: a moved process also counts on the machine it leaves;
    `load_weight` [R]. Machines: `neighbourhood` [M], `location` [M], `capacity` [M, R]
    hard, `safety` [M, R] soft, `machine_move` [M, M] cost of going from one to another.
    Services: `spread` [S] the fewest locations, `needs` [S] the services each depends on.
    Processes: `service` [P], `requirement` [P, R], `process_move` [P] the cost of moving it,
    `original` [P] the machine it starts on.
    """

    transient: Flags
    load_weight: Ints
    neighbourhood: Ints
    location: Ints
    capacity: Ints
    safety: Ints
    machine_move: Ints
    spread: Ints
    needs: tuple[tuple[int, ...], ...]
    service: Ints
    requirement: Ints
    process_move: Ints
    original: Ints
    balances: tuple[Balance, ...]
    process_move_weight: int
    service_move_weight: int
    machine_move_weight: int

    @property
    def resources(self) -> int:
        """R."""
        return len(self.transient)

    @property
    def machines(self) -> int:
        """M."""
        return len(self.capacity)

    @property
    def services(self) -> int:
        """S."""
        return len(self.spread)

    @property
    def processes(self) -> int:
        """P."""
        return len(self.service)
