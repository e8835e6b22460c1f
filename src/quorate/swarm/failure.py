"""A loss from its moment on: what is noticed, what goes where, when it runs again. One course."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from quorate.swarm.board import Board
from quorate.swarm.choice import Dice
from quorate.swarm.detect import Detection
from quorate.swarm.schedule import tick
from quorate.swarm.starting import Given, started
from quorate.swarm.timing import TIMING, Behaviour, Timing

Homes = Mapping[str, Mapping[int, int]]
"""Service → node number → its tasks there. Global services are left out: none is replaced."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One task that was lost with its node, and the one made for it. Times in seconds.

    `to` is None where it stays pending, as what follows then is. `started`: its process runs;
    `running`: Swarm has it running, its health check passed. All count from the loss.
    """

    service: str
    lost_on: str
    down: float
    to: str | None = None
    assigned: float | None = None
    started: float | None = None
    running: float | None = None


@dataclass(frozen=True, kw_only=True)
class Course:
    """What comes of a loss: how it is noticed, and what happens to each task that was lost."""

    detection: Detection
    moved: tuple[Moved, ...] = field(default=())


DEFAULT = Behaviour()


def follow(
    board: Board,
    homes: Homes,
    detection: Detection,
    *,
    random: Random,
    behaviours: Mapping[str, Behaviour] | None = None,
    timing: Timing = TIMING,
) -> Course:
    """What Swarm does once nodes are seen to be down; the board is changed.

    `board` is the scheduler's books before the loss.
    """
    return _Following(board, homes, detection, random, behaviours or {}, timing).run()


class _Following:
    def __init__(
        self,
        board: Board,
        homes: Homes,
        detection: Detection,
        random: Random,
        behaviours: Mapping[str, Behaviour],
        timing: Timing,
    ) -> None:
        self.board, self.homes, self.detection = board, homes, detection
        self.behaviours, self.timing, self.random = behaviours, timing, random
        self.dice = Dice(random.randrange(2**32))
        self.waiting: dict[str, list[Moved]] = {}
        self.given: dict[str, list[Moved]] = {}
        self.done: list[Moved] = []

    def run(self) -> Course:
        nodes = self.board.roster.nodes
        seen = self.detection
        self.board.remove(number for number, n in enumerate(nodes) if seen.ready.get(n.id, 1) > 0)
        # A node first comes back to a new leader, then others are missed: ready before down.
        events = [(at, 0, node) for node, at in seen.ready.items() if at > 0]
        events += [(at, 0, node) for node, at in seen.back.items()]
        events += [(at, 1, node) for node, at in seen.down.items()]
        heapq.heapify(events)
        while events:
            at, missed, node = heapq.heappop(events)
            number = self.board.number(node)
            if missed:
                self._miss(number, at)
            else:
                self.board.restore((number,))
            if not events or events[0][0] > at + self.timing.debounce:
                self._place(at + self.timing.debounce)
        for tasks in self.given.values():
            self.done += self._started(tasks)
        left = [task for tasks in self.waiting.values() for task in tasks]
        return Course(detection=seen, moved=(*self.done, *left))

    def _miss(self, number: int, at: float) -> None:
        """A node is down: its tasks are no more, and new ones are made."""
        self.board.remove((number,))
        node = self.board.roster.nodes[number].id
        for service, places in self.homes.items():
            tasks = places.get(number, 0)
            if not tasks:
                continue
            self.board.end(service, number, tasks)
            if self.behaviours.get(service, DEFAULT).replaced:
                lost = [Moved(service=service, lost_on=node, down=at)] * tasks
                self.waiting.setdefault(service, []).extend(lost)
            else:
                self.done += [Moved(service=service, lost_on=node, down=at)] * tasks

    def _place(self, at: float) -> None:
        """A round of the scheduler."""
        groups = {service: len(tasks) for service, tasks in self.waiting.items() if tasks}
        if not groups:
            return
        nodes = self.board.roster.nodes
        for service, places in tick(self.board, groups, self.dice).items():
            tasks = self.waiting[service]
            for task, number in zip(tasks, places, strict=False):
                given = replace(task, to=nodes[number].id, assigned=at + self.timing.assign)
                self.given.setdefault(nodes[number].id, []).append(given)
            self.waiting[service] = tasks[len(places) :]

    def _started(self, tasks: Sequence[Moved]) -> Iterator[Moved]:
        """Tasks that one node got, each made ready at once, started when its delay is over."""
        manners = [self.behaviours.get(task.service, DEFAULT) for task in tasks]
        begun = started(
            [
                Given(assigned=task.assigned or 0.0, due=task.down + manner.delay, manner=manner)
                for task, manner in zip(tasks, manners, strict=True)
            ],
            self.timing,
            self.random,
        )
        for task, manner, at in zip(tasks, manners, begun, strict=True):
            yield replace(task, started=at, running=manner.runs(at, self.random))
