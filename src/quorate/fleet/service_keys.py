"""The keys of a compose service: which there are, and what becomes of those Swarm cannot use.

Known keys are the Compose Specification's. What Swarm ignores or refuses is
read off docker/cli (cli/compose/types: unsupported, deprecated and forbidden
properties) and its schema, versions 3.8 to 3.13, which refuses keys it does not know.
"""

from __future__ import annotations

from typing import NamedTuple

KNOWN = frozenset(
    (
        "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup",
        "cgroup_parent", "command", "configs", "container_name", "cpu_count", "cpu_percent",
        "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus",
        "cpuset", "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules",
        "devices", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file",
        "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
        "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels",
        "links", "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness",
        "memswap_limit", "models", "network_mode", "networks", "oom_kill_disable",
        "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_stop",
        "privileged", "profiles", "provider", "pull_policy", "pull_refresh_after", "read_only",
        "restart", "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open",
        "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "ulimits",
        "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir",
    )
)  # fmt: skip


class Fate(NamedTuple):
    """What Swarm does with a key (`ignores` or `refuses`) and what Quorate does about it."""

    refused: bool
    quorate: str


def _ignored(quorate: str) -> Fate:
    return Fate(False, quorate)


def _refused(quorate: str) -> Fate:
    return Fate(True, quorate)


_LEFT_OUT = "Quorate leaves it out"
_LIMITS = "Quorate leaves it out; write deploy.resources.limits instead"

FATES: dict[str, Fate] = {
    "depends_on": _ignored(
        "Quorate takes it for `x-quorate.needs` where that is absent; Swarm starts everything at "
        "once, so the service must wait or retry by itself"
    ),
    "container_name": _ignored(
        "Quorate leaves it out; containers are called STACK_SERVICE.N.ID, services find each "
        "other by the service's name, and `quorate exec SERVICE` finds the container"
    ),
    "build": _ignored("Quorate leaves it out and deploys `image`: build and push it before"),
    "restart": _ignored("Quorate turns it into deploy.restart_policy, unless there is one"),
    "links": _ignored("Quorate leaves it out; services on one network reach each other by name"),
    "external_links": _ignored("Quorate leaves it out; join both to one network instead"),
    "network_mode": _ignored(
        "Quorate turns `host` and `none` into those networks; other modes need `engine: compose`"
    ),
    "expose": _ignored("Quorate leaves it out; on a network every port is reachable"),
    "privileged": _ignored(
        "Quorate leaves it out; give single capabilities with cap_add, or use `engine: compose`"
    ),
    "devices": _ignored("Quorate leaves it out; a stack that needs it takes `engine: compose`"),
    "security_opt": _ignored(_LEFT_OUT),
    "userns_mode": _ignored(_LEFT_OUT),
    "cgroup_parent": _ignored(f"{_LEFT_OUT}; Swarm sets the cgroup itself"),
    "ipc": _ignored(_LEFT_OUT),
    "pid": _ignored(_LEFT_OUT),
    "domainname": _ignored(f"{_LEFT_OUT}; put the whole name into `hostname`"),
    "mac_address": _ignored(f"{_LEFT_OUT}; Swarm gives addresses itself"),
    "shm_size": _ignored("Quorate mounts a tmpfs of that size at /dev/shm"),
    "scale": _refused("Quorate takes it for deploy.replicas, unless that is there"),
    "mem_limit": _refused("Quorate takes it for the memory limit, unless deploy.resources has one"),
    "mem_reservation": _refused(
        "Quorate takes it for the memory reservation, unless deploy.resources has one"
    ),
    "cpus": _refused("Quorate takes it for the CPU limit, unless deploy.resources has one"),
    "cpu_shares": _refused(_LIMITS),
    "cpu_quota": _refused(_LIMITS),
    "cpu_period": _refused(_LIMITS),
    "cpu_count": _refused(_LIMITS),
    "cpu_percent": _refused(_LIMITS),
    "cpuset": _refused(_LIMITS),
    "memswap_limit": _refused(_LIMITS),
    "platform": _refused(
        "Quorate leaves it out; write a constraint such as node.platform.arch==x86_64"
    ),
    "runtime": _refused(f"{_LEFT_OUT}; Swarm uses the engine's default runtime"),
    "volumes_from": _refused(f"{_LEFT_OUT}; name the volumes in both services"),
    "pull_policy": _refused("Quorate pulls images before the deployment, by digest"),
    "group_add": _refused(f"{_LEFT_OUT}; stack files know no further groups"),
    "gpus": _refused(f"{_LEFT_OUT}; reserve a generic resource instead"),
    "dns_opt": _refused(_LEFT_OUT),
    "cgroup": _refused(_LEFT_OUT),
    "uts": _refused(_LEFT_OUT),
    "device_cgroup_rules": _refused(_LEFT_OUT),
    "blkio_config": _refused(_LEFT_OUT),
    "oom_kill_disable": _refused(_LEFT_OUT),
    "oom_score_adj": _refused(f"{_LEFT_OUT}; stack files of older Docker versions refuse it"),
    "storage_opt": _refused(_LEFT_OUT),
    "mem_swappiness": _refused(_LEFT_OUT),
    "post_start": _refused(f"{_LEFT_OUT}; do it in the image's entrypoint"),
    "pre_stop": _refused(f"{_LEFT_OUT}; do it on the stop signal"),
    "use_api_socket": _refused(_LEFT_OUT),
    "provider": _refused(_LEFT_OUT),
    "models": _refused(_LEFT_OUT),
}

ADDRESS_KEYS = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")
"""Keys of a service's network that a swarm, which gives addresses itself, does not honour."""
