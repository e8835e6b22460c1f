"""From a rendered plan to the goal of a deployment: digests and secret names filled in. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from quorate.deploy.converge import Goal
from quorate.deploy.steer import Wish
from quorate.fleet.quantities import parse_duration
from quorate.plan.model import Plan
from quorate.stacks.model import Rendered

BASE_PATIENCE_SECONDS = 240.0
"""Waiting time beyond what the health check itself may take: pulls, slow starts, restarts."""

HEALTH_DEFAULTS = {"interval": "30s", "timeout": "30s", "start_period": "0s"}


def make_goal(
    rendered: Rendered,
    plan: Plan,
    *,
    changed: Collection[str],
    removed: Collection[str] = (),
) -> Goal:
    """The goal that a plan and its stack documents (secret names bound) describe.

    Args:
        rendered: the documents, with digests and names filled in.
        changed: swarm names whose specification differs from the live one.
        removed: swarm names to remove.
    """
    stacks = rendered.stacks
    present = {f"{s.name}_{short}" for s in stacks for short in s.document.get("services") or {}}
    wishes = tuple(
        Wish(
            swarm_name=name,
            homes=placement.homes,
            home_constraint=rendered.home_constraints.get(identity),
            pool_constraint=rendered.pool_constraints.get(identity),
            is_global=placement.mode.startswith("global"),
            changed=name in changed,
        )
        for identity, placement in plan.services.items()
        if (name := f"{placement.stack}_{placement.name}") in present
    )
    return Goal(
        stacks=stacks,
        wishes=wishes,
        removed=tuple(sorted(removed)),
        patience={
            f"{stack.name}_{short}": patience(body)
            for stack in stacks
            for short, body in (stack.document.get("services") or {}).items()
        },
    )


def patience(service: Mapping[str, Any]) -> float:
    """Seconds to wait for a service: what its health check may take, and then some."""
    check = service.get("healthcheck") or {}
    if not check or check.get("disable"):
        return BASE_PATIENCE_SECONDS
    seconds = {
        key: parse_duration(str(check.get(key, default)))
        for key, default in HEALTH_DEFAULTS.items()
    }
    retries = int(check.get("retries", 3))
    once = seconds["interval"] + seconds["timeout"]
    return BASE_PATIENCE_SECONDS + seconds["start_period"] + retries * once
