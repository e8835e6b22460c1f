"""The fleet as it would be: changes applied in thought, and what they set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.fleet.constraints import hostnames
from quorate.fleet.model import Fleet, Service
from quorate.plan.constraints import holds
from quorate.plan.whatif.changes import Changes
from quorate.plan.words import listed


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The changed fleet, and the owner's words that moves set aside."""

    fleet: Fleet
    overridden: tuple[str, ...]


def apply(fleet: Fleet, changes: Changes) -> Applied:
    """All changes but the losses: those come after, as they do in life."""
    servers = tuple(changes.resized.get(s.name, s) for s in (*fleet.servers, *changes.added))
    stacks = tuple(
        stack.model_copy(update={"server": changes.stacks[stack.name]})
        if stack.name in changes.stacks
        else stack
        for stack in fleet.stacks
    )
    changed = fleet.model_copy(update={"servers": servers, "stacks": stacks})
    overridden: list[str] = []
    services = tuple(
        _service(changed, service, changes, overridden)
        for service in fleet.services
        if service.id not in changes.without
    )
    return Applied(
        fleet=changed.model_copy(update={"services": services}), overridden=tuple(overridden)
    )


def without_servers(fleet: Fleet, lost: Iterable[str]) -> Fleet:
    """The fleet when these servers are gone."""
    gone = set(lost)
    return fleet.model_copy(
        update={"servers": tuple(s for s in fleet.servers if s.name not in gone)}
    )


def freed(fleet: Fleet, service: Service, targets: Iterable[str]) -> tuple[Service, list[str]]:
    """The service without the pin and host names that keep it off `targets`, and their words."""
    wanted = sorted(set(targets))
    said: list[str] = []
    update: dict[str, object] = {}
    if service.pins and not set(wanted) <= set(service.pins):
        said.append(f"its owner pins {service.id} to {listed(service.pins)}")
        update["pins"] = tuple(wanted)
    servers = [fleet.server(name) for name in wanted]
    kept = []
    for expression in service.constraints:
        if hostnames((expression,)) and any(holds(expression, s) is False for s in servers):
            said.append(f"the constraint {expression} of {service.id}")
        else:
            kept.append(expression)
    if len(kept) < len(service.constraints):
        update["constraints"] = tuple(kept)
    return service.model_copy(update=update), said


def _service(fleet: Fleet, service: Service, changes: Changes, overridden: list[str]) -> Service:
    update: dict[str, object] = {}
    name = service.id
    if service.stack in changes.stacks:
        update["pins"] = (changes.stacks[service.stack],)
    if name in changes.scaled:
        update["replicas"] = changes.scaled[name]
    if name in changes.unpinned:
        update["pins"] = ()
        update["constraints"] = tuple(c for c in service.constraints if not hostnames((c,)))
    changed = service.model_copy(update=update)
    if name in changes.pins:
        changed, _ = freed(fleet, changed, changes.pins[name])
        changed = changed.model_copy(update={"pins": changes.pins[name]})
    if name in changes.moves:
        changed, said = freed(fleet, changed, changes.moves[name])
        overridden.extend(said)
    return changed
