"""The general problem as NumPy arrays: tasks to machines, hard and soft, with costs of moving.

One model for fleets and for the ROADEF/EURO 2012 machine-reassignment problem:
resources with hard and soft capacity, services spread over places, neighbourhood
dependencies, balance, transient use while moving, move costs; and what fleets
have besides: places forbidden, exclusive ports, near, apart, points for
spreading a group, for being away from what is needed, and for bursts.

Sizes: P tasks, K kinds (tasks of a kind are alike), G services, M machines,
D resources, L loads. All whole numbers; every array is C-contiguous.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Smalls = NDArray[np.int32]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

PLENTY = 2**40
"""A capacity, or a number per machine, that never binds."""


class Lists(NamedTuple):
    """Lists of numbers one after another: list `i` is `items[start[i]:start[i + 1]]`."""

    start: Smalls
    items: Smalls


class Instance(NamedTuple):
    """What is to be solved; nothing in it changes. Shapes in brackets.

    Tasks and kinds: `kind` [P]; `origin` [P] the machine it comes from, -1 for none;
    `service` [K]; `use` [K, D] what one task takes; `ghost` [K] how much it holds at its
    origin once moved, 1 on average, 0 where nothing is transient; `price` [K, M] points
    for one task there; `allowed` [K, M], of what is given what
    is ever within reach; `choices` lists by kind the machines allowed (empty lists when all
    are: `everywhere`).

    Machines: `capacity` [M, D] hard; `transient` [D]: a moved task also counts on its
    origin; `neighbourhood` [M], `location` [M].

    Loads are what soft costs look at: `load_resource` [L]; `load_whole` [M, L]: the
    load is in hundredths of a percent of it, 0 for plain amounts; `load_start` [M, L];
    `step_start` [L + 1] the steps of each load; `step_slope` [S]; `step_at` [M, S]:
    each unit of load above costs the slope.

    Balance: `balance` [B, 4] rows of (first, second resource, target, weight): points
    weight × max(0, target × free first - free second).

    Services: `most` [G] tasks per machine; `locations` [G] the fewest; `needs` those
    that must be in the same neighbourhood, `needed` the reverse; `near`, `nearby` the
    same by machine; `apart` those that must not be on the same machine; `exclusive`
    the sets it belongs to of which a machine holds one task, `exclusive_count` sets.
    `moved_weight` × the most tasks moved of any service.

    Points: `groups` lists by service its groups; `group_points` [T] for each machine
    of a group beyond the first; `group_fixed` [T, M] machines it has anyway.
    `links` lists by service (target, points) pairs: points for each task on a machine
    without the target; `linked` the reverse. Bursts: `spiky` [G] a row of the arrays
    `burst_share` [X, M] and `burst_present` [X, M], -1 for others; `spiky_rules` [G] and
    `victim_rules` [G] bits of the isolation rules it is one in; `victim_cpu` [G].

    `plain`: every load is a resource in its own units with one step, and beside loads there
    are only prices and balance; `plain_slope` [D] and `plain_at` [M, D] say the same by
    resource, so that a change is weighed in one pass (zeros where it is not so).
    """

    kind: Smalls
    origin: Smalls
    service: Smalls
    use: Ints
    ghost: Floats
    price: Ints
    allowed: Flags
    everywhere: bool
    choices: Lists
    capacity: Ints
    transient: Flags
    neighbourhood: Smalls
    location: Smalls
    load_resource: Smalls
    load_whole: Ints
    load_start: Ints
    step_start: Smalls
    step_slope: Ints
    step_at: Ints
    balance: Ints
    most: Ints
    locations: Smalls
    needs: Lists
    needed: Lists
    near: Lists
    nearby: Lists
    apart: Lists
    exclusive: Lists
    exclusive_count: int
    moved_weight: int
    groups: Lists
    group_points: Ints
    group_fixed: Flags
    links: Lists
    linked: Lists
    spiky: Smalls
    burst_share: Floats
    burst_present: Ints
    spiky_rules: Ints
    victim_rules: Ints
    victim_cpu: Ints
    plain: bool
    plain_slope: Ints
    plain_at: Ints


def lists(rows: Iterable[Sequence[int]]) -> Lists:
    """The rows as `Lists`."""
    start, items = [0], list[int]()
    for row in rows:
        items.extend(row)
        start.append(len(items))
    return Lists(np.array(start, np.int32), np.array(items, np.int32))


def reverse(forward: Lists) -> Lists:
    """For each number the lists it is in."""
    count = len(forward.start) - 1
    rows: list[list[int]] = [[] for _ in range(count)]
    for index in range(count):
        for item in forward.items[forward.start[index] : forward.start[index + 1]]:
            rows[int(item)].append(index)
    return lists(rows)


def instance(**given: Any) -> Instance:
    """An instance from its arrays; what is not given says nothing (no rule, no cost).

    Needed: `kind`, `service`, `use`, `capacity`.
    """
    kinds, machines = len(given["service"]), len(given["capacity"])
    resources = given["use"].shape[1]
    services = int(given["service"].max()) + 1 if kinds else 0
    none = lists([[]] * services)
    start = given.get("load_start", np.zeros((machines, 0), np.int64))
    defaults: dict[str, Any] = {
        "origin": np.full(len(given["kind"]), -1, np.int32),
        "price": np.zeros((kinds, machines), np.int64),
        "allowed": np.ones((kinds, machines), np.bool_),
        "transient": np.zeros(resources, np.bool_),
        "neighbourhood": np.zeros(machines, np.int32),
        "location": np.zeros(machines, np.int32),
        "load_resource": np.zeros(0, np.int32),
        "load_whole": np.zeros_like(start),
        "load_start": start,
        "step_start": np.zeros(start.shape[1] + 1, np.int32),
        "step_slope": np.zeros(0, np.int64),
        "step_at": np.zeros((machines, 0), np.int64),
        "balance": np.zeros((0, 4), np.int64),
        "most": np.full(services, PLENTY, np.int64),
        "locations": np.zeros(services, np.int32),
        **dict.fromkeys(("needs", "near", "apart", "exclusive", "groups", "links"), none),
        "exclusive_count": 0,
        "moved_weight": 0,
        "group_points": np.zeros(0, np.int64),
        "group_fixed": np.zeros((0, machines), np.bool_),
        "linked": none,
        "spiky": np.full(services, -1, np.int32),
        "burst_share": np.zeros((0, machines), np.float64),
        "burst_present": np.zeros((0, machines), np.int64),
        "spiky_rules": np.zeros(services, np.int64),
        "victim_rules": np.zeros(services, np.int64),
        "victim_cpu": np.zeros(services, np.int64),
    }
    full = {**defaults, **given}
    full["ghost"] = _ghosts(given["use"], given["capacity"], full["transient"])
    full["allowed"] = _within_reach(full)
    full["everywhere"] = bool(full["allowed"].all())
    full["choices"] = lists(
        [[]] * kinds
        if full["everywhere"]
        else [np.flatnonzero(row).tolist() for row in full["allowed"]]
    )
    full["needed"], full["nearby"] = reverse(full["needs"]), reverse(full["near"])
    return Instance(**full, **_plain(full))


def _plain(full: dict[str, Any]) -> dict[str, Any]:
    """`plain` and what goes with it."""
    resources = full["load_resource"]
    slope = np.zeros(full["use"].shape[1], np.int64)
    at = np.zeros_like(full["capacity"])
    plain = (
        len(np.unique(resources)) == len(resources)
        and bool((np.diff(full["step_start"]) == 1).all())
        and not full["load_whole"].any()
        and not any(len(full[name]) for name in ("group_points", "burst_share"))
        and not len(full["links"].items)
    )
    if plain:
        slope[resources] = full["step_slope"]
        at[:, resources] = full["step_at"] - full["load_start"]
    return {"plain": plain, "plain_slope": slope, "plain_at": at}


def _within_reach(full: dict[str, Any]) -> Flags:
    """`allowed` without the machines where tasks of a kind can never find room.

    What is transient is held at origins whatever moves, so that all who come share what no
    origin holds: where that is less than one takes, none of its kind ever comes.
    """
    allowed: Flags = full["allowed"].copy()
    kind, origin, use = full["kind"], full["origin"], full["use"]
    begun = origin >= 0
    home = np.zeros_like(allowed)
    home[kind[begun], origin[begun]] = True
    for resource in np.flatnonzero(full["transient"]):
        room = full["capacity"][:, resource].copy()
        np.subtract.at(room, origin[begun], use[kind[begun], resource])
        takes = use[:, resource, None]
        allowed &= home | (takes == 0) | (takes <= room)
    return allowed


def _ghosts(use: Ints, capacity: Ints, transient: Flags) -> Floats:
    """By kind, what moved tasks hold of the transient resources, as a share of their mean."""
    whole = np.maximum(1, capacity[:, transient].sum(axis=0, dtype=np.float64))
    held: Floats = (use[:, transient] / whole).sum(axis=1)
    mean = held.mean() if len(held) else 0.0
    return held / mean if mean > 0 else np.zeros(len(use))
