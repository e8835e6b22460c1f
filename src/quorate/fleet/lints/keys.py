"""Keys of services: unknown ones, and those that Swarm ignores or refuses.

One warning per key and stack, at its first occurrence, naming every service.
"""

from __future__ import annotations

from quorate.fleet.compose import Project
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Engine, Service
from quorate.fleet.positions import Map, Mark, Reset
from quorate.fleet.problems import did_you_mean
from quorate.fleet.service_keys import ADDRESS_KEYS, FATES, KNOWN

_SETTLED = {"privileged": False, "restart": "no"}
_DEPLOY = frozenset(
    ("mode", "endpoint_mode", "replicas", "labels", "rollback_config", "update_config",
     "resources", "restart_policy", "placement")
)  # fmt: skip


def lint(context: Context) -> None:
    """Report the keys of every stack's services."""
    services: dict[str, list[Service]] = {}
    for service in context.fleet.services:
        services.setdefault(service.stack, []).append(service)
    for project in context.projects:
        found: dict[str, list[tuple[Service, Mark]]] = {}
        for service in services.get(project.stack.name, []):
            _unknown(context, service)
            if service.engine is Engine.SWARM:
                for key, mark in _without_swarm(context, service):
                    found.setdefault(key, []).append((service, mark))
        for key, places in found.items():
            _warn(context, project, key, places)


def _unknown(context: Context, service: Service) -> None:
    mapping = context.view(service).mapping_root
    for key in mapping:
        if key not in KNOWN and not key.startswith("x-"):
            what = f"unknown key `{key}` in `{service.name}`{did_you_mean(key, KNOWN)}"
            context.problems.add("Q207", mapping.at(key), what)
    deploy = mapping.get("deploy")
    if not isinstance(deploy, Map):
        return
    for key in deploy:
        if key not in _DEPLOY and not key.startswith("x-"):
            what = f"unknown key `{key}` under `deploy`{did_you_mean(key, _DEPLOY)}"
            context.problems.add("Q207", deploy.at(key), what)


def _without_swarm(context: Context, service: Service) -> list[tuple[str, Mark]]:
    mapping = context.view(service).mapping_root
    found = []
    for key, value in mapping.items():
        empty = value is None or isinstance(value, Reset) or value == []
        if key in FATES and not empty and value is not _SETTLED.get(key, ...):
            found.append((key, mapping.at(key)))
    networks = mapping.get("networks")
    for entry in networks.values() if isinstance(networks, Map) else ():
        for key in ADDRESS_KEYS if isinstance(entry, Map) else ():
            if key in entry:
                found.append((f"networks.{key}", entry.at(key)))
    return found


def _warn(context: Context, project: Project, key: str, places: list[tuple[Service, Mark]]) -> None:
    fate = FATES.get(key)
    refused = fate.refused if fate else False
    quorate = fate.quorate if fate else "Quorate leaves it out; Swarm gives addresses itself"
    names = [f"{service.name}:{mark.line}" for service, mark in places]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    verb = "refuses" if refused else "ignores"
    context.problems.add(
        "Q402" if refused else "Q401",
        places[0][1],
        f"Swarm {verb} `{key}` (stack {project.stack.name}: {shown})",
        why=quorate,
    )
