"""`policy.survive`: does everything that may move still fit after servers are lost?

Each loss is replayed through the model of Swarm: the tasks of the lost servers
wait, and the scheduler places them by its own rules, which look at reservations
and numbers of tasks, not at what would be best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb, inf
from random import Random

from quorate.fleet.model import Fleet
from quorate.plan.aftermath import down, needers, overfull
from quorate.plan.model import LossOutcome as LossOutcome
from quorate.plan.model import Plan
from quorate.plan.model import Survival as Survival
from quorate.plan.scene import Scene, scene
from quorate.swarm.board import Board
from quorate.swarm.outcomes import LIMIT, SAMPLES, Certainty, Outcomes, explore


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is replayed on a fleet of up to so many servers.

    `losses`: combinations of lost servers; of more, the fullest servers' and drawn ones.
    `placings`, `samples`: as `swarm.outcomes` takes them.
    """

    servers: float
    losses: int
    placings: int = LIMIT
    samples: int = SAMPLES


EFFORTS = (
    Effort(servers=16, losses=5_000),
    Effort(servers=64, losses=200, placings=200, samples=16),
    Effort(servers=200, losses=64, placings=100, samples=16),
    Effort(servers=inf, losses=24, placings=0, samples=8),
)
"""Some seconds of work each: one placing looks at every server."""


def effort_for(servers: int) -> Effort:
    """What is affordable on so many servers."""
    return next(effort for effort in EFFORTS if servers <= effort.servers)


def survival(fleet: Fleet, plan: Plan, losses: int) -> Survival:
    """What comes of every loss of so many servers, or of some where there are too many.

    Args:
        losses: servers lost at once; 0, or as many as there are, loses nothing.
    """
    names = [server.name for server in fleet.servers]
    if not 0 < losses < len(names):
        return Survival()
    start = scene(fleet, plan)
    possible, most = comb(len(names), losses), effort_for(len(names)).losses
    few = possible <= most
    chosen = combinations(names, losses) if few else _chosen(plan, names, losses, most)
    outcomes = tuple(replay(start, lost) for lost in chosen)
    return Survival(
        losses=outcomes,
        possible=possible,
        holds=all(outcome.holds for outcome in outcomes),
        sampled=not few or any(outcome.sampled for outcome in outcomes),
    )


def _chosen(plan: Plan, names: list[str], losses: int, most: int) -> Iterator[tuple[str, ...]]:
    """Half of them of the servers with most reserved, the rest drawn; always the same."""
    dice = Random(0)
    fullest = sorted(range(len(names)), key=lambda n: (-_reserved(plan, names[n]), n))
    count = losses
    while comb(count + 1, losses) <= most // 2:
        count += 1
    seen: set[tuple[int, ...]] = set(combinations(sorted(fullest[:count]), losses))
    while len(seen) < most:
        seen.add(tuple(sorted(dice.sample(range(len(names)), losses))))
    for lost in sorted(seen):
        yield tuple(names[number] for number in lost)


def _reserved(plan: Plan, name: str) -> float:
    return plan.servers[name].memory.reserved if name in plan.servers else 0.0


def replay(
    start: Scene,
    lost: Iterable[str],
    *,
    quorum: bool | None = None,
    effort: Effort | None = None,
) -> LossOutcome:
    """What comes of the loss of these servers, all at once.

    Args:
        quorum: whether a majority of managers is left; None: as the fleet has it.
        effort: None: what is affordable on so many servers.
    """
    servers = tuple(lost)
    numbers = frozenset(start.board.number(name) for name in servers)
    groups, stuck = _refugees(start, numbers)
    if quorum is None:
        quorum = _quorum(start.fleet, servers)
    if not quorum:
        pending = [name for name in groups if _may_move(start, name, numbers)]
        waits = [*stuck, *(name for name in groups if name not in pending)]
        found: Outcomes | None = None
    else:
        board = _without(start, numbers)
        effort = effort or effort_for(len(start.at))
        found = explore(board, groups, limit=effort.placings, samples=effort.samples)
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
