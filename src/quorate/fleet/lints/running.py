"""How services run: restarts, jobs, health checks, reservations, and what was assumed."""

from __future__ import annotations

from quorate.fleet.compose import EXTENSION
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Mode, Service
from quorate.fleet.quantities import show_size
from quorate.fleet.view import View, count

_POLICY = ("deploy", "restart_policy")
LOW_ATTEMPTS = 10
_JOBS = (Mode.REPLICATED_JOB, Mode.GLOBAL_JOB)
_CONDITIONS = ("none", "on-failure", "any")


def lint(context: Context) -> None:
    """Report what keeps a service from coming back, and what the planner had to assume."""
    for service in context.swarm_services:
        view = context.view(service)
        _restarts(context, service, view)
        if service.mode in _JOBS:
            mark = view.mark("deploy", "mode")
            context.problems.add("Q508", mark, f"`{service.id}` is a {service.mode.value}")
        elif not service.has_healthcheck:
            mark = view.mark("healthcheck")
            context.problems.add("Q506", mark, f"`{service.id}` has no health check")
        _reservation(context, service, view)
    for service in context.fleet.services:
        if service.assumed and service.name not in context.project(service).broken:
            what = f"`{service.id}`: assumed {'; '.join(service.assumed)}"
            context.problems.add("Q517", context.mark(service), what)


def _restarts(context: Context, service: Service, view: View) -> None:
    view.mapping(*_POLICY)
    condition = view.text(*_POLICY, "condition")
    if condition is not None and condition not in _CONDITIONS:
        view.bad((*_POLICY, "condition"), f"`{condition}` is not one of {', '.join(_CONDITIONS)}")
    if condition == "none" and service.mode not in _JOBS:
        mark = view.mark(*_POLICY, "condition")
        context.problems.add("Q502", mark, f"`{service.id}` has restart condition none")
    attempts = view.parsed(count, *_POLICY, "max_attempts")
    if attempts is not None and 0 < attempts < LOW_ATTEMPTS and condition != "none":
        mark = view.mark(*_POLICY, "max_attempts")
        context.problems.add("Q503", mark, f"`{service.id}` is given up after {attempts} restarts")


def _reservation(context: Context, service: Service, view: View) -> None:
    if service.reservation_memory:
        return
    said = view.value(EXTENSION, "load", "memory") is not None
    default = context.project(service).defaults.get(service.name)
    load = default.get("load") if default is not None else None
    if said or (isinstance(load, dict) and load.get("memory") is not None):
        return
    context.problems.add(
        "Q507",
        view.mark("deploy", "resources"),
        f"`{service.id}` reserves no memory; {show_size(service.load.memory)} are assumed",
    )
