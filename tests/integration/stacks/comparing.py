"""Comparing stacks with the running engine, and editing documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate.deploy.desired import desired_stack
from quorate.deploy.diff import Changes, diff
from quorate.deploy.live import live_services
from quorate.stacks.model import RenderedStack
from tests.integration.stacks.engine import Node

Document = dict[str, Any]


def compare(node: Node, stacks: tuple[RenderedStack, ...]) -> Changes:
    """What a deployment of the stacks would change now."""
    wanted = {name: spec for stack in stacks for name, spec in desired_stack(stack).items()}
    names = [stack.name for stack in stacks]
    return diff(wanted, live_services(node.observe(), fleet="", stacks=names))


def set_at(*path: Any) -> Callable[[Document], None]:
    """An edit: the value (last) put at the keys before it."""
    *keys, last, value = path

    def edit(body: Document) -> None:
        for key in keys:
            body = body.setdefault(key, {})
        body[last] = value

    return edit
