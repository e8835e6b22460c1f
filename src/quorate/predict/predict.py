"""From a plan to what its failures come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.problems import did_you_mean
from quorate.plan.model import Plan
from quorate.plan.scene import scene
from quorate.predict.freezes import FROZEN, LEADS_ON, freeze
from quorate.predict.jobs import RUNNING, has_jobs
from quorate.predict.losses import COURSES, Losses
from quorate.predict.model import Failure, Prediction

PAIRS = 12
"""On up to so many servers every pair is predicted too, if nothing is asked for."""

ASSUMED = (
    "how long containers take to start: from a fifth of their health check's `start_period` to all "
    "of it, nothing where they have none",
    "images are on the servers already, as `quorate up` sees to",
    "what starts side by side on one server holds each other up, and a health check's probe takes "
    "0.1 to 1.2 s, as in a lab on two cores: a larger server is quicker",
)

OnFailure = Callable[[int, int], None]
"""Receives how many failures are done, and of how many."""


def predict(
    fleet: Fleet,
    plan: Plan,
    *,
    lost: Iterable[tuple[str, ...]] = (),
    parted: Iterable[tuple[str, ...]] = (),
    frozen: Iterable[tuple[str, float]] = (),
    leader: str | None = None,
    seed: int = 0,
    courses: int = COURSES,
    on_failure: OnFailure | None = None,
) -> Prediction:
    """What comes of failures of a deployed plan.

    Args:
        lost: the servers of each failure.
        parted: the servers on one side of each partition; the others are on the other.
        frozen: servers that stand still, each for how many seconds. None of these three: every
            server, every pair of a small fleet (else every pair of managers), and every zone
            parted from the others.
        leader: the manager that leads; None: whichever, so that a loss that may take the leader
            is predicted both ways.
        courses: drawn for each failure.

    Raises:
        UsageError: there is no such server, none is named, or the leader is no manager.
    """
    asked = [Break(lost=_known(fleet, names)) for names in lost]
    asked += [_parted(fleet, _known(fleet, names)) for names in parted]
    asked += [Break(lost=_known(fleet, (name,)), still=seconds) for name, seconds in frozen]
    asked = asked or list(_usual(fleet))
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
    managers = [server.name for server in fleet.managers]
    todo = [(each, who) for each in asked for who in leaders(managers, each.lost, leader)]
    found: list[Failure] = []
    for each, who in todo:
        if each.still is None:
            found.append(losses.lose(each.lost, leader=who, apart=each.apart))
        else:
            found.append(freeze(losses, each.lost[0], each.still, leader=who))
        if on_failure is not None:
            on_failure(len(found), len(todo))
    return Prediction(
        fleet=fleet.name,
        fleet_digest=fleet.digest,
        seed=seed,
        failures=tuple(found),
        assumed=tuple(_assumed(fleet, asked)),
    )


@dataclass(frozen=True, kw_only=True)
class Break:
    """What fails: servers that are lost; with `apart`, that no longer reach those; with `still`,
    one that stands still for so many seconds."""

    lost: tuple[str, ...]
    apart: tuple[str, ...] = ()
    still: float | None = None


def _assumed(fleet: Fleet, asked: Sequence[Break]) -> Iterator[str]:
    yield from ASSUMED
    if has_jobs(fleet):
        yield RUNNING
    still = {name for each in asked if each.still is not None for name in each.lost}
    if still:
        yield FROZEN
    if any(server.name in still for server in fleet.managers):
        yield LEADS_ON


def _usual(fleet: Fleet) -> Iterator[Break]:
    names = [server.name for server in fleet.servers]
    small = len(names) <= PAIRS
    yield from (Break(lost=(name,)) for name in names)
    several = names if small else [server.name for server in fleet.managers]
    yield from (Break(lost=pair) for pair in combinations(several, 2))
    if small:
        zones = {server.zone for server in fleet.servers if server.zone}
        sides = [tuple(s.name for s in fleet.servers if s.zone == zone) for zone in sorted(zones)]
        broken = [_parted(fleet, side) for side in sides if len(side) < len(names)]
        yield from {frozenset(each.lost): each for each in broken}.values()


def _parted(fleet: Fleet, side: tuple[str, ...]) -> Break:
    """The side that is cut off, and the one that goes on: the one with most of the managers.

    Raises:
        UsageError: nobody is on the other side.
    """
    other = tuple(server.name for server in fleet.servers if server.name not in side)
    if not other:
        raise UsageError(
            "a partition with nobody on the other side was asked for",
            todo="leave at least one server out",
        )
    managers = {server.name for server in fleet.managers}
    mine, theirs = len(managers & set(side)), len(managers & set(other))
    if mine > theirs or (mine == theirs and len(side) > len(other)):
        side, other = other, side
    return Break(lost=side, apart=other)


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


def leaders(managers: Sequence[str], lost: tuple[str, ...], leader: str | None = None) -> list[str]:
    """Who of the managers may lead when servers are lost: one that stays, and each that is lost.

    Without a majority left it makes no difference.
    """
    if leader is not None:
        return [leader]
    stay = [name for name in managers if name not in lost]
    if len(stay) < len(managers) // 2 + 1:
        return list(managers[:1])
    return [stay[0], *(name for name in managers if name in lost)]
