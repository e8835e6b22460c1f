"""Jobs: how many tasks Swarm makes for them, and what it does not see.

Read off moby/swarmkit, manager/orchestrator/jobs: its loop looks again when the service changes,
and once when a manager begins to lead; nodes it does not watch. Of a failed task the supervisor of
restarts makes a new one; of one whose node is lost it does so only once the task counts as
orphaned, or has been seen to fail as the node came back.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random

from quorate.swarm.filters import fits
from quorate.swarm.model import Availability, Node, NodeState, Service, Task, TaskState
from quorate.swarm.raft import Change


def missing(tasks: Iterable[Task], *, total: int, concurrent: int) -> int:
    """How many tasks a replicated job is given now.

    `tasks` are those of its present run. Where their nodes are does not matter, nor whether those
    are there: a task is under way as long as it is to complete and is not seen to have.
    """
    known = list(tasks)
    complete = sum(task.observed is TaskState.COMPLETE for task in known)
    under_way = sum(
        task.observed is not TaskState.COMPLETE and task.desired <= TaskState.COMPLETE
        for task in known
    )
    return _new(total, concurrent, complete, under_way)


def _new(total: int, concurrent: int, complete: int, under_way: int) -> int:
    return max(0, min(concurrent - under_way, total - complete - under_way))


def everywhere(service: Service, nodes: Iterable[Node], tasks: Iterable[Task]) -> tuple[str, ...]:
    """The nodes that a global job gets a task for now.

    Those that its constraints let through, that take tasks, and have none of this run: one that
    waits, runs, has ended or is to be tried again counts.
    """
    taken = {task.node for task in tasks if task.desired <= TaskState.COMPLETE}
    return tuple(
        node.id for node in nodes if node.ready and node.id not in taken and fits(service, node)
    )


def shut(nodes: Iterable[Node], tasks: Iterable[Task]) -> tuple[str, ...]:
    """The tasks of a global job that are ended when its loop looks: those on nodes it may not use.

    Down or drained. Until it looks they count as running; and it looks only when the service
    changes or the leader does.
    """
    invalid = {
        node.id
        for node in nodes
        if node.state is NodeState.DOWN or node.availability is Availability.DRAIN
    }
    return tuple(
        task.id for task in tasks if task.node in invalid and task.desired <= TaskState.COMPLETE
    )


def led_again(changes: Sequence[Change], before: Iterable[str] = ()) -> bool:
    """Whether a manager comes to lead that has led before, without its engine starting in between.

    Its jobs then run again and again: seen in labs, 117 completions of one task in some seconds
    (engine 20.10, five of five) and 18 (26.1, three of three); never with a manager that leads for
    the first time.

    Args:
        changes: of leadership, as `Raft.run` gives them.
        before: who led earlier.
    """
    known = set(before)
    for change in changes:
        if change.leader is None:
            continue
        if change.leader in known and change.at > 0:
            return True
        known.add(change.leader)
    return False


@dataclass(frozen=True, kw_only=True)
class Job:
    """A replicated job: to complete `total` times, at most `concurrent` at once.

    A task runs for `lasting` seconds, from the least to the most; one that fails is tried again
    after `delay`.
    """

    total: int
    concurrent: int
    lasting: tuple[float, float]
    delay: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A node that is lost `at` and noticed at `down`; `back` when its agent registers anew."""

    at: float
    down: float
    back: float = inf


@dataclass(frozen=True, kw_only=True)
class JobCourse:
    """How a job went. Seconds.

    `completed`: when each task that completed did, ascending. `hung`: node → the tasks that counted
    as running there while it was lost. `ended`: when the last completion was; inf where it never
    gets there.
    """

    completed: tuple[float, ...]
    hung: Mapping[str, int] = field(default_factory=dict)
    ended: float = inf


def run(
    job: Job,
    nodes: Sequence[str],
    lost: Mapping[str, Absence],
    *,
    random: Random,
    orphaned: float,
) -> JobCourse:
    """One course of a job from its start at 0, nodes being lost meanwhile.

    Tasks go to the node with the fewest of them, as Swarm's do where nodes are alike; nothing is
    placed on one that is noticed to be lost.

    Args:
        orphaned: seconds from a node's being down until its tasks count as ended (`Timing`).
    """
    return _Running(job, nodes, lost, random, orphaned).run()


class _Running:
    def __init__(
        self,
        job: Job,
        nodes: Sequence[str],
        lost: Mapping[str, Absence],
        random: Random,
        orphaned: float,
    ) -> None:
        self.job, self.lost, self.random, self.orphaned = job, lost, random, orphaned
        self.on = dict.fromkeys(nodes, 0)
        self.under_way = self.made = 0
        self.completed: list[float] = []
        self.hung: dict[str, int] = {}
        # When a task ends: on which node, or None where it is only tried again then; whether well.
        self.events: list[tuple[float, int, str | None, bool]] = []

    def run(self) -> JobCourse:
        self._look(0.0)
        while self.events:
            at, _, node, well = heapq.heappop(self.events)
            if node is not None:
                self.on[node] -= 1
            if well:
                self.under_way -= 1
                self.completed.append(at)
                self._look(at)
            elif node is not None:
                # A task that is tried again stays under way.
                self._note(at + self.job.delay, None, well=False)
            else:
                self._start(at)
        done = len(self.completed) == self.job.total
        return JobCourse(
            completed=tuple(self.completed),
            hung=self.hung,
            ended=self.completed[-1] if done and self.completed else inf,
        )

    def _look(self, at: float) -> None:
        """The job's loop: as many new tasks as `missing` says."""
        job = self.job
        for _ in range(_new(job.total, job.concurrent, len(self.completed), self.under_way)):
            self.under_way += 1
            self._start(at)

    def _start(self, at: float) -> None:
        """A task begins; on a node that is lost meanwhile it hangs."""
        there = [name for name in self.on if not self._noticed(name, at)]
        if not there:
            waits = min((self.lost[name].back for name in self.on), default=inf)
            if waits < inf:
                self._note(waits, None, well=False)
            return
        fewest = min(self.on[name] for name in there)
        node = self.random.choice([name for name in there if self.on[name] == fewest])
        self.on[node] += 1
        end = at + self.random.uniform(*self.job.lasting)
        absence = self.lost.get(node)
        if absence is None or end <= absence.at or at >= absence.back:
            self._note(end, node, well=True)
            return
        self.hung[node] = self.hung.get(node, 0) + 1
        # As the node comes back its agent finds the container gone: the task has failed.
        self._note(min(absence.back, absence.down + self.orphaned), node, well=False)

    def _noticed(self, node: str, at: float) -> bool:
        absence = self.lost.get(node)
        return absence is not None and absence.down <= at < absence.back

    def _note(self, at: float, node: str | None, *, well: bool) -> None:
        self.made += 1
        heapq.heappush(self.events, (at, self.made, node, well))
