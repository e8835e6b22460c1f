"""`quorate drain`: how everything leaves a server, or why it must not. Pure.

Invariants: no step leaves the swarm without a majority of managers that can be reached; no service
loses all its replicas at once but those that are named as stopping; what may move has, by the
scheduler's own rules, a place elsewhere before the first of it moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quorate.errors import InfeasibleError, RefusedError
from quorate.fleet.model import Engine
from quorate.fleet.quantities import show_size
from quorate.plan.aftermath import needers
from quorate.plan.words import listed
from quorate.recover.maintenance.board import board_of, landing, overfull
from quorate.recover.maintenance.chosen import (
    DEMOTE,
    DRAIN,
    EMPTY_SECONDS,
    HAND_OVER,
    MOVE,
    NODE_SECONDS,
    PAUSE,
    ROLE_SECONDS,
    STOP,
    SWITCHOVER_SECONDS,
    Course,
    batches,
)
from quorate.recover.maintenance.scene import (
    Resident,
    Scene,
    healthy_seconds,
    managers_without,
    patience,
    residents,
)
from quorate.recover.maintenance.specs import MONITOR_SECONDS
from quorate.recover.model import Operation, Step


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was agreed to. `at_once`: services that move at the same time."""

    stop_pinned: bool = False
    unproven: bool = False
    keep_manager: bool = False
    at_once: int = 3


def choose(scene: Scene, server: str, options: Options) -> Operation:
    """The operation that drains a server; one without steps where it is drained already.

    Raises:
        UsageError: no such server.
        RefusedError: quorum, data or a running job would break, and no option allows it.
        InfeasibleError: what may move does not fit elsewhere.
    """
    node = scene.node(server)
    there = residents(scene, server)
    moving = [one for one in there if not one.stays and not one.passing]
    stopping = [one for one in there if one.stays and one.alone and not one.passing]
    demoted = node.role == "manager" and not options.keep_manager
    _require_no_job(server, there)
    warnings = _quorum(scene, server, options)
    warnings += _data(scene, server, stopping, options)
    warnings += _fits(scene, server, moving, stopping)
    course = Course()
    if node.availability == "active" and there:
        course.add(
            Step(
                id="pause",
                says=f"nothing new starts on {server}",
                seconds=NODE_SECONDS,
                back=f"{server} takes new tasks again",
            ),
            PAUSE,
            server=server,
        )
    _moves(course, scene, server, moving, options)
    leaving = [one for one in there if one.stays and one.switchover and not one.passing]
    _hands_over(course, scene, server, leaving)
    _stops(course, scene, server, stopping)
    if demoted:
        _demote(course, scene, server)
    if node.availability != "drain":
        course.add(
            Step(
                id="drain",
                says=f"{server} is drained: what is left there stops, and nothing starts",
                seconds=EMPTY_SECONDS,
                back=f"{server} takes tasks again",
            ),
            DRAIN,
            server=server,
        )
    return Operation(
        kind="drain",
        subject=server,
        fleet=scene.fleet.name,
        steps=tuple(course.steps),
        warnings=tuple(warnings),
        facts={"work": course.work, "server": server},
    )


def _require_no_job(server: str, there: Sequence[Resident]) -> None:
    passing = [one.name for one in there if one.passing]
    if passing:
        raise RefusedError(
            f"{listed(passing)} runs on {server} now and would be cut off",
            cause="it runs once and ends by itself: a backup, or another job",
            todo="wait until it has ended",
        )


def _quorum(scene: Scene, server: str, options: Options) -> list[str]:
    node = scene.node(server)
    if node.role != "manager":
        return []
    others, reachable = managers_without(scene, server)
    # Demoted, it does not count; kept, it counts as one that cannot be reached.
    votes = others + 1 if options.keep_manager else others
    if not others and not options.keep_manager:
        raise RefusedError(
            f"{server} is the only manager: without it nobody is left who leads the swarm",
            todo="promote another server first; or, where only its services are to leave, "
            "`--keep-manager`",
        )
    if others and reachable < votes // 2 + 1:
        raise RefusedError(
            f"without {server} the swarm has no quorum: of {votes} managers {reachable} "
            "could be reached, and a majority is needed",
            cause="another manager is down, or was lost before",
            todo="bring the other managers back first (`quorate status`)",
        )
    if options.keep_manager:
        said = "stays a manager: the swarm counts it as lost while it is off"
        return [f"{server} {said}" + ("" if others else ", and nobody leads the swarm meanwhile")]
    spare = reachable - (others // 2 + 1)
    said = f"until `quorate undrain {server}` the swarm has {others} managers"
    return [said + (", and losing one of them ends the quorum" if spare == 0 else "")]


def _data(scene: Scene, server: str, stopping: Sequence[Resident], options: Options) -> list[str]:
    """Refuse, or warn of, what stops because it lives only here."""
    beside = sorted(
        stack.name
        for stack in scene.fleet.stacks
        if stack.engine is Engine.COMPOSE and stack.server == server
    )
    replicated = [one for one in stopping if one.switchover]
    stopping = [one for one in stopping if not one.switchover]
    handed = [
        f"{one.name} hands over, and is down until `quorate undrain {server}`" for one in replicated
    ]
    if not stopping and not beside:
        return handed
    said = [f"{one.name} ({one.stays})" for one in stopping]
    said += [f"the compose stack {name} (stops with the server)" for name in beside]
    if not options.stop_pinned:
        raise RefusedError(
            f"{listed(said)} would stop: it lives on {server} alone",
            cause=f"it would be down until `quorate undrain {server}`, about "
            f"{_least(scene, stopping):.0f} s and the time of the maintenance itself",
            todo="add `--stop-pinned` to stop it meanwhile, or move it first",
        )
    lacking = {n.name: scene.unproven[n.name] for n in stopping if n.name in scene.unproven}
    if lacking and not options.unproven:
        raise RefusedError(
            "no proven backup of " + listed([f"{name} ({why})" for name, why in lacking.items()]),
            cause=f"its data is on {server} alone: should that not come back, it is lost",
            todo="`quorate backup run` and `quorate backup prove`, or add `--unproven`",
        )
    gone = {
        s.id for s in scene.fleet.swarm_services() if s.swarm_name in {n.name for n in stopping}
    }
    users = needers(scene.fleet, gone)
    out = [f"{one} is down until `quorate undrain {server}`" for one in said]
    out += [f"no proven backup of {name}: {why}" for name, why in lacking.items()]
    return handed + out + ([f"without it do not work: {listed(users)}"] if users else [])


def _least(scene: Scene, stopping: Sequence[Resident]) -> float:
    """Seconds that a stop takes at least: the way down, and the way up again."""
    lives = [scene.snapshot.service(one.name) for one in stopping]
    up = max((healthy_seconds(live) for live in lives if live), default=0.0)
    return EMPTY_SECONDS + NODE_SECONDS + up + max((s.stop_seconds for s in stopping), default=0)


def _fits(
    scene: Scene, server: str, moving: Sequence[Resident], stopping: Sequence[Resident]
) -> list[str]:
    if not moving:
        return []
    board = board_of(scene.snapshot, scene.fleet)
    found = landing(board, server, {one.name: one.here for one in moving})
    if found.pending:
        raise InfeasibleError(
            f"what runs on {server} does not fit on the other servers as Swarm would place it",
            conflict=[f"{name}: no room by its reservations" for name in found.pending],
            todo="make room (fewer replicas, smaller reservations), or another server first",
        )
    full = overfull(
        scene.fleet, scene.snapshot, found.outcomes, without=[one.name for one in stopping]
    )
    if full:
        raise InfeasibleError(
            f"without {server} memory would run out",
            conflict=[f"{name} would use {show_size(used)}" for name, used in full.items()],
            todo="make room there, or stop something first",
        )
    return []


def _moves(
    course: Course, scene: Scene, server: str, moving: Sequence[Resident], options: Options
) -> None:
    # Those of several replicas first: they go without anybody noticing.
    ordered = sorted(moving, key=lambda one: (not one.start_first, one.alone, one.name))
    for number, few in enumerate(batches(ordered, options.at_once), start=1):
        lives = {one.name: scene.snapshot.service(one.name) for one in few}
        took = [
            one.here * (healthy_seconds(live) + one.stop_seconds * (not one.start_first))
            for one in few
            if (live := lives[one.name]) is not None
        ]
        names = listed([one.name for one in few])
        gap = [one.name for one in few if one.alone and not one.start_first]
        says = f"{names} run{'s' * (len(few) == 1)} elsewhere, healthy before the old one stops"
        if gap:
            says = f"{names} start elsewhere; {listed(gap)} after the old one stopped: a gap"
        course.add(
            Step(
                id=f"move-{number}",
                says=says,
                seconds=max(took, default=0.0) + MONITOR_SECONDS,
                back=f"{names} back on {server}",
            ),
            MOVE,
            shifts=[
                {
                    "service": one.name,
                    "off": server,
                    "back": list(one.where),
                    "start_first": one.start_first,
                    "patience": patience(live) * one.here if live else 240.0,
                }
                for one in few
                for live in (lives[one.name],)
            ],
        )


def _hands_over(course: Course, scene: Scene, server: str, leaving: Sequence[Resident]) -> None:
    """All of them while everything still runs: who needs them finds the replica meanwhile."""
    for one in needed_first(scene, leaving):
        course.add(
            Step(
                id=f"switchover-{one.name}",
                says=f"{one.name} hands over to its replica, by its own `switchover`",
                seconds=SWITCHOVER_SECONDS,
            ),
            HAND_OVER,
            service=one.name,
            server=server,
            command=one.switchover,
        )


def _stops(course: Course, scene: Scene, server: str, stopping: Sequence[Resident]) -> None:
    """Who needs another stops before it."""
    for one in reversed(needed_first(scene, stopping)):
        course.add(
            Step(
                id=f"stop-{one.name}",
                says=f"{one.name} stops until `quorate undrain {server}`",
                seconds=one.stop_seconds,
                back=f"{one.name} runs again",
            ),
            STOP,
            service=one.name,
            server=server,
            seconds=one.stop_seconds,
        )


def needed_first(scene: Scene, some: Sequence[Resident]) -> list[Resident]:
    """Services in an order in which each comes after those that it needs."""
    ids = {s.swarm_name: s.id for s in scene.fleet.swarm_services()}
    left = sorted(some, key=lambda one: one.name)
    ordered: list[Resident] = []
    while left:
        waiting = {ids.get(one.name, "") for one in left}
        free = [
            one for one in left if not _needs(scene, one.name) & (waiting - {ids.get(one.name)})
        ]
        ordered += free or left
        left = [one for one in left if one not in ordered]
    return ordered


def _needs(scene: Scene, name: str) -> set[str]:
    service = scene.service(name)
    if service is None:
        return set()
    known = {s.id for s in scene.fleet.services} | {s.name for s in scene.fleet.services}
    wanted = {need for need in service.needs if need in known}
    return {s.id for s in scene.fleet.services if s.id in wanted or s.name in wanted} - {service.id}


def _demote(course: Course, scene: Scene, server: str) -> None:
    leads = scene.node(server).leader
    role = "hands the lead of the swarm over and becomes" if leads else "becomes"
    course.add(
        Step(
            id="demote",
            says=f"{server} {role} a worker until `quorate undrain {server}`",
            seconds=ROLE_SECONDS * (2 if leads else 1),
            back=f"{server} is a manager again",
        ),
        DEMOTE,
        server=server,
    )
