"""Ports that several engines publish: in a swarm's mesh each can be published once only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quorate.fleet.imports.live_stacks import LiveStack

_Key = tuple[int, str]


def part_ports(stacks: Sequence[LiveStack]) -> None:
    """Publish such ports on the service's own server only (`mode: host`)."""
    users: dict[_Key, list[tuple[LiveStack, dict[str, Any]]]] = {}
    for stack in stacks:
        for service in stack.services.values():
            for port in service.body.get("ports", ()):
                if "published" in port:
                    key = (port["published"], port["protocol"])
                    users.setdefault(key, []).append((stack, port))
    for found in users.values():
        if len({(stack.name, id(port)) for stack, port in found}) < 2:
            continue
        for stack, port in found:
            if stack.server is not None and not stack.compose:
                port["mode"] = "host"
