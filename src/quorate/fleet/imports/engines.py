"""Why a service cannot run in Swarm as it is, so that its stack stays with docker compose.

Only keys whose loss changes what the service can do. What Swarm ignores without
harm (`container_name`, `restart`, `depends_on` …) is no reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quorate.fleet.service_keys import ADDRESS_KEYS

_NAMESPACES = ("host", "service:", "container:")


def _set(value: Any) -> bool:
    return value not in (None, False, "", [], {}, "false")


def _namespace(value: Any) -> bool:
    return str(value).startswith(_NAMESPACES)


def _joins(value: Any) -> bool:
    return str(value).startswith(("service:", "container:"))


def _loosens(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return any(_set(item) and not str(item).startswith("no-new-privileges") for item in items)


def _renames(value: Any) -> bool:
    items = value if isinstance(value, list) else []
    return any(alias not in ("", name) for name, _, alias in (str(i).partition(":") for i in items))


_REASONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "privileged": (_set, "`privileged`"),
    "devices": (_set, "`devices` of the server"),
    "device_cgroup_rules": (_set, "`device_cgroup_rules`"),
    "gpus": (_set, "`gpus`"),
    "runtime": (_set, "a `runtime` of its own"),
    "network_mode": (_joins, "another container's network (`network_mode`)"),
    "pid": (_namespace, "another process namespace (`pid`)"),
    "ipc": (_namespace, "another IPC namespace (`ipc`)"),
    "uts": (_namespace, "the server's own host name (`uts`)"),
    "cgroup": (_namespace, "the server's `cgroup`"),
    "userns_mode": (_set, "`userns_mode`"),
    "security_opt": (_loosens, "`security_opt`"),
    "volumes_from": (_set, "`volumes_from` another container"),
    "external_links": (_set, "`external_links` to containers outside"),
    "links": (_renames, "`links` under another name"),
    "use_api_socket": (_set, "`use_api_socket`"),
    "provider": (_set, "a `provider`"),
    "models": (_set, "`models`"),
    "post_start": (_set, "`post_start` hooks"),
}


def needs_compose(image: str, raw: Mapping[str, Any]) -> list[str]:
    """What a service needs that Swarm does not give, in words; empty when it can run there.

    Args:
        image: its image; "" when it has none.
        raw: its mapping in the compose file.
    """
    found = [words for key, (matters, words) in _REASONS.items() if matters(raw.get(key))]
    if not image and _set(raw.get("build")):
        found.append("an image built on its server (`build` without `image`)")
    networks = raw.get("networks")
    for entry in networks.values() if isinstance(networks, dict) else ():
        if isinstance(entry, dict) and any(_set(entry.get(key)) for key in ADDRESS_KEYS):
            found.append("a fixed address on a network")
            break
    return found
