"""What the history of deployments keeps of an adoption."""

from __future__ import annotations

from collections.abc import Mapping

from quorate.deploy.record import RecordContent


def with_adopted(before: RecordContent | None, adopted: RecordContent) -> RecordContent:
    """What the history keeps: all that was deployed before, and what was adopted beside it."""
    if before is None:
        return adopted
    stacks = {name: dict(document) for name, document in before.stacks.items()}
    for name, document in adopted.stacks.items():
        there = stacks.get(name, {})
        stacks[name] = {**there, **document} | {
            section: {**(there.get(section) or {}), **(document.get(section) or {})}
            for section in ("services", "networks", "volumes", "secrets", "configs")
            if there.get(section) or document.get(section)
        }
    plan = {**adopted.plan, "services": {**before.plan.get("services", {}), **_services(adopted)}}
    labels = {
        server: {**before.labels.get(server, {}), **adopted.labels.get(server, {})}
        for server in {*before.labels, *adopted.labels}
    }
    return adopted.model_copy(
        update={
            "stacks": stacks,
            "homes": {**before.homes, **adopted.homes},
            "labels": labels,
            "networks": {**before.networks, **adopted.networks},
            "secrets": {**before.secrets, **adopted.secrets},
            "configs": {**before.configs, **adopted.configs},
            "home_constraints": {**before.home_constraints, **adopted.home_constraints},
            "pool_constraints": {**before.pool_constraints, **adopted.pool_constraints},
            "plan": plan,
        }
    )


def _services(content: RecordContent) -> dict[str, object]:
    found = content.plan.get("services")
    return dict(found) if isinstance(found, Mapping) else {}
