"""Keys of a compose service that do not reach a stack file, and what happens instead.

Read off the legacy schema (version 3.8 to 3.12) that `docker stack deploy`
checks files against: it refuses a key it does not know, and ignores some it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SILENT = frozenset(
    {
        "deploy",
        "image",
        "profiles",
        "extends",
        "scale",
        "restart",
        "network_mode",
        "shm_size",
        "tmpfs",
        "mem_limit",
        "mem_reservation",
        "cpus",
        "env_file",
        "expose",
        "container_name",
        "annotations",
        "attach",
        "develop",
        "label_file",
    }
)
"""Carried over in another form, or without any effect in Swarm worth a word."""

TEXTS = ("user", "working_dir", "hostname", "stop_signal", "isolation")
TRUTHS = ("init", "tty", "stdin_open", "read_only")
COPIED = (*TEXTS, *TRUTHS, "credential_spec")
"""Taken as they are."""

CONVERTED = frozenset(
    {
        "command",
        "entrypoint",
        "environment",
        "labels",
        "healthcheck",
        "logging",
        "ports",
        "volumes",
        "networks",
        "secrets",
        "configs",
        "stop_grace_period",
        "extra_hosts",
        "dns",
        "dns_search",
        "cap_add",
        "cap_drop",
        "sysctls",
        "ulimits",
        "pids_limit",
    }
)
"""Taken, in one spelling."""

_WHY = {
    "build": "Swarm builds nothing: build and push the image first",
    "depends_on": "Swarm starts everything at once: the service must wait or retry by itself",
    "links": "services on one network reach each other by name",
    "external_links": "join both services to one network instead",
    "privileged": "Swarm has no privileged services: give single capabilities with cap_add",
    "devices": "Swarm gives no devices: bind-mount the device, or run this stack with "
    "`engine: compose`",
    "pid": "Swarm shares no process namespaces",
    "ipc": "Swarm shares no IPC namespaces",
    "security_opt": "Swarm takes no security options",
    "userns_mode": "Swarm takes no user namespace mode",
    "mac_address": "Swarm gives addresses itself",
    "domainname": "put the whole name into `hostname`",
    "pull_policy": "images are resolved to digests and pulled before the deployment",
    "platform": "write a constraint such as node.platform.arch==x86_64 instead",
    "group_add": "Swarm's stack files know no further groups",
    "gpus": "reserve a generic resource instead",
    "runtime": "Swarm uses the engine's default runtime",
    "cgroup_parent": "Swarm sets the cgroup itself",
    "volumes_from": "name the volumes in both services",
    "cpuset": "Swarm pins no processors",
    "memswap_limit": "Swarm limits memory only",
    "oom_score_adj": "the stack file format of this Docker version does not know it",
    "dns_opt": "Swarm's stack files know no resolver options",
    "cgroup": "Swarm sets the cgroup itself",
}


def dropped(raw: Mapping[str, Any]) -> list[str]:
    """One sentence per key of a service that is left out of the stack file."""
    known = SILENT | set(COPIED) | CONVERTED
    out = []
    for key, value in raw.items():
        if key in known or key.startswith("x-") or value is None or value is False or value == []:
            continue
        why = _WHY.get(key, "stack files do not know this key")
        out.append(f"`{key}` is left out: {why}")
    return out
