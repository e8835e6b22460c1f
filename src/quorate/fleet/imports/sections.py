"""The top-level sections of a stack's compose file, filled while its services are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.fleet.imports.inventory import (
    COMPOSE_NETWORK,
    COMPOSE_PROJECT,
    COMPOSE_VOLUME,
    STACK_NAMESPACE,
    Raw,
    mapping,
    own_labels,
    text,
    texts,
)
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.text import Said

PREDEFINED = ("bridge", "host", "none", "ingress", "docker_gwbridge")
LOCAL_WHY = "its server has a network {} of its own, which tasks would join instead"
_NOT_KEY = re.compile(r"[^A-Za-z0-9._-]+")
_VERSION = re.compile(r"[-_.]v?\d+$")
_SOURCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(kw_only=True)
class Sections:
    """`networks`, `volumes`, `secrets` and `configs` of one stack.

    `stack` is its name in the new fleet, `origin` the project or namespace it came from:
    where they are the same, docker makes the same names again.
    """

    stack: str
    origin: str
    scrub: Scrubber
    networks: dict[str, Any] = field(default_factory=dict)
    volumes: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The sections that have something in them."""
        return {
            name: dict(sorted(section.items()))
            for name, section in (
                ("networks", self.networks),
                ("volumes", self.volumes),
                ("secrets", self.secrets),
                ("configs", self.configs),
            )
            if section
        }

    def network(self, raw: Raw) -> str | None:
        """The key of a network, defined if need be; None for one that nobody defines."""
        name = text(raw, "Name")
        labels = texts(raw, "Labels")
        if not name or name in PREDEFINED:
            return None
        own = self.origin and self.origin in (
            labels.get(STACK_NAMESPACE), labels.get(COMPOSE_PROJECT)
        )  # fmt: skip
        local = text(raw, "Scope") == "local"
        if not own:
            key = _key(name)
            outside: Any = name
            if local:
                outside = Said(f"{name}-services", LOCAL_WHY.format(name))
            named = {"name": outside} if local or key != name else {}
            self.networks[key] = {"external": True, **named}
            return key
        key = labels.get(COMPOSE_NETWORK) or name.removeprefix(f"{self.origin}_")
        definition = self._network_definition(raw)
        if local and name == f"{self.stack}_{key}":
            definition["name"] = Said(f"{self.stack}-{key}-services", LOCAL_WHY.format(name))
        if key == "default" and not definition:
            return key
        self.networks.setdefault(key, definition)
        return key

    def _network_definition(self, raw: Raw) -> dict[str, Any]:
        out: dict[str, Any] = {}
        options = {
            key: value
            for key, value in texts(raw, "Options").items()
            if not key.startswith("com.docker.network.driver.overlay.vxlanid")
        }
        if options:
            out["driver_opts"] = self.scrub.mapping(self.stack, "network option", options)
        if raw.get("Attachable") is True and text(raw, "Scope") == "swarm":
            out["attachable"] = True
        if raw.get("Internal") is True:
            out["internal"] = True
        return out

    def volume(self, name: str, raw: Raw) -> str:
        """The key of a named volume, defined so that the same data is found again."""
        labels = texts(raw, "Labels")
        prefix = f"{self.origin}_"
        short = labels.get(COMPOSE_VOLUME) or name.removeprefix(prefix)
        key = _key(short) or _key(name)
        taken = self.volumes.get(key)
        out: dict[str, Any] = {} if name == f"{self.stack}_{key}" else {"name": name}
        driver, options = text(raw, "Driver"), texts(raw, "Options")
        if driver and driver != "local":
            out["driver"] = driver
        if options:
            out["driver_opts"] = self.scrub.mapping(f"{self.stack}/{key}", "option", options)
        if taken is not None and taken != out:
            key = _key(name)
        self.volumes[key] = out
        return key

    def reference(self, section: str, name: str, target: str) -> str:
        """The key of a secret or config that the swarm holds already."""
        entries: dict[str, Any] = getattr(self, section)
        wanted = {"external": True, "name": name}
        short = _VERSION.sub("", name.removeprefix(f"{self.origin}_"))
        choices = [target, short] if "/" not in target else [short]
        for choice in choices:
            usable = _SOURCE.fullmatch(choice) is not None
            if usable and entries.get(choice, wanted) == wanted and choice != name:
                entries[choice] = wanted
                return choice
        entries[_key(name)] = {"external": True, **({} if _key(name) == name else {"name": name})}
        return _key(name)


def _key(name: str) -> str:
    return _NOT_KEY.sub("-", name).strip("-.")


def labels_of(raw: Any, *path: str) -> dict[str, str]:
    """The labels at a path that a person wrote."""
    return own_labels({k: str(v) for k, v in mapping(raw, *path).items()})


def volume_raw(volumes: Mapping[str, Raw], name: str) -> Raw:
    """A volume as its engine described it; empty when it did not."""
    return volumes.get(name, {})
