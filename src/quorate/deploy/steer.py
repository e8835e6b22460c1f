"""Steering: exact placement now, free failover later, with no controller in between.

Swarm has no soft "prefer this server". A service is deployed with a constraint
that holds it at its homes; once it runs, the constraint is relaxed to its pool.
Swarm does not restart a task whose node still satisfies the new constraints
(swarmkit, orchestrator/task.go: IsTaskDirty), so it stays where it is and is
free to move when that server is lost. This module decides; `apply` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot


class Move(StrEnum):
    """What steering has to do with one service."""

    NOTHING = "nothing"
    RELAX = "relax"
    """In place, but still held at its homes by an interrupted run."""
    PLACE = "place"
    """New, changed or away: hold it at its homes, wait, then relax."""
    WAIT = "wait"
    """As wanted, but an update is still under way (an earlier run was killed): wait for it."""
    POOL = "pool"
    """A home takes no tasks (down, drained): let Swarm place it anywhere in its pool."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Where one service should be.

    `homes` has one host name per replica (per server reached when global);
    `home_constraint` and `pool_constraint` are Swarm constraint expressions,
    None meaning any server. `changed` says that its specification differs from
    the live one in more than Quorate's own constraint.
    """

    swarm_name: str
    homes: tuple[str, ...]
    home_constraint: str | None
    pool_constraint: str | None
    is_global: bool = False
    changed: bool = False


def decide(wish: Wish, snapshot: Snapshot) -> Move:
    """The move for one service, from what is wanted and what is there.

    Invariant: a service that runs at its homes with its pool's constraint is
    left alone; whatever step a run was interrupted at, the next decision leads
    to that state.
    """
    takes = {n.hostname for n in snapshot.nodes if n.ready and n.availability == "active"}
    homes_ready = all(home in takes for home in wish.homes)
    service = snapshot.service(wish.swarm_name)
    if service is None or wish.changed:
        return Move.PLACE if homes_ready else Move.POOL
    constraints = service_constraints(service)
    relaxed = wish.pool_constraint is None or wish.pool_constraint in constraints
    held = (
        wish.home_constraint is not None
        and wish.home_constraint != wish.pool_constraint
        and wish.home_constraint in constraints
    )
    if service.update_state == "updating":
        # Deploying once more would make Swarm forget what to roll back to.
        return Move.WAIT
    if at_home(wish, service, snapshot):
        return Move.RELAX if held or not relaxed else Move.NOTHING
    if not homes_ready:
        return Move.POOL if held or not relaxed else Move.NOTHING
    return Move.PLACE


def at_home(wish: Wish, service: ObservedService, snapshot: Snapshot) -> bool:
    """Whether the running tasks are on exactly the homes (a multiset for replicas)."""
    where = places(snapshot.running(service), snapshot)
    if wish.is_global:
        ready = {node.hostname for node in snapshot.nodes if node.ready}
        return set(where) >= set(wish.homes) & ready
    return sorted(where) == sorted(wish.homes)


def places(tasks: tuple[ObservedTask, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """Host names of the nodes the tasks are on, sorted, one per task."""
    names: Mapping[str, str] = {node.id: node.hostname for node in snapshot.nodes}
    return tuple(sorted(names.get(task.node_id or "", "?") for task in tasks))


def service_constraints(service: ObservedService) -> tuple[str, ...]:
    """The live placement constraints, blanks removed so that they compare."""
    template = service.spec.get("TaskTemplate") or {}
    placement = template.get("Placement") or {}
    return tuple(text.replace(" ", "") for text in placement.get("Constraints") or ())
