"""Groups of one, and rules of a service that contradict each other."""

from __future__ import annotations

from collections import Counter

from quorate.fleet.compose import EXTENSION
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Service


def lint(context: Context) -> None:
    """Report relations between services that cannot be, or do nothing."""
    groups = Counter(service.group for service in context.fleet.services if service.group)
    by_id = {service.id: service for service in context.fleet.services}
    for service in context.fleet.services:
        if service.group and groups[service.group] == 1:
            context.problems.add(
                "Q306",
                context.mark(service, EXTENSION, "group"),
                f"`{service.id}` is alone in the group `{service.group}`",
            )
        _contradictions(context, service, by_id)


def _contradictions(context: Context, service: Service, by_id: dict[str, Service]) -> None:
    for relation in ("near", "apart", "needs"):
        if service.id in getattr(service, relation):
            context.problems.add(
                "Q307",
                context.mark(service, EXTENSION, relation),
                f"`{service.id}` names itself under `{relation}`",
            )
    both = [name for name in service.near if name in service.apart]
    both += [n for n in service.near if n in by_id and service.id in by_id[n].apart]
    for name in dict.fromkeys(both):
        context.problems.add(
            "Q307",
            context.mark(service, EXTENSION, "near"),
            f"`{service.id}` must be both near `{name}` and apart from it",
        )
    mine = {server.name for server in context.eligible(service)} if service.near else set()
    for name in service.near:
        other = by_id.get(name)
        if other is None or name == service.id:
            continue
        theirs = {server.name for server in context.eligible(other)}
        if mine and theirs and not mine & theirs:
            context.problems.add(
                "Q307",
                context.mark(service, EXTENSION, "near"),
                f"`{service.id}` must be near `{name}`, but may run on {', '.join(sorted(mine))} "
                f"only and `{name}` on {', '.join(sorted(theirs))}",
            )
