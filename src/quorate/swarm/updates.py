"""A service is given a new version, slot by slot (swarmkit, manager/orchestrator/update).

Workers, as many as `parallelism` says, take one slot after the other: the new task is made and
scheduled at once; with stop-first it starts when the old one has stopped, with start-first the old
one is told to stop when the new one runs. Then the worker waits for `delay`. There is no limit to
how long it waits for a task to run.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from random import Random

from quorate.swarm.board import Board
from quorate.swarm.choice import Dice
from quorate.swarm.rollout import Ending, OnFailure, Rollout, UpdateCourse, Version
from quorate.swarm.schedule import tick
from quorate.swarm.timing import TIMING, Timing

LONGEST_STOP = 60.0
"""Seconds after which a new task no longer waits for its predecessor (orchestrator/restart)."""


def update(
    board: Board,
    service: str,
    homes: Sequence[int],
    rollout: Rollout,
    *,
    random: Random,
    back: Rollout | None = None,
    old: Version | None = None,
    new: Version | None = None,
    timing: Timing = TIMING,
) -> UpdateCourse:
    """One course of an update; the board, on which the old tasks are, is changed.

    Args:
        homes: the node of each slot's task.
        back: how it is rolled back; None: Swarm's defaults.
    """
    return _Updating(
        board,
        service,
        [_Slot(node=node) for node in homes],
        (rollout, back or Rollout()),
        (old or Version(), new or Version()),
        random,
        timing,
    ).run()


@dataclass(kw_only=True, eq=False)
class _Slot:
    """`node`: of the task that runs, or ran last; `coming`: of the one that replaces it.

    `turn` tells its present replacement from one that was given up; `tried`: the old task runs
    on beside what a failed one of the new version is replaced by.
    """

    node: int
    new: bool = False
    runs: bool = True
    coming: int | None = None
    turn: int = 0
    tried: bool = False
    free_at: float = 0.0


class _Updating:
    def __init__(
        self,
        board: Board,
        service: str,
        slots: list[_Slot],
        rollouts: tuple[Rollout, Rollout],
        versions: tuple[Version, Version],
        random: Random,
        timing: Timing,
    ) -> None:
        self.board, self.service, self.slots = board, service, slots
        self.rollouts, self.versions = rollouts, versions
        self.random, self.timing = random, timing
        self.dice = Dice(random.randrange(2**32))
        self.back = False
        self.queue: deque[_Slot] = deque()
        self.busy = self.failed = self.dirty = self.made = 0
        self.waiting: list[_Slot] = []
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.running = [(0.0, len(slots))]
        self.ending, self.ended = Ending.STUCK, inf

    @property
    def rollout(self) -> Rollout:
        return self.rollouts[self.back]

    @property
    def version(self) -> Version:
        """What it is updated to: the new one, or the old one again."""
        return self.versions[not self.back]

    def run(self) -> UpdateCourse:
        self._begin(0.0, self.slots)
        # Workers finish the slots they have begun, also when the update is paused.
        while self.events and (self.ended == inf or self.busy):
            at, _, happen = heapq.heappop(self.events)
            happen(at)
        return UpdateCourse(
            ending=self.ending,
            ended=self.ended,
            running=tuple(self.running),
            updated=sum(slot.new for slot in self.slots),
        )

    def _begin(self, at: float, slots: Sequence[_Slot]) -> None:
        self.queue = deque(self.random.sample(slots, len(slots)))
        self.dirty, self.failed, self.busy = len(slots), 0, 0
        self.waiting = []
        for _ in range(min(self.rollout.parallelism or len(slots), len(slots))):
            self._take(at)
        if not slots:
            self._end(at, Ending.ROLLED_BACK)

    def _take(self, at: float) -> None:
        """A worker takes the next slot; after the last one the update is watched a while."""
        if self.ended < inf:
            return
        if self.queue:
            self.busy += 1
            self._replace(self.queue.popleft(), at)
        elif not self.busy:
            self._at(at + self.rollout.monitor, partial(self._watched, self.back))

    def _watched(self, back: bool, at: float) -> None:
        if back == self.back:
            self._end(at, Ending.ROLLED_BACK if back else Ending.UPDATED)

    def _replace(self, slot: _Slot, at: float) -> None:
        slot.turn += 1
        if slot.coming is not None:
            # What a rollback finds on its way is given up.
            self.board.end(self.service, slot.coming)
            slot.coming = None
        slot.tried = False
        if self.back and slot.runs and not slot.new:
            # The old task is there still: the other one is ended, and that is all.
            self._done(at)
            return
        slot.free_at = at
        if not self.rollout.start_first and slot.runs:
            slot.free_at = at + self._stop(slot, at)
            slot.runs = False
            self._note(at)
        self._at(at + self.timing.debounce, partial(self._schedule, slot, slot.turn))

    def _stop(self, slot: _Slot, at: float) -> float:
        """Seconds until the slot's task, now told to end, has ended."""
        node = slot.node
        took = min(self.random.uniform(*self.versions[slot.new].stop), LONGEST_STOP)
        self.board.retire(self.service, node)
        self._at(at + took, partial(self._released, node))
        return took

    def _released(self, node: int, at: float) -> None:
        self.board.release(self.service, node)
        waiting, self.waiting = self.waiting, []
        for slot in waiting:
            self._at(at + self.timing.debounce, partial(self._schedule, slot, slot.turn))

    def _schedule(self, slot: _Slot, turn: int, at: float) -> None:
        if turn != slot.turn:
            return
        places = tick(self.board, {self.service: 1}, self.dice)[self.service]
        if not places:
            self.waiting.append(slot)
            return
        slot.coming = places[0]
        manner = self.version.manner
        created = at + self.timing.assign + manner.create
        started = max(created, slot.free_at) + manner.start
        runs = manner.runs(started, self.random)
        fails = self.version.fails
        if fails is not None and started + fails < runs:
            self._at(started + fails, partial(self._failed, slot, turn, self.back, None))
            return
        self._at(runs, partial(self._runs, slot, turn))
        if fails is not None:
            self._at(started + fails, partial(self._failed, slot, turn, self.back, runs))

    def _runs(self, slot: _Slot, turn: int, at: float) -> None:
        if turn != slot.turn or slot.coming is None:
            return
        if slot.runs:
            self._stop(slot, at)
        slot.node, slot.coming = slot.coming, None
        slot.new, slot.runs = not self.back, True
        self._note(at)
        self._done(at)

    def _failed(self, slot: _Slot, turn: int, back: bool, ran: float | None, at: float) -> None:
        """A task has ended by itself; `ran`: since when it counted as running, None for never.

        What is made in its place fails like it; a rollback does not count what it has not made.
        """
        if turn != slot.turn:
            return
        node = slot.node if ran is not None else slot.coming
        if node is not None:
            self.board.end(self.service, node)
        slot.coming = None
        if ran is None and slot.runs:
            slot.tried = True
        else:
            slot.new, slot.runs = not back, False
            self._note(at)
        if back != self.back:
            return
        if ran is None:
            # The worker goes to the next slot all the same.
            self._done(at)
        if ran is None or at - ran <= self.rollout.monitor:
            self._count_failure(at)

    def _count_failure(self, at: float) -> None:
        self.failed += 1
        action = self.rollout.on_failure
        if self.ended < inf:
            return
        if self.failed / self.dirty <= self.rollout.ratio or action is OnFailure.CONTINUE:
            return
        if self.back:
            self._end(at, Ending.ROLLBACK_PAUSED)
        elif action is OnFailure.PAUSE:
            self._end(at, Ending.PAUSED)
        else:
            self.back = True
            self._begin(at, [slot for slot in self.slots if self._is_touched(slot)])

    def _is_touched(self, slot: _Slot) -> bool:
        return slot.new or slot.tried or not slot.runs or slot.coming is not None

    def _done(self, at: float) -> None:
        """A worker has done with a slot."""
        self._at(at + self.rollout.delay, partial(self._free, self.back))

    def _free(self, back: bool, at: float) -> None:
        if back == self.back:
            self.busy -= 1
            self._take(at)

    def _end(self, at: float, ending: Ending) -> None:
        self.ending, self.ended = ending, at

    def _note(self, at: float) -> None:
        self.running.append((at, sum(slot.runs for slot in self.slots)))

    def _at(self, at: float, happen: Callable[[float], None]) -> None:
        self.made += 1
        heapq.heappush(self.events, (at, self.made, happen))
