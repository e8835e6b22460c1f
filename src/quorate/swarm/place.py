"""Placing one group of alike tasks (swarmkit, scheduler.go: scheduleNTasksOnSubtree, -OnNodes).

Followed line by line, its oddities included: after the last node it goes round
whatever the levels are, and a branch's number of tasks is never brought up to date.
"""

from __future__ import annotations

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser, draw
from quorate.swarm.model import Service
from quorate.swarm.rank import best, key
from quorate.swarm.tree import Branch, grow


class Placing:
    """One group on its way: `left` tasks to place, `placed` the nodes of the others in order."""

    def __init__(self, board: Board, service: Service, tasks: int, chooser: Chooser) -> None:
        self.board = board
        self.service = service
        self.chooser = chooser
        self.left = tasks
        self.placed: list[int] = []

    def run(self) -> list[int]:
        """Place what can be placed; the board is changed."""
        self._branch(self.left, grow(self.board, self.service, self.left, self.chooser))
        return self.placed

    def _branch(self, wanted: int, branch: Branch) -> int:
        if not branch.children:
            return self._leaf(wanted, branch)
        children = list(branch.children.values())
        done, usable = 0, branch.tasks
        full: set[int] = set()
        going = True
        while done != wanted and len(full) < len(children) and going:
            level, rest = divmod(usable + wanted - done, len(children) - len(full))
            going = False
            # Each round goes over all children; those that fill up on the way are skipped.
            for number in draw(self.chooser, range(len(children)), len(children)):
                child = children[number]
                if number in full or not (child.tasks < level or (child.tasks == level and rest)):
                    continue
                going = True
                share = level - child.tasks + (1 if rest > 0 else 0)
                got = self._branch(share, child)
                if got < share:
                    full.add(number)
                    usable -= child.tasks
                elif rest > 0:
                    rest -= 1
                done += got
        return done

    def _leaf(self, wanted: int, leaf: Branch) -> int:
        if leaf.visited:
            again = frozenset(leaf.nodes)
            leaf.nodes = best(self.board, self.service, again, len(again), self.chooser)
        leaf.visited = True
        return self._fill(wanted, leaf.nodes) if leaf.nodes else 0

    def _fill(self, wanted: int, nodes: list[int]) -> int:
        board, service = self.board, self.service
        done, at = 0, 0
        unfit: set[int] = set()
        while self.left:
            node = nodes[at % len(nodes)]
            board.place(service.id, node)
            self.placed.append(node)
            self.left -= 1
            done += 1
            if done == wanted:
                return done
            if at + 1 < len(nodes):
                if key(board, service, nodes[at + 1]) < key(board, service, node):
                    at += 1
            else:
                at += 1
            start = at
            while at % len(nodes) in unfit or not board.feasible(service, nodes[at % len(nodes)]):
                unfit.add(at % len(nodes))
                at += 1
                if at - start == len(nodes):
                    return done
        return done
