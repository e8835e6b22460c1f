"""A first placement: each task where it costs least, others making way. Compiled by Numba."""

from __future__ import annotations

from numba import njit

from quorate.plan.search.anneal import below
from quorate.plan.search.arrays import Instance, Smalls
from quorate.plan.search.kernels import (
    NONE,
    any_on,
    fits,
    may_enter,
    may_move,
    move,
    move_cost,
    whole,
)
from quorate.plan.search.state import State

TRIES = 64
"""Machines tried, from a random one on, for a task that others have to make way for."""


@njit(cache=True, nogil=True)
def insert(of: Instance, state: State, task: int, seed: object) -> bool:
    """Place a task where it costs least; else where one other task can make way for it."""
    kind = whole(of.kind[task])
    best, least = NONE, 0
    for machine in range(len(of.capacity)):
        if of.allowed[kind, machine] and may_move(of, state, task, machine):
            cost = move_cost(of, state, task, machine)
            if best < 0 or cost < least:
                best, least = machine, cost
    if best >= 0:
        move(of, state, task, best)
        return True
    first, tried = below(seed, len(of.capacity)), 0
    for step in range(len(of.capacity)):
        machine = (first + step) % len(of.capacity)
        if not of.allowed[kind, machine] or not may_enter(
            of, state, whole(of.service[kind]), machine
        ):
            continue
        tried += 1
        if tried > TRIES:
            return False
        other = whole(state.first[machine])
        while other >= 0:
            following = whole(state.next[other])
            if fits(of, state, machine, other, task) and make_way(of, state, other, machine, seed):
                move(of, state, task, machine)
                return True
            other = following
    return False


@njit(cache=True, nogil=True)
def make_way(of: Instance, state: State, task: int, machine: int, seed: object) -> bool:
    """Move a task away from a machine, to the first other that takes it, from a random one on."""
    machines = len(of.capacity)
    first = below(seed, machines)
    for step in range(machines):
        to = (first + step) % machines
        if to != machine and may_move(of, state, task, to):
            move(of, state, task, to)
            return True
    return False


@njit(cache=True, nogil=True)
def insert_all(of: Instance, state: State, order: Smalls, seed: object) -> int:
    """Try to place every task that is nowhere, in an order [P]; how many still are."""
    missing = 0
    for number in order:
        task = whole(number)
        if state.place[task] < 0 and not insert(of, state, task, seed):
            missing += 1
    return missing


@njit(cache=True, nogil=True)
def take_strays(of: Instance, state: State) -> int:
    """Take away the tasks that are not near what they must be near; how many.

    What comes before its companion may be anywhere (`may_enter`), and the companion, once it
    finds room, elsewhere.
    """
    strays, found = 0, True
    while found:
        found = False
        for service in range(len(of.near.start) - 1):
            if of.near.start[service] == of.near.start[service + 1]:
                continue
            for machine in range(len(of.capacity)):
                if state.present[service, machine] > 0 and any_on(
                    of.near, service, state.present, machine, False
                ):
                    strays += take_service(of, state, service, machine)
                    found = True
    return strays


@njit(cache=True, nogil=True)
def take_service(of: Instance, state: State, service: int, machine: int) -> int:
    """Take all tasks of a service off a machine; how many."""
    taken = 0
    task = whole(state.first[machine])
    while task >= 0:
        following = whole(state.next[task])
        if of.service[of.kind[task]] == service:
            move(of, state, task, NONE)
            taken += 1
        task = following
    return taken
