"""Where every task is, and the sums that make a change cheap to judge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quorate.plan.search.arrays import Instance, Ints, Smalls

NOWHERE = -1


class State(NamedTuple):
    """An answer under construction; the kernels change its arrays in place.

    `place` [P] the machine of each task, -1 for none; `used` [M, D] what is used,
    `held` [M, D] with what moved tasks hold at their origin; `load` [M, L]; `cost` [M]
    what the machine's loads and balance cost. Counts of tasks: `present` [G, M],
    `at_location` [G, locations], `spread` [G] locations used, `in_neighbourhood`
    [G, neighbourhoods], `exclusive` [sets, M], `group` [T, M], `span` [T] machines used;
    `moved` [G], `moved_at` [P + 1] services with so many moved, `moved_most` [1].
    `first` [M], `next` [P], `previous` [P] link the tasks of a machine.
    """

    place: Smalls
    used: Ints
    held: Ints
    load: Ints
    cost: Ints
    present: Smalls
    at_location: Smalls
    spread: Smalls
    in_neighbourhood: Smalls
    exclusive: Smalls
    group: Smalls
    span: Smalls
    moved: Smalls
    moved_at: Smalls
    moved_most: Smalls
    first: Smalls
    next: Smalls
    previous: Smalls


def empty(of: Instance) -> State:
    """A state with no task placed; transient use of origins is held already."""
    tasks, machines = len(of.kind), len(of.capacity)
    services, groups = len(of.most), len(of.group_points)

    def zeros(*shape: int) -> Smalls:
        return np.zeros(shape, np.int32)

    used = np.zeros_like(of.capacity)
    held = np.zeros_like(of.capacity)
    from_somewhere = of.origin >= 0
    kinds = of.kind[from_somewhere]
    for resource in np.flatnonzero(of.transient):
        np.add.at(held[:, resource], of.origin[from_somewhere], of.use[kinds, resource])
    moved_at = zeros(tasks + 2)
    moved_at[0] = services
    fixed = of.group_fixed.astype(np.int32)
    return State(
        place=np.full(tasks, NOWHERE, np.int32),
        used=used,
        held=held,
        load=of.load_start.copy(),
        cost=np.zeros(machines, np.int64),
        present=zeros(services, machines),
        at_location=zeros(services, int(of.location.max(initial=0)) + 1),
        spread=zeros(services),
        in_neighbourhood=zeros(services, int(of.neighbourhood.max(initial=0)) + 1),
        exclusive=zeros(of.exclusive_count, machines),
        group=np.ascontiguousarray(fixed),
        span=fixed.sum(axis=1, dtype=np.int32) if groups else zeros(0),
        moved=zeros(services),
        moved_at=moved_at,
        moved_most=zeros(1),
        first=np.full(machines, NOWHERE, np.int32),
        next=np.full(tasks, NOWHERE, np.int32),
        previous=np.full(tasks, NOWHERE, np.int32),
    )


def copy(state: State) -> State:
    """A state of its own with the same contents."""
    return State._make(array.copy() for array in state)
