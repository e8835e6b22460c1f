"""Everything that may come of a round of the scheduler: always, sometimes, never.

Swarm goes through groups, branches and equal nodes in the order of Go's maps,
which is random. Where there are few orders all are gone through; where there are
many, a number of seeds is drawn and the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser, Dice, every
from quorate.swarm.model import State, Task
from quorate.swarm.place import Placing
from quorate.swarm.schedule import Groups, confirmed, preassigned, tick

LIMIT = 2_000
"""Placings of one group gone through before seeds are drawn instead."""

SAMPLES = 64
"""Seeds drawn then."""

Result = tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
"""By service: (node, tasks it got there), sorted."""


class Certainty(StrEnum):
    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What may come of one round.

    `results` are the different ones found; `groups` what was to be placed.
    `sampled`: not all orders were gone through, so there may be more.
    """

    nodes: tuple[str, ...]
    groups: Mapping[str, int]
    results: frozenset[Result]
    sampled: bool

    def on(self, service: str, node: str) -> Certainty:
        """Whether a task of the service comes to the node."""
        number = self.nodes.index(node)
        return _certainty(
            any(number == place for place, _ in dict(result)[service]) for result in self.results
        )

    def places(self, service: str) -> tuple[str, ...]:
        """The nodes where a task of the service may come, in the order of the nodes."""
        found = {n for result in self.results for n, _ in dict(result)[service]}
        return tuple(self.nodes[n] for n in sorted(found))

    def pending(self, service: str) -> Certainty:
        """Whether some task of the service stays pending."""
        least, most = self.left(service)
        if not most:
            return Certainty.NEVER
        return Certainty.ALWAYS if least else Certainty.SOMETIMES

    def left(self, service: str) -> tuple[int, int]:
        """The fewest and the most tasks of the service that stay pending."""
        numbers = [
            self.groups[service] - sum(tasks for _, tasks in dict(result)[service])
            for result in self.results
        ]
        return min(numbers), max(numbers)


def _certainty(seen: Iterable[bool]) -> Certainty:
    found = set(seen)
    if found == {True}:
        return Certainty.ALWAYS
    return Certainty.SOMETIMES if True in found else Certainty.NEVER


def outcomes(state: State, *, limit: int = LIMIT, samples: int = SAMPLES) -> Outcomes:
    """What may come of the waiting tasks of a state.

    Tasks of global services that wait for their node go first, in any order;
    `results` are those of the others.
    """
    board = Board(state)
    waiting = [task for task in state.tasks if task.waits]
    groups: dict[str, int] = {}
    for task in waiting:
        if task.node is None:
            groups[task.service] = groups.get(task.service, 0) + 1
    starts = confirmed(board, [task for task in waiting if task.node is not None], limit)
    few = starts is not None
    if starts is None:
        starts = [_drawn(board, waiting, seed) for seed in range(samples)]
        samples = 1
    found = [explore(start, groups, limit=limit, samples=samples) for start in starts]
    return Outcomes(
        nodes=found[0].nodes,
        groups=groups,
        results=frozenset().union(*(one.results for one in found)),
        sampled=not few or any(one.sampled for one in found),
    )


def _drawn(board: Board, waiting: Iterable[Task], seed: int) -> Board:
    start = board.copy()
    preassigned(start, (task for task in waiting if task.node is not None), Dice(seed))
    return start


def explore(
    board: Board, groups: Groups, *, limit: int = LIMIT, samples: int = SAMPLES
) -> Outcomes:
    """As `outcomes`, from a board, which stays as it is."""
    found = _all(board, groups, limit)
    sampled = found is None
    if found is None:
        found = set()
        for seed in range(samples):
            placed = tick(board.copy(), groups, Dice(seed))
            found.add(_result({name: _counted(nodes) for name, nodes in placed.items()}))
    return Outcomes(
        nodes=tuple(node.id for node in board.roster.nodes),
        groups=dict(groups),
        results=frozenset(found),
        sampled=sampled,
    )


def _counted(nodes: Iterable[int]) -> tuple[tuple[int, int], ...]:
    counts: dict[int, int] = {}
    for node in nodes:
        counts[node] = counts.get(node, 0) + 1
    return tuple(sorted(counts.items()))


def _result(counts: Mapping[str, tuple[tuple[int, int], ...]]) -> Result:
    return tuple(sorted(counts.items()))


def _all(board: Board, groups: Groups, limit: int) -> set[Result] | None:
    """Every result; None when there is too much to go through.

    What a group meets depends only on where the groups before it went, so ways
    that led to the same placements are gone on with once.
    """
    # Each set of groups is a step on some way, and each of its groups the last of one.
    if len(groups) * 2 ** max(0, len(groups) - 1) > limit:
        return None
    reached: set[Result] = {()}
    runs = 0
    for _ in groups:
        following: set[Result] = set()
        for before in reached:
            done = {service for service, _ in before}
            start = _after(board, before)
            for service in sorted(set(groups) - done):
                for nodes in every(_Placed(start, service, groups[service])):
                    runs += 1
                    if runs > limit:
                        return None
                    following.add(_result({**dict(before), service: nodes}))
        reached = following
    return reached


class _Placed:
    def __init__(self, board: Board, service: str, tasks: int) -> None:
        self.board, self.service, self.tasks = board, service, tasks

    def __call__(self, chooser: Chooser) -> tuple[tuple[int, int], ...]:
        board = self.board.copy()
        service = board.services[self.service]
        return _counted(Placing(board, service, self.tasks, chooser).run())


def _after(board: Board, result: Result) -> Board:
    after = board.copy()
    for service, places in result:
        for node, tasks in places:
            for _ in range(tasks):
                after.place(service, node)
    return after
