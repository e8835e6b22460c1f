"""How a service's tasks come up anew, from its compose file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quorate.fleet.model import Fleet, Service
from quorate.fleet.quantities import parse_duration
from quorate.plan.scene import is_replaced
from quorate.swarm.timing import START_INTERVAL_ENGINE, Behaviour, Health, Timing

QUICKEST = 0.2
"""Nobody says how long a container takes to answer: from this part of the `start_period` that its
health check leaves it, to all of it."""


def timing(fleet: Fleet) -> Timing:
    """Swarm's constants, with what the fleet file sets."""
    return Timing(heartbeat=fleet.swarm.heartbeat)


def behaviours(fleet: Fleet) -> dict[str, Behaviour]:
    """Service id → how its tasks come up."""
    return {service.id: _behaviour(service, fleet) for service in fleet.swarm_services()}


def own_delay(service: Service) -> float | None:
    """The restart delay that its compose file names, in seconds; None: the fleet's goes."""
    policy: Mapping[str, Any] = (service.raw.get("deploy") or {}).get("restart_policy") or {}
    return None if policy.get("delay") is None else parse_duration(policy["delay"])


def _behaviour(service: Service, fleet: Fleet) -> Behaviour:
    delay = own_delay(service)
    health = _health(service, fleet.swarm.engine)
    return Behaviour(
        delay=fleet.swarm.restart_delay if delay is None else delay,
        replaced=is_replaced(service, fleet),
        boot=(health.start_period * QUICKEST, health.start_period) if health else (0.0, 0.0),
        health=health,
    )


def _health(service: Service, engine: tuple[int, ...]) -> Health | None:
    check: Mapping[str, Any] = service.raw.get("healthcheck") or {}
    test = check.get("test")
    if not service.has_healthcheck or check.get("disable") or test in ("NONE", ["NONE"]):
        return None
    usual = Health()
    interval = _seconds(check, "interval", usual.interval)
    known = engine >= START_INTERVAL_ENGINE
    return Health(
        interval=interval,
        start_period=_seconds(check, "start_period", usual.start_period),
        start_interval=_seconds(check, "start_interval", usual.start_interval)
        if known
        else interval,
    )


def _seconds(check: Mapping[str, Any], key: str, usual: float) -> float:
    """A duration of a health check; zero and absent mean the engine's own."""
    value = check.get(key)
    return (parse_duration(value) if value is not None else 0.0) or usual
