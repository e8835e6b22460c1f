"""Servers, managers and what the policy asks of them."""

from __future__ import annotations

import re

from quorate.fleet.lints.context import Context
from quorate.fleet.model import Role
from quorate.fleet.problems import did_you_mean
from quorate.fleet.quantities import show_size

_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*")


def lint(context: Context) -> None:
    """Report servers that cannot be, and managers that do not help."""
    if not context.fleet.servers:
        context.problems.add("Q105", context.parts.mark("servers"), "the fleet has no servers")
        return
    _names_and_addresses(context)
    _reserved(context)
    _managers(context)
    _measure(context)


def _names_and_addresses(context: Context) -> None:
    seen: dict[str, str] = {}
    for server in context.fleet.servers:
        if not _HOST_NAME.fullmatch(server.name):
            mark = context.parts.mark("servers", server.name)
            context.problems.add("Q115", mark, f"`{server.name}` cannot be a host name")
        address = server.address.lower()
        mark = context.parts.mark("servers", server.name, "address")
        if address in seen and address != "unknown":
            what = f"`{server.name}` has the address {address}, as `{seen[address]}` has"
            context.problems.add("Q106", mark, what)
        seen.setdefault(address, server.name)


def _reserved(context: Context) -> None:
    for server in context.fleet.servers:
        mark = context.parts.mark("servers", server.name, "reserved")
        if server.memory > 1 and server.reserved_memory >= server.memory:
            context.problems.add(
                "Q116",
                mark,
                f"{show_size(server.reserved_memory)} of the {show_size(server.memory)} of "
                f"`{server.name}` are reserved",
            )
        if server.reserved_cpus >= server.cpus:
            context.problems.add(
                "Q116", mark, f"all {server.cpus:g} CPU threads of `{server.name}` are reserved"
            )


def _managers(context: Context) -> None:
    managers = [server for server in context.fleet.servers if server.role is Role.MANAGER]
    mark = context.parts.mark("servers")
    number, survive = len(managers), context.fleet.policy.survive
    if number == 0:
        context.problems.add("Q107", mark, "no server has `role: manager`")
        return
    names = ", ".join(server.name for server in managers)
    if number == 1 and len(context.fleet.servers) > 1:
        context.problems.add("Q109", mark, f"{names} is the only manager")
    elif number % 2 == 0:
        context.problems.add("Q108", mark, f"{number} managers: {names}")
    tolerated = (number - 1) // 2
    if survive > tolerated and len(context.fleet.servers) > 1:
        context.problems.add(
            "Q117",
            context.parts.mark("policy", "survive"),
            f"`survive` is {survive}, but {number} managers survive {tolerated} losses",
        )


def _measure(context: Context) -> None:
    prometheus = context.fleet.measure.prometheus
    names = [server.name for server in context.fleet.servers]
    if prometheus is None or prometheus.server is None or prometheus.server in names:
        return
    context.problems.add(
        "Q120",
        context.parts.mark("measure", "prometheus", "server"),
        f"`{prometheus.server}` is no server of the fleet{did_you_mean(prometheus.server, names)}",
    )
