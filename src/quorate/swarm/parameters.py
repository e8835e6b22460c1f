"""The constants of Swarm's scheduler, each with its source in moby/swarmkit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SchedulerParameters:
    """What the scheduler's rules use.

    `max_failures`: from so many failures of a service on a node within
    `failure_window` seconds on, nodes with fewer failures come first
    (manager/scheduler: maxFailures, monitorFailures). Who fills
    `State.failures` counts within the window.
    """

    max_failures: int = 5
    failure_window: float = 300.0


DEFAULTS = SchedulerParameters()
