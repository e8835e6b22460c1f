"""From a plan to what its failures come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.problems import did_you_mean
from quorate.plan.model import Plan
from quorate.plan.scene import scene
from quorate.predict.losses import COURSES, Losses
from quorate.predict.model import Failure, Prediction

PAIRS = 12
"""On up to so many servers every pair is predicted too, if nothing is asked for."""

ASSUMED = (
    "how long containers take to start: from a fifth of their health check's `start_period` to all "
    "of it, nothing where they have none",
    "images are on the servers already, as `quorate up` sees to",
)

OnFailure = Callable[[int, int], None]
"""Receives how many failures are done, and of how many."""


def predict(
    fleet: Fleet,
    plan: Plan,
    *,
    lost: Iterable[tuple[str, ...]] = (),
    leader: str | None = None,
    seed: int = 0,
    courses: int = COURSES,
    on_failure: OnFailure | None = None,
) -> Prediction:
    """What comes of failures of a deployed plan.

    Args:
        lost: the servers of each failure; none: every server, and every pair of a small fleet.
        leader: the manager that leads; None: whichever, so that a loss that may take the leader
            is predicted both ways.
        courses: drawn for each failure.

    Raises:
        UsageError: there is no such server, none is named, or the leader is no manager.
    """
    asked = [_known(fleet, names) for names in lost] or list(_usual(fleet))
    if (
        leader is not None
        and _known(fleet, (leader,))
        and fleet.server(leader) not in fleet.managers
    ):
        raise UsageError(
            f"{leader} cannot lead: it is a worker",
            todo=f"name a manager: {', '.join(server.name for server in fleet.managers)}",
        )
    losses = Losses(scene(fleet, plan), seed=seed, courses=courses)
    todo = [(names, who) for names in asked for who in leaders(fleet, names, leader)]
    found: list[Failure] = []
    for names, who in todo:
        found.append(losses.lose(names, leader=who))
        if on_failure is not None:
            on_failure(len(found), len(todo))
    return Prediction(
        fleet=fleet.name,
        fleet_digest=fleet.digest,
        seed=seed,
        failures=tuple(found),
        assumed=ASSUMED,
    )


def _usual(fleet: Fleet) -> Iterator[tuple[str, ...]]:
    names = [server.name for server in fleet.servers]
    yield from ((name,) for name in names)
    if len(names) <= PAIRS:
        yield from combinations(names, 2)


def _known(fleet: Fleet, names: tuple[str, ...]) -> tuple[str, ...]:
    known = [server.name for server in fleet.servers]
    if not names:
        raise UsageError(
            "a loss of no server was asked for", todo=f"name one of {', '.join(known)}"
        )
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no server `{name}` in this fleet{did_you_mean(name, known)}",
                cause=f"its servers are {', '.join(known)}",
                todo="name servers as the fleet file does",
            )
    return tuple(dict.fromkeys(names))


def leaders(fleet: Fleet, lost: tuple[str, ...], leader: str | None = None) -> list[str]:
    """Who may lead when they are lost: one that stays, and each that is lost.

    Without a majority left it makes no difference.
    """
    managers = [server.name for server in fleet.managers]
    if leader is not None:
        return [leader]
    stay = [name for name in managers if name not in lost]
    if len(stay) < len(managers) // 2 + 1:
        return managers[:1]
    return [stay[0], *(name for name in managers if name in lost)]
