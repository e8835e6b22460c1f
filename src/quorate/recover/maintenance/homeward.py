"""`quorate rebalance` and `quorate undrain`: services home again, a few at a time. Pure.

Invariants: at most `at_once` services move at a time, each one task after another, so that never
all replicas of one are away at once; nothing moves that would find no room at home.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from quorate.errors import MachineError
from quorate.fleet.model import Role
from quorate.fleet.observed import ObservedService
from quorate.plan.words import listed
from quorate.recover.maintenance.board import board_of
from quorate.recover.maintenance.chosen import (
    ACTIVATE,
    HOME,
    NODE_SECONDS,
    PROMOTE,
    ROLE_SECONDS,
    START,
    Course,
    batches,
)
from quorate.recover.maintenance.drain import needed_first
from quorate.recover.maintenance.scene import (
    Resident,
    Scene,
    away,
    healthy_seconds,
    patience,
    side_by_side,
    stop_seconds,
)
from quorate.recover.maintenance.shift import meant
from quorate.recover.maintenance.specs import MONITOR_SECONDS, stopped_for
from quorate.recover.model import Operation, Step
from quorate.swarm.board import Board


@dataclass(frozen=True, kw_only=True)
class Homecoming:
    """A service that goes home: from where, to where."""

    live: ObservedService
    where: tuple[str, ...]
    homes: tuple[str, ...]
    start_first: bool

    @property
    def moves(self) -> int:
        """How many of its tasks have to move."""
        return sum((Counter(self.homes) - Counter(self.where)).values())

    @property
    def gap(self) -> bool:
        """Whether nothing of it runs for a moment."""
        return not self.start_first and len(self.where) <= 1


def rebalance(scene: Scene, *, at_once: int) -> Operation:
    """The operation that brings home what may move; one without steps where all is at home."""
    course = Course()
    warnings = _home(course, scene, at_once=at_once)
    return _operation("rebalance", "", scene, course, warnings)


def undrain(scene: Scene, server: str, *, at_once: int) -> Operation:
    """The operation that takes a server into use again, and brings home what lives there.

    Raises:
        UsageError: no such server. MachineError: it is not back yet.
    """
    node = scene.node(server)
    if not node.ready:
        raise MachineError(
            f"{server} is not back yet: for the swarm it is {node.state}",
            todo="power it on, or start its engine, and retry",
        )
    course = Course()
    if node.availability != "active":
        course.add(
            Step(
                id="activate",
                says=f"{server} takes tasks again",
                seconds=NODE_SECONDS,
                back=f"{server} is drained: what runs there stops",
            ),
            ACTIVATE,
            server=server,
        )
    wanted = next(one.role for one in scene.fleet.servers if one.name == server)
    if wanted is Role.MANAGER and node.role != Role.MANAGER.value:
        course.add(
            Step(
                id="promote",
                says=f"{server} is a manager again",
                seconds=ROLE_SECONDS,
                back=f"{server} is a worker",
            ),
            PROMOTE,
            server=server,
        )
    _starts(course, scene, server)
    warnings = _home(course, scene, at_once=at_once, server=server)
    return _operation("undrain", server, scene, course, warnings)


def _operation(
    kind: str, subject: str, scene: Scene, course: Course, warnings: Sequence[str]
) -> Operation:
    return Operation(
        kind=kind,
        subject=subject,
        fleet=scene.fleet.name,
        steps=tuple(course.steps),
        warnings=tuple(warnings),
        facts={"work": course.work, "server": subject},
    )


def _starts(course: Course, scene: Scene, server: str) -> None:
    down = [
        Resident(name=one.name, replicas=0, here=0, where=())
        for one in scene.snapshot.services
        if stopped_for(one.spec) == server
    ]
    for one in needed_first(scene, down):
        live = scene.snapshot.service(one.name)
        if live is not None:
            course.add(
                Step(
                    id=f"start-{one.name}",
                    says=f"{one.name} runs again",
                    seconds=healthy_seconds(live),
                    back=f"{one.name} stops",
                ),
                START,
                service=one.name,
                server=server,
                seconds=stop_seconds(live),
                patience=patience(live),
            )


def _home(course: Course, scene: Scene, *, at_once: int, server: str = "") -> list[str]:
    """Steps for what goes home (with `server`: to it), and warnings of what cannot yet."""
    wanted, warnings = [], []
    usable = {n.hostname for n in scene.snapshot.nodes if n.ready and n.availability == "active"}
    usable |= {server}
    for live, homes in away(scene):
        if server and server not in homes:
            continue
        if missing := sorted(set(homes) - usable):
            warnings.append(f"{live.name} stays where it is: {listed(missing)} takes no tasks")
            continue
        service = scene.service(live.name)
        coming = Homecoming(
            live=live,
            where=meant(live, scene.snapshot),
            homes=homes,
            start_first=side_by_side(service, live),
        )
        if set(coming.where) <= set(homes) and not coming.start_first:
            warnings.append(f"{live.name} stays clustered: two of its tasks may not run at once")
        else:
            wanted.append(coming)
    going, without = fitting(board_of(scene.snapshot, scene.fleet), wanted, server)
    warnings += [
        f"{one.live.name} stays where it is: there is no room at {listed(sorted(set(one.homes)))}"
        for one in without
    ]
    ordered = sorted(going, key=lambda one: (one.gap, len(one.where) <= 1))
    for number, few in enumerate(batches(ordered, at_once), start=1):
        _batch(course, number, few)
    return warnings


def _batch(course: Course, number: int, few: Sequence[Homecoming]) -> None:
    names = listed([one.live.name for one in few])
    gaps = [one.live.name for one in few if one.gap]
    says = f"{names} home again, one task at a time"
    if gaps:
        says += f"; {listed(gaps)} with a gap: the old one stops first"
    seconds = [
        one.moves * (healthy_seconds(one.live) + stop_seconds(one.live) * (not one.start_first))
        for one in few
    ]
    course.add(
        Step(
            id=f"home-{number}",
            says=says,
            seconds=max(seconds, default=0.0) + MONITOR_SECONDS,
            back=f"{names} where {'it' if len(few) == 1 else 'they'} ran before",
        ),
        HOME,
        shifts=[
            {
                "service": one.live.name,
                "to": list(one.homes),
                "back": list(one.where),
                "start_first": one.start_first,
                "patience": patience(one.live) * max(1, one.moves),
            }
            for one in few
        ],
    )


def fitting(
    board: Board, wanted: Sequence[Homecoming], server: str = ""
) -> tuple[list[Homecoming], list[Homecoming]]:
    """Which find room at home one after the other, in an order in which they do; and the others.

    One that leaves makes room for the next. `server`: one that takes tasks by then.
    """
    now = board.copy()
    now.restore([now.number(server)] if server else [])
    going: list[Homecoming] = []
    left = list(wanted)
    while left:
        found = next((one for one in left if _goes(now, one)), None)
        if found is None:
            break
        left.remove(found)
        going.append(found)
    return going, left


def _goes(board: Board, coming: Homecoming) -> bool:
    """Move it on the board, if each task in turn finds room; otherwise the board stays."""
    name = coming.live.name
    service = board.services[name]
    trial = board.copy()
    to = sorted((Counter(coming.homes) - Counter(coming.where)).elements())
    off = sorted((Counter(coming.where) - Counter(coming.homes)).elements())
    for host, old in zip(to, off, strict=False):
        there, gone = trial.number(host), trial.number(old)
        if not coming.start_first:
            trial.end(name, gone)
        if not trial.feasible(service, there):
            return False
        trial.place(name, there)
        if coming.start_first:
            trial.end(name, gone)
    board.__dict__.update(trial.__dict__)
    return True
