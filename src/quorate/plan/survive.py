"""`policy.survive`: does everything that may move still fit after servers are lost?

Each loss is replayed through the model of Swarm: the tasks of the lost servers
wait, and the scheduler places them by its own rules, which look at reservations
and numbers of tasks, not at what would be best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import comb
from random import Random

from quorate.fleet.model import Fleet
from quorate.plan.aftermath import down, needers, overfull
from quorate.plan.model import LossOutcome as LossOutcome
from quorate.plan.model import Plan
from quorate.plan.model import Survival as Survival
from quorate.plan.scene import Scene, scene
from quorate.swarm.board import Board
from quorate.swarm.outcomes import Certainty, Outcomes, explore

MOST_LOSSES = 5_000
"""Combinations of lost servers that are replayed; of more, so many are drawn."""


def survival(fleet: Fleet, plan: Plan, losses: int) -> Survival:
    """What comes of every loss of so many servers.

    Args:
        losses: servers lost at once; 0, or as many as there are, loses nothing.
    """
    names = [server.name for server in fleet.servers]
    if not 0 < losses < len(names):
        return Survival()
    start = scene(fleet, plan)
    few = comb(len(names), losses) <= MOST_LOSSES
    chosen = combinations(names, losses) if few else _drawn(names, losses)
    outcomes = tuple(replay(start, lost) for lost in chosen)
    return Survival(
        losses=outcomes,
        holds=all(outcome.holds for outcome in outcomes),
        sampled=not few or any(outcome.sampled for outcome in outcomes),
    )


def _drawn(names: list[str], losses: int) -> Iterator[tuple[str, ...]]:
    dice = Random(0)
    seen: set[tuple[int, ...]] = set()
    while len(seen) < MOST_LOSSES:
        lost = tuple(sorted(dice.sample(range(len(names)), losses)))
        if lost not in seen:
            seen.add(lost)
            yield tuple(names[number] for number in lost)


def replay(start: Scene, lost: Iterable[str]) -> LossOutcome:
    """What comes of the loss of these servers, all at once."""
    servers = tuple(lost)
    numbers = frozenset(start.board.number(name) for name in servers)
    groups, stuck = _refugees(start, numbers)
    quorum = _quorum(start.fleet, servers)
    if not quorum:
        pending = [name for name in groups if _may_move(start, name, numbers)]
        waits = [*stuck, *(name for name in groups if name not in pending)]
        found: Outcomes | None = None
    else:
        board = _without(start, numbers)
        found = explore(board, groups)
        short = {name: found.pending(name) for name in groups}
        left = [name for name in groups if short[name] is Certainty.ALWAYS]
        pending = [name for name in left if _may_move(start, name, numbers)]
        waits = [*stuck, *(name for name in left if name not in pending)]
    at_risk = (
        [name for name in groups if found.pending(name) is Certainty.SOMETIMES] if found else []
    )
    moved = {name: found.places(name) for name in groups} if found else {}
    moved = {name: places for name, places in moved.items() if places}
    full = overfull(start, found, numbers) if found else {}
    gone = down(start, numbers, {*pending, *waits}, moved)
    return LossOutcome(
        servers=servers,
        moved=moved,
        pending=tuple(pending),
        at_risk=tuple(at_risk),
        waits=tuple(sorted(waits)),
        stops=needers(start.fleet, gone),
        overfull=full,
        quorum=quorum,
        sampled=found is not None and found.sampled,
        holds=not (pending or at_risk or full),
    )


def _refugees(start: Scene, lost: frozenset[int]) -> tuple[dict[str, int], list[str]]:
    """Service → tasks that Swarm replaces; and services it leaves where they were."""
    groups: dict[str, int] = {}
    stuck: list[str] = []
    for number in sorted(lost):
        for name in start.at[number]:
            homes = start.homes[name]
            if name in start.replaced:
                groups[name] = groups.get(name, 0) + homes[number]
            elif name not in stuck and (name not in start.everywhere or set(homes) <= lost):
                stuck.append(name)
    return groups, stuck


def _may_move(start: Scene, name: str, lost: frozenset[int]) -> bool:
    """Whether its rules leave it a server that is not lost."""
    placement = start.plan.services[name]
    if placement.outgrown:
        return True
    return placement.movable and bool(start.allowed(name) - lost)


def _without(start: Scene, lost: frozenset[int]) -> Board:
    board = start.board.copy()
    board.remove(lost)
    for number in lost:
        for name in start.at[number]:
            if name in board.services:
                board.end(name, number, start.homes[name][number])
    return board


def _quorum(fleet: Fleet, lost: tuple[str, ...]) -> bool:
    """A majority of all managers; nothing is said of a fleet whose file names none."""
    managers = [server.name for server in fleet.managers]
    left = sum(name not in lost for name in managers)
    return not managers or left >= len(managers) // 2 + 1
