"""One round of the scheduler (swarmkit, manager/scheduler/scheduler.go: tick)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser, Dice, draw, every
from quorate.swarm.model import State, Task
from quorate.swarm.place import Placing

Groups = Mapping[str, int]
"""Service → its tasks that wait for a node."""


def schedule(state: State, seed: int) -> dict[str, str | None]:
    """One possible outcome for every waiting task: the node it gets, or None when it stays pending.

    Of the tasks of one service, which of them gets which node is Swarm's map
    order too: here they go in the order of `state.tasks`.
    """
    board = Board(state)
    chooser = Dice(seed)
    waiting = [task for task in state.tasks if task.waits]
    outcome = preassigned(board, (task for task in waiting if task.node is not None), chooser)
    ids: dict[str, list[str]] = {}
    for task in waiting:
        if task.node is None:
            ids.setdefault(task.service, []).append(task.id)
    placed = tick(board, {service: len(tasks) for service, tasks in ids.items()}, chooser)
    for service, tasks in ids.items():
        nodes = [state.nodes[number].id for number in placed[service]]
        outcome |= dict(zip(tasks, [*nodes, *[None] * (len(tasks) - len(nodes))], strict=True))
    return outcome


def preassigned(board: Board, tasks: Iterable[Task], chooser: Chooser) -> dict[str, str | None]:
    """Tasks of global services: each on its node if every filter lets it, before all others."""
    outcome: dict[str, str | None] = {}
    waiting = list(tasks)
    for task in draw(chooser, waiting, len(waiting)):
        node = board.number(task.node or "")
        fits = board.feasible(board.services[task.service], node)
        if fits:
            board.place(task.service, node)
        outcome[task.id] = task.node if fits else None
    return outcome


def confirmed(board: Board, tasks: Iterable[Task], limit: int) -> list[Board] | None:
    """The different boards that `preassigned` may leave; None when that takes over `limit` orders.

    What one node confirms does not depend on another's, so orders are gone
    through node by node.
    """
    by_node: dict[str, list[Task]] = {}
    for task in tasks:
        by_node.setdefault(task.node or "", []).append(task)
    ends: list[tuple[str, ...]] = [()]
    runs = 0
    for waiting in by_node.values():
        ways = set()
        for fitted in every(partial(_confirmed, board, waiting)):
            runs += 1
            if runs > limit:
                return None
            ways.add(fitted)
        if len(ends) * len(ways) > limit:
            return None
        ends = [(*end, *way) for end in ends for way in sorted(ways)]
    known = {task.id: task for waiting in by_node.values() for task in waiting}
    boards = []
    for end in ends:
        after = board.copy()
        for name in end:
            after.place(known[name].service, after.number(known[name].node or ""))
        boards.append(after)
    return boards


def _confirmed(board: Board, waiting: list[Task], chooser: Chooser) -> tuple[str, ...]:
    found = preassigned(board.copy(), waiting, chooser)
    return tuple(sorted(name for name, node in found.items() if node is not None))


def tick(board: Board, groups: Groups, chooser: Chooser) -> dict[str, list[int]]:
    """Place every group, in an order that is chosen; the board is changed.

    Returns: service → the numbers of the nodes its tasks got, in order; fewer
    than it has tasks when some stay pending.
    """
    placed = {}
    for service in draw(chooser, sorted(groups), len(groups)):
        placed[service] = Placing(board, board.services[service], groups[service], chooser).run()
    return placed
