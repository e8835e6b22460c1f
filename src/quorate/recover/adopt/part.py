"""The part of a fleet that is adopted: its images as they run, its stack files alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from quorate.fleet.model import Fleet
from quorate.plan.model import Plan
from quorate.recover.adopt.model import Adopted
from quorate.stacks.model import Rendered, RenderedStack
from quorate.stacks.secrets import source_of


def fleet_part(fleet: Fleet, adopted: Sequence[Adopted]) -> Fleet:
    """The fleet with the adopted services only, each with the image that runs."""
    images = {one.id: one.image for one in adopted}
    services = tuple(
        one.model_copy(update={"image": images[one.id]})
        for one in fleet.services
        if one.id in images
    )
    return fleet.model_copy(update={"services": services})


def plan_part(plan: Plan, adopted: Collection[str]) -> Plan:
    """The plan with these services only (ids)."""
    services = {name: one for name, one in plan.services.items() if name in adopted}
    return plan.model_copy(update={"services": services})


def rendered_part(rendered: Rendered, adopted: Sequence[Adopted]) -> Rendered:
    """The stack files with the adopted services only, each with the image that runs."""
    stacks = [part for stack in rendered.stacks if (part := _stack(stack, adopted)) is not None]
    secrets = {plain for stack in stacks for plain in stack.secrets.values()}
    configs = {plain for stack in stacks for plain in stack.configs.values()}
    networks = {
        str(spec.get("name"))
        for stack in stacks
        for spec in (stack.document.get("networks") or {}).values()
    }
    return rendered.model_copy(
        update={
            "stacks": tuple(stacks),
            "networks": {k: v for k, v in rendered.networks.items() if k in networks},
            "secrets": {k: v for k, v in rendered.secrets.items() if k in secrets},
            "configs": {k: v for k, v in rendered.configs.items() if k in configs},
        }
    )


def _stack(stack: RenderedStack, adopted: Sequence[Adopted]) -> RenderedStack | None:
    images = {one.name: one.image for one in adopted if one.stack == stack.name}
    services = {
        name: {**body, "image": images[name]}
        for name, body in (stack.document.get("services") or {}).items()
        if name in images
    }
    if not services:
        return None
    document = {**stack.document, "services": services}
    for section in ("networks", "volumes", "secrets", "configs"):
        used = {name for body in services.values() for name in _uses(body, section)}
        kept = {k: v for k, v in (stack.document.get(section) or {}).items() if k in used}
        document.pop(section, None)
        if kept:
            document[section] = kept
    return stack.model_copy(
        update={
            "document": document,
            "secrets": {k: v for k, v in stack.secrets.items() if k in _keys(document, "secrets")},
            "configs": {k: v for k, v in stack.configs.items() if k in _keys(document, "configs")},
        }
    )


def _keys(document: Mapping[str, object], section: str) -> Collection[str]:
    found = document.get(section)
    return found.keys() if isinstance(found, Mapping) else ()


def _uses(body: Mapping[str, object], section: str) -> list[str]:
    """The names of a section of the stack file that a service refers to."""
    items = body.get(section) or ()
    if section == "networks":
        return [str(name) for name in items] if isinstance(items, list | Mapping) else []
    found = items if isinstance(items, list) else []
    if section == "volumes":
        return [str(mount["source"]) for mount in found if mount.get("source")]
    return [source_of(item) for item in found]
