"""Whether everything still finds a place after the loss of a server, before a change and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from quorate.plan.scene import Scene
from quorate.plan.survive import Effort, replay
from quorate.plan.words import listed

ROUGHLY = Effort(servers=inf, losses=0, placings=100, samples=16)
"""Each loss is replayed once for every change that is looked at."""

Unplaced = Mapping[str, frozenset[str]]
"""Server → the services of which a task may find no place after its loss, or that wait for it."""


def unplaced(start: Scene, servers: Iterable[str], managers: Sequence[str]) -> Unplaced:
    """What may find no place after the loss of each of these servers.

    Args:
        managers: all of them, those too that take no tasks and are not in the scene.
    """
    found = {}
    for name in servers:
        left = len(managers) - (name in managers)
        quorum = left >= len(managers) // 2 + 1 or not managers
        loss = replay(start, (name,), quorum=quorum, effort=ROUGHLY)
        found[name] = frozenset((*loss.pending, *loss.at_risk, *loss.waits))
    return found


def tight(before: Unplaced, after: Unplaced) -> Iterator[str]:
    """The losses after which something finds no place that did before, in words."""
    for server, names in after.items():
        more = sorted(names - before.get(server, frozenset()))
        if more:
            yield f"after the loss of {server} there is no longer a place for {listed(more)}"
