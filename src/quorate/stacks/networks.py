"""Networks of a stack: its own, and those it shares with other stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.model import Fleet, StackFiles
from quorate.stacks import shapes

PREDEFINED = frozenset({"host", "none", "bridge", "ingress", "docker_gwbridge"})
"""Networks that every engine has; Quorate makes none of them."""

_FOREIGN_DRIVERS = frozenset({"bridge", "host", "none", "default"})
"""Drivers of one engine only: Swarm refuses services on such networks."""


@dataclass(frozen=True, kw_only=True)
class Attachments:
    """What one service joins: `section` for the service, `used` the top-level names."""

    section: list[str] | dict[str, dict[str, Any] | None]
    used: tuple[str, ...]


def attachments(raw: Mapping[str, Any], notes: list[str]) -> Attachments:
    """The service's `networks`, from `networks` or `network_mode`."""
    mode = shapes.text(raw.get("network_mode") or "")
    if mode in ("host", "none"):
        notes.append(f"`network_mode: {mode}` becomes the network `{mode}`: Swarm has no such key")
        return Attachments(section=[mode], used=(mode,))
    if mode:
        notes.append(f"`network_mode: {mode}` is left out: Swarm gives each task its own network")
    networks = raw.get("networks") or ["default"]
    if not isinstance(networks, Mapping):
        names = shapes.items(networks)
        return Attachments(section=names, used=tuple(names))
    section: dict[str, dict[str, Any] | None] = {}
    for name, options in networks.items():
        wanted = options or {}
        aliases = shapes.items(wanted.get("aliases"))
        section[str(name)] = {"aliases": aliases} if aliases else None
        notes += [
            f"`{key}` on the network {name} is left out: Swarm chooses it"
            for key in wanted
            if key != "aliases" and not str(key).startswith("x-")
        ]
    used = tuple(section)
    return Attachments(section=section if any(section.values()) else list(used), used=used)


def network_name(key: str, spec: Mapping[str, Any]) -> str | None:
    """The network's name where it is not the stack's to choose, else None."""
    external = spec.get("external")
    if isinstance(external, Mapping):
        return str(external.get("name") or spec.get("name") or key)
    if shapes.external(spec):
        return str(spec.get("name") or key)
    return str(spec["name"]) if spec.get("name") else None


def shared_names(fleet: Fleet) -> frozenset[str]:
    """Names of networks that are external somewhere or named alike in several stacks."""
    external: set[str] = set()
    named: dict[str, set[str]] = {}
    for files in fleet.files:
        for key, spec in files.networks.items():
            name = network_name(key, spec or {})
            if name is None:
                continue
            named.setdefault(name, set()).add(files.stack)
            if shapes.external(spec or {}):
                external.add(name)
    return frozenset(external | {name for name, stacks in named.items() if len(stacks) > 1})


def definitions(
    used: Iterable[str],
    files: StackFiles,
    shared: frozenset[str],
    encrypt: bool,
    notes: list[str],
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The document's `networks` section, and the shared ones in it with their driver options."""
    section: dict[str, dict[str, Any]] = {}
    common: dict[str, dict[str, Any]] = {}
    for key in sorted(set(used)):
        spec = files.networks.get(key) or {}
        name = network_name(key, spec) or (key if key in PREDEFINED else None)
        if name in PREDEFINED or (name is not None and name in shared):
            section[key] = {"external": True, "name": name}
            if name not in PREDEFINED:
                common[str(name)] = _options(spec, encrypt)
                _say_lost(key, spec, notes)
        else:
            section[key] = _own(key, spec, name, encrypt, notes)
    return section, common


def _say_lost(key: str, spec: Mapping[str, Any], notes: list[str]) -> None:
    notes += [
        f"`{lost}` of the network {key} is left out: Quorate makes this network, which several "
        "stacks share"
        for lost in ("internal", "ipam", "labels")
        if spec.get(lost)
    ]


def _own(
    key: str, spec: Mapping[str, Any], name: str | None, encrypt: bool, notes: list[str]
) -> dict[str, Any]:
    driver = str(spec.get("driver") or "overlay")
    if driver in _FOREIGN_DRIVERS:
        notes.append(f"the network {key} becomes an overlay: Swarm takes no `{driver}` network")
        spec = {**spec, "driver_opts": None}
        driver = "overlay"
    out: dict[str, Any] = {"name": name} if name else {}
    out["driver"] = driver
    options = _options({**spec, "driver": driver}, encrypt)
    if options:
        out["driver_opts"] = options
    out["attachable"] = True
    if shapes.truth(spec.get("internal")):
        out["internal"] = True
    subnets = [
        {"subnet": str(item["subnet"])}
        for item in (spec.get("ipam") or {}).get("config") or []
        if item.get("subnet")
    ]
    if subnets:
        out["ipam"] = {"config": subnets}
    if spec.get("labels"):
        out["labels"] = shapes.strings(spec["labels"])
    return out


def _options(spec: Mapping[str, Any], encrypt: bool) -> dict[str, Any]:
    options: dict[str, Any] = dict(shapes.strings(spec.get("driver_opts")))
    if encrypt and str(spec.get("driver") or "overlay") == "overlay":
        options.setdefault("encrypted", "")
    return options
