"""The record of what was deployed, with other homes: what the next `quorate up` goes by. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from quorate.deploy.record import RecordContent
from quorate.stacks.pools import constraint_for, replace_ours


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where a service is at home now. `stack` and `name` are those of its compose file."""

    service: str
    stack: str
    name: str
    servers: tuple[str, ...]


def rehomed(
    content: RecordContent, homes: Sequence[Home], everyone: Sequence[str]
) -> RecordContent:
    """The record with these homes: plan, constraints and documents as well."""
    made = deepcopy(content)
    plan, stacks = made.plan, made.stacks
    home_constraints, pool_constraints = dict(made.home_constraints), dict(made.pool_constraints)
    for home in homes:
        wanted = constraint_for(home.servers, everyone)
        # A service that may fail over keeps its pool: it is held at its home only meanwhile.
        held = pool_constraints.get(home.service) == home_constraints.get(home.service)
        home_constraints[home.service] = wanted
        placement = (plan.get("services") or {}).get(home.service)
        if placement is not None:
            placement["home"], placement["homes"] = home.servers[0], list(home.servers)
        if held:
            pool_constraints[home.service] = wanted
            _constrain(stacks.get(home.stack) or {}, home.name, wanted)
            if placement is not None:
                placement["pool"] = list(home.servers)
    return made.model_copy(
        update={
            "homes": {**made.homes, **{home.service: home.servers for home in homes}},
            "home_constraints": home_constraints,
            "pool_constraints": pool_constraints,
        }
    )


def staying(content: RecordContent, last: RecordContent, local: Collection[str]) -> Iterator[Home]:
    """Homes that an older record has to be given, since data went elsewhere after it.

    Args:
        content: the older record.
        last: what was deployed, or moved, last.
        local: the services, by their ids, that have data on their server.
    """
    for service, placement in (content.plan.get("services") or {}).items():
        then, now = content.homes.get(service, ()), last.homes.get(service, ())
        # Only what has one place for its data can be moved.
        if service in local and len(then) == len(now) == 1 and then != now:
            yield Home(
                service=service, stack=placement["stack"], name=placement["name"], servers=now
            )


def _constrain(document: Mapping[str, object], name: str, wanted: str | None) -> None:
    services = document.get("services")
    body = services.get(name) if isinstance(services, dict) else None
    if not isinstance(body, dict):
        return
    placement = body.setdefault("deploy", {}).setdefault("placement", {})
    placement["constraints"] = replace_ours(placement.get("constraints") or [], wanted)
