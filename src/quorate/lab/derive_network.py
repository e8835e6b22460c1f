"""What the lab's services and networks need where the kernel lacks IPVS or encryption. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.lab.derive_rules import Change
from quorate.lab.state import Lab

# What a node itself listens on: ssh, the engine's API and the swarm's own.
NODE_PORTS = frozenset((22, 2375, 2376, 2377, 4789, 7946))

NO_BALANCING = "no IPVS in this kernel: a virtual address would lead nowhere"
NO_MESH = "no IPVS in this kernel: there is no routing mesh"
NO_ENCRYPTION = "this kernel cannot encrypt between the lab's nodes"


def service(service: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    """Names by DNS and ports in host mode, where there is no IPVS."""
    if lab.features.ipvs:
        return
    deploy = service.get("deploy") or {}
    if deploy.get("endpoint_mode") != "dnsrr":
        yield Change(path=("deploy", "endpoint_mode"), lab="dnsrr", why=NO_BALANCING)
    ports = service.get("ports") or []
    changed = [_port(port, may_share_node(deploy)) for port in ports]
    if changed == ports:
        return
    why = NO_MESH
    if any(
        "published" in old and "published" not in new
        for old, new in zip(ports, changed, strict=True)
    ):
        why += "; where two tasks (or the node) would want the same port, the engine chooses one"
    yield Change(path=("ports",), lab=changed, why=why)
    if any(port.get("published") for port in changed):
        yield from _orders(deploy)


def may_share_node(deploy: Mapping[str, Any]) -> bool:
    """Whether two tasks of the service can be on one node at once."""
    if str(deploy.get("mode", "replicated")).startswith("global"):
        return False
    one_each = (deploy.get("placement") or {}).get("max_replicas_per_node") == 1
    return int(deploy.get("replicas") or 1) > 1 and not one_each


def networks(defined: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    """A stack's own networks, without encryption where there is none."""
    if lab.features.encrypted_overlay:
        return
    for name, network in sorted(defined.items()):
        if "encrypted" in ((network or {}).get("driver_opts") or {}):
            path = ("networks", name, "driver_opts", "encrypted")
            yield Change(path=path, lab=None, why=NO_ENCRYPTION)


def shared_networks(options: Mapping[str, Mapping[str, Any]], lab: Lab) -> Iterator[Change]:
    """The options of networks shared between stacks, the same way."""
    if lab.features.encrypted_overlay:
        return
    for name, chosen in sorted(options.items()):
        if "encrypted" in chosen:
            yield Change(path=(name, "encrypted"), lab=None, why=NO_ENCRYPTION)


def _port(port: Mapping[str, Any], shared: bool) -> dict[str, Any]:
    """One port in host mode; without a number of its own where that could be taken."""
    out = dict(port)
    if out.get("mode", "ingress") != "ingress":
        return out
    out["mode"] = "host"
    if shared or out.get("published") in NODE_PORTS:
        out.pop("published", None)
    return out


def _orders(deploy: Mapping[str, Any]) -> Iterator[Change]:
    for key in ("update_config", "rollback_config"):
        if (deploy.get(key) or {}).get("order") == "start-first":
            why = "a port in host mode is free for the new task only when the old one has ended"
            yield Change(path=("deploy", key, "order"), lab="stop-first", why=why)
