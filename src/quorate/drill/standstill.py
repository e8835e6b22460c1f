"""Faults that take no server: a service that stands still, a server that is drained. Pure.

Swarm replaces nothing that stands still: Docker asks no health check of a paused container
(moby, daemon/health.go), so its task stays "running". A drained server is not noticed but told
of: what it had is started elsewhere at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate.drill.aim import leader_of
from quorate.drill.model import Probed
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.plan.aftermath import reached, users
from quorate.predict.model import Failure, Fate


def standing(fleet: Fleet, before: Snapshot, service: str, server: str) -> Failure:
    """What comes of a service's containers on one server standing still: nobody moves.

    It, and what needs it, may not answer; nobody else is concerned.
    """
    known = {each.id: each for each in fleet.swarm_services()}
    nodes = {node.id: node.hostname for node in before.nodes}

    def places(name: str) -> list[str]:
        live = before.service(known[name].swarm_name)
        tasks = before.running(live) if live is not None else ()
        return [nodes.get(task.node_id or "", "") for task in tasks]

    at = places(service)
    stops = bool(at) and set(at) == {server}
    concerned = [service, *sorted(set(reached(users(fleet), (service,))) - {service})]
    return Failure(
        name=f"{service} stands still on {server}",
        servers=(),
        leader=leader_of(before),
        fates=tuple(
            Fate(
                service=name,
                workload_class=known[name].workload_class,
                tasks=len(places(name)),
                lost=at.count(server) if name == service else 0,
                stops=stops and name == service,
                waits=name == service,
                through=(service,) if name != service else (),
            )
            for name in concerned
            if name in known
        ),
    )


def drained(lost: Failure) -> Failure:
    """What a drain has in common with a loss: what moves where, and what waits. Not when."""
    fates = tuple(fate.model_copy(update={"starts": None, "whole": None, "answers": None})
                  for fate in lost.fates)  # fmt: skip
    gone = {"noticed": None, "restored": None, "leaderless": None}
    return lost.model_copy(update={"name": f"{lost.name}, drained", "fates": fates, **gone})


def unanswered(fleet: Fleet, service: str, probes: Sequence[Probed]) -> list[str]:
    """Where a service that stood still did not answer for longer than it may, in words."""
    known = {each.id: each for each in fleet.swarm_services()}
    target = known[service].recovery_target or fleet.policy.recovery_target
    found = []
    for each in probes:
        if each.service != service:
            continue
        silent = each.longest is None or each.longest > target
        if silent:
            said = "until it went on" if each.longest is None else f"for {each.longest:.1f} s"
            found.append(
                f"{service} did not answer at {each.vantage} {said}; its target is {target:g} s, "
                "and nobody replaces what stands still"
            )
    return found
