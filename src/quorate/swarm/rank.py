"""The order in which the scheduler prefers nodes (swarmkit, manager/scheduler: nodeLess)."""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import groupby

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser, draw
from quorate.swarm.model import Service

FEW = 64
"""Up to so many nodes are sorted outright; of more, only as many as are needed are looked at."""

Key = tuple[int, int, int]


def key(board: Board, service: Service, node: int) -> Key:
    """Ascending: failures from `max_failures` on, tasks of the service, all tasks."""
    failed = board.failed(service.id, node)
    counted = failed if failed >= board.parameters.max_failures else 0
    return counted, board.count(service.id, node), board.total[node]


def best(
    board: Board, service: Service, nodes: Set[int], number: int, chooser: Chooser
) -> list[int]:
    """The best `number` of these nodes that every filter lets through, best first.

    Equal ones in an order that is chosen, as is which of them stay out.
    """
    if len(nodes) <= FEW or board.failures:
        found: Iterable[int] = (node for node in nodes if board.feasible(service, node))
        return _ordered(board, service, found, number, chooser)
    return _ordered(board, service, _enough(board, service, nodes, number), number, chooser)


def _enough(board: Board, service: Service, nodes: Set[int], number: int) -> list[int]:
    """Feasible nodes that hold the best `number` and all that are equal to the last of them.

    Nodes without a task of the service come first, by their total; the few with
    one follow only where those do not suffice.
    """
    mine = board.active.get(service.id, {})
    found: list[int] = []
    last = -1
    for total, node in board.ranking:
        if len(found) >= number and total > last:
            return found
        if node in nodes and not mine.get(node) and board.feasible(service, node):
            found.append(node)
            last = total
    if len(found) < number:
        found += [
            n for n, tasks in mine.items() if tasks and n in nodes and board.feasible(service, n)
        ]
    return found


def _ordered(
    board: Board, service: Service, nodes: Iterable[int], number: int, chooser: Chooser
) -> list[int]:
    keyed = sorted((key(board, service, node), node) for node in nodes)
    chosen: list[int] = []
    for _, alike in groupby(keyed, key=lambda pair: pair[0]):
        if len(chosen) >= number:
            break
        chosen += draw(chooser, [node for _, node in alike], number - len(chosen))
    return chosen
