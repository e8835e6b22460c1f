"""Bring every service to its home, wait until it is healthy, then set it free.

Level-triggered: each run looks at what is there and does what is missing, so an
interrupted run is continued by simply running again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from quorate.deploy.apply import only_services
from quorate.deploy.progress import Reporter
from quorate.deploy.settle import Expectation, Outcome, Verdict, judge
from quorate.deploy.steer import Move, Wish, at_home, decide
from quorate.fleet.observed import Snapshot
from quorate.stacks.model import RenderedStack
from quorate.stacks.render import with_constraints

POLL_SECONDS = 0.5

Observer = Callable[[], Snapshot]


class Deploy(Protocol):
    """Hands a stack's document to the engine (`apply.deploy_stack` on some manager)."""

    def __call__(self, name: str, document: Mapping[str, Any], *, prune: bool = False) -> object:
        """Create or update the services of the document."""


class Spread(Protocol):
    """Starts a service's tasks anew with at most so many on a node (`apply.spread_service`)."""

    def __call__(self, name: str, *, per_node: int) -> object:
        """Spread the tasks of one service."""


class Remove(Protocol):
    """Removes services, or the whole of a stack where one is named (`apply.remove_left`)."""

    def __call__(self, names: Sequence[str], *, stack: str | None) -> object:
        """Remove them."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What converging needs of a live swarm."""

    deploy: Deploy
    spread: Spread
    remove: Remove
    observe: Observer


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What to converge to.

    `stacks` are bound documents (digests and secret names filled in), in the
    order to deploy; `removed` are swarm names to remove; `patience` gives the
    seconds to wait for each service (by swarm name).
    """

    stacks: tuple[RenderedStack, ...]
    wishes: tuple[Wish, ...]
    removed: tuple[str, ...] = ()
    patience: Mapping[str, float]
    default_patience: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The last verdict of every service that was waited for, and what steering did."""

    verdicts: tuple[Verdict, ...]
    moves: dict[str, Move]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        return tuple(v for v in self.verdicts if v.outcome is not Outcome.HEALTHY)


def converge(goal: Goal, *, engine: Engine, report: Reporter) -> Outcomes:
    """Place what is new, changed or away; wait; spread what clusters; relax to the pools.

    A service that fails does not stop the others.

    Raises:
        UnreachableError, CommandError: the manager is gone or refuses a document.
    """
    before = engine.observe()
    wishes = {wish.swarm_name: wish for wish in goal.wishes}
    moves = {name: decide(wish, before) for name, wish in wishes.items()}
    placing = {name: move for name, move in moves.items() if move in (Move.PLACE, Move.POOL)}
    if placing or goal.removed:
        report.phase(f"deploying {len(placing)} services")
        _place(goal, wishes, moves, engine, report)
        _remove(goal, before, engine, report)
    waiting = placing | {name: move for name, move in moves.items() if move is Move.WAIT}
    if waiting and not placing:
        report.phase(f"waiting for {len(waiting)} updates that are under way")
    verdicts = _wait(goal, wishes, waiting, before.taken_at, engine, report)
    spread = _spread(goal, wishes, verdicts, engine, report)
    verdicts |= spread
    # Spreading sets a maximum per node, which must not stay: it would stand in a failover's way.
    apart = [name for name, verdict in spread.items() if verdict.outcome is Outcome.HEALTHY]
    relaxing = sorted({*_to_relax(moves, wishes, verdicts), *apart})
    if relaxing:
        report.phase(f"setting {len(relaxing)} services free to fail over inside their pools")
        since = engine.observe().taken_at
        _relax(goal, relaxing, engine)
        verdicts |= _wait(goal, wishes, dict.fromkeys(relaxing, Move.POOL), since, engine, report)
    return Outcomes(verdicts=tuple(verdicts.values()), moves=moves)


def _spread(
    goal: Goal,
    wishes: Mapping[str, Wish],
    verdicts: Mapping[str, Verdict],
    engine: Engine,
    report: Reporter,
) -> dict[str, Verdict]:
    """Spread replicas that cluster on some of their homes (Swarm does not, after a return)."""
    now = engine.observe()
    clustered = [
        name
        for name, verdict in verdicts.items()
        if verdict.outcome is Outcome.HEALTHY
        and not wishes[name].is_global
        and all(home in now.ready_hostnames() for home in wishes[name].homes)
        and (service := now.service(name)) is not None
        and not at_home(wishes[name], service, now)
    ]
    if not clustered:
        return {}
    report.phase(f"spreading the replicas of {len(clustered)} services over their homes")
    for name in clustered:
        engine.spread(name, per_node=max(Counter(wishes[name].homes).values()))
    moves = dict.fromkeys(clustered, Move.PLACE)
    return _wait(goal, wishes, moves, now.taken_at, engine, report)


def _place(
    goal: Goal,
    wishes: Mapping[str, Wish],
    moves: Mapping[str, Move],
    engine: Engine,
    report: Reporter,
) -> None:
    for stack in goal.stacks:
        prune = any(name.startswith(f"{stack.name}_") for name in goal.removed)
        chosen: dict[str, str | None] = {}
        for short in stack.document.get("services") or {}:
            name = f"{stack.name}_{short}"
            move = moves.get(name, Move.NOTHING)
            if move is Move.PLACE:
                chosen[short] = wishes[name].home_constraint
            elif move is Move.POOL:
                chosen[short] = wishes[name].pool_constraint
        if not chosen and not prune:
            continue
        document = with_constraints(stack, chosen)
        if not prune:
            document = only_services(document, chosen)
        engine.deploy(stack.name, document, prune=prune)
        report.note(f"stack {stack.name}: {len(chosen)} services handed to Swarm")


def _remove(goal: Goal, before: Snapshot, engine: Engine, report: Reporter) -> None:
    """Remove what is of no stack any more; the rest has gone with the others of its stack."""
    stacks = tuple(f"{stack.name}_" for stack in goal.stacks)
    left = {name for name in goal.removed if not name.startswith(stacks)}
    gone = [service for service in before.services if service.name in left]
    for stack in sorted({service.stack or "" for service in gone}):
        names = sorted(service.name for service in gone if (service.stack or "") == stack)
        shared = any(s.stack == stack and s.name not in left for s in before.services)
        engine.remove(names, stack=None if shared or not stack else stack)
        report.note(f"removed {', '.join(names)}: the fleet file has no stack for it any more")


def _wait(
    goal: Goal,
    wishes: Mapping[str, Wish],
    moves: Mapping[str, Move],
    since: datetime,
    engine: Engine,
    report: Reporter,
) -> dict[str, Verdict]:
    expected = [
        Expectation(
            swarm_name=name,
            since=since,
            held_at=frozenset(wishes[name].homes)
            if move is Move.PLACE and wishes[name].home_constraint is not None
            else None,
            patience=goal.patience.get(name, goal.default_patience),
        )
        for name, move in moves.items()
    ]
    settled: dict[str, Verdict] = {}
    while len(settled) < len(expected):
        snapshot = engine.observe()
        verdicts = [settled.get(item.swarm_name) or judge(item, snapshot) for item in expected]
        report.services(verdicts)
        settled = {v.swarm_name: v for v in verdicts if v.outcome is not Outcome.WAITING}
        if len(settled) < len(expected):
            time.sleep(POLL_SECONDS)
    return settled


def _to_relax(
    moves: Mapping[str, Move], wishes: Mapping[str, Wish], verdicts: Mapping[str, Verdict]
) -> list[str]:
    """Names to relax: in place, and the pool's constraint differs from the homes'.

    A service whose update failed is left as Swarm left it: deploying its
    document once more would start the broken version again.
    """
    names = []
    for name, move in moves.items():
        healthy = name in verdicts and verdicts[name].outcome is Outcome.HEALTHY
        if (move is Move.RELAX or (move in (Move.PLACE, Move.WAIT) and healthy)) and (
            wishes[name].pool_constraint != wishes[name].home_constraint
        ):
            names.append(name)
    return names


def _relax(goal: Goal, names: Sequence[str], engine: Engine) -> None:
    for stack in goal.stacks:
        short = {
            name.removeprefix(f"{stack.name}_")
            for name in names
            if name.startswith(f"{stack.name}_")
        } & set(stack.document.get("services") or {})
        if short:
            engine.deploy(stack.name, only_services(stack.document, short))
