"""Tasks that one engine creates and starts side by side hold each other up."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from random import Random

from quorate.swarm.timing import Behaviour, Timing


@dataclass(frozen=True, kw_only=True)
class Given:
    """A task that its node has got: `assigned`, and not to start before `due`. Seconds."""

    assigned: float
    due: float
    manner: Behaviour


def started(tasks: Sequence[Given], timing: Timing, random: Random) -> list[float]:
    """When the process of each of one node's new tasks runs: created at once, started when due."""
    slow = random.random()
    creating, starting = (
        low + slow * (high - low) for low, high in (timing.creating, timing.starting)
    )
    later = held_up([task.assigned for task in tasks], creating)
    ready = [
        max(task.assigned + task.manner.create + extra, task.due)
        for task, extra in zip(tasks, later, strict=True)
    ]
    later = held_up(ready, starting)
    return [
        at + task.manner.start + extra for task, at, extra in zip(tasks, ready, later, strict=True)
    ]


def held_up(begun: Sequence[float], work: float) -> list[float]:
    """By how much each of some jobs is done later than it would be alone.

    Each takes `work` seconds of one worker that shares its time equally among those it has begun;
    so they are done in the order in which they were `begun`.
    """
    order = sorted(range(len(begun)), key=lambda number: begun[number])
    later = [0.0] * len(begun)
    # Of each job under way: its number, and how much a job begun first would have got by its end.
    ahead: deque[tuple[int, float]] = deque()
    now = got = 0.0
    for number, next_at in [*((n, begun[n]) for n in order), (-1, inf)]:
        while ahead and now + (ahead[0][1] - got) * len(ahead) <= next_at:
            first, enough = ahead.popleft()
            now += (enough - got) * (len(ahead) + 1)
            got = enough
            later[first] = max(0.0, now - begun[first] - work)
        if ahead:
            got += (next_at - now) / len(ahead)
        now = next_at
        ahead.append((number, got + work))
    return later
