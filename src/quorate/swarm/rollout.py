"""What an update is made of, and what comes of one: values (swarmkit, orchestrator/update)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from quorate.swarm.timing import Behaviour


class OnFailure(StrEnum):
    PAUSE = "pause"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


class Ending(StrEnum):
    """How an update ends. Stuck: it waits for ever, as a new task finds no place."""

    UPDATED = "updated"
    PAUSED = "paused"
    ROLLED_BACK = "rolled back"
    ROLLBACK_PAUSED = "rollback paused"
    STUCK = "stuck"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """`update_config` or `rollback_config`, with Swarm's defaults. `parallelism` 0: all at once.

    A task of the new version that ends before it runs, or within `monitor` seconds of that, has
    failed; once more than the share `ratio` (0 to 1) of the slots have, `on_failure` is done.
    """

    parallelism: int = 1
    delay: float = 0.0
    start_first: bool = False
    on_failure: OnFailure = OnFailure.PAUSE
    monitor: float = 5.0
    ratio: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Version:
    """How tasks come up and go: `stop` seconds from being told to end, from the least to the most.

    `fails`: seconds from a task's start until it ends by itself; None where it goes on.
    """

    manner: Behaviour = field(default_factory=Behaviour)
    stop: tuple[float, float] = (0.0, 10.0)
    fails: float | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateCourse:
    """How an update went, in seconds from its beginning.

    `ended`: when Swarm calls it what `ending` says; inf where it is stuck. `running`: from when on
    so many slots have a task that runs, of either version. `updated`: slots with the new version.
    """

    ending: Ending
    ended: float
    running: tuple[tuple[float, int], ...]
    updated: int

    @property
    def fewest(self) -> int:
        """The fewest slots that had a running task at once."""
        return min(tasks for _, tasks in self.running)

    @property
    def gap(self) -> float:
        """Seconds in which no slot had one, until the update ended."""
        ends = [at for at, _ in self.running[1:]] + [self.ended]
        return sum(
            max(0.0, min(end, self.ended) - at)
            for (at, tasks), end in zip(self.running, ends, strict=True)
            if not tasks
        )
