"""Mounts, volumes and logs that exist on the servers and not on the lab's nodes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from quorate.lab.derive_rules import Change

# What every node has, being a small Debian with a Docker engine.
_PATHS = """
    / /boot /dev /etc /etc/group /etc/hostname /etc/hosts /etc/os-release /etc/passwd /home /mnt
    /media /opt /proc /root /run /run/docker.sock /srv /sys /tmp /usr /var /var/lib/docker
    /var/lib/docker/containers /var/lib/docker/volumes /var/log /var/run /var/run/docker.sock
"""
PRESENT = frozenset(_PATHS.split())
LOCAL_LOGS = frozenset(("json-file", "local", "none"))


def service(service: Mapping[str, Any]) -> Iterator[Change]:
    """Binds of paths that nodes do not have become volumes; files that are read are left out."""
    mounts = service.get("volumes") or []
    changed = [new for mount in mounts if (new := _mount(mount)) is not None]
    if changed != mounts:
        why = (
            "a node has no such path: a directory becomes a volume of that name, "
            "a file that is only read is left out"
        )
        yield Change(path=("volumes",), lab=changed or None, why=why)
    driver = (service.get("logging") or {}).get("driver", "json-file")
    if driver not in LOCAL_LOGS:
        why = f"nothing in the lab takes logs by {driver}: the engine keeps them"
        yield Change(path=("logging",), lab=None, why=why)


def volumes(document: Mapping[str, Any]) -> Iterator[Change]:
    """The volumes that stand in for binds; network file systems and plug-ins become local."""
    for source in sorted(_converted(document)):
        name = bind_volume(source)
        why = f"holds what the servers have in {source}; the same for all stacks on a node"
        yield Change(path=("volumes", name), lab={"name": name}, why=why)
    for name, volume in sorted((document.get("volumes") or {}).items()):
        defined = volume or {}
        if defined.get("driver", "local") != "local":
            why = "the lab's nodes have no such volume driver: a local volume per node"
            yield Change(path=("volumes", name, "driver"), lab=None, why=why)
            if defined.get("driver_opts"):
                yield Change(path=("volumes", name, "driver_opts"), lab=None, why=why)
        elif _remote(defined.get("driver_opts") or {}):
            why = "its file server is outside the lab: a local volume per node, not shared"
            yield Change(path=("volumes", name, "driver_opts"), lab=None, why=why)


def bind_volume(source: str) -> str:
    """The volume's name for a path: `/mnt/data/x` is `bind-mnt-data-x`."""
    return "bind-" + re.sub(r"[^A-Za-z0-9_.]+", "-", source.strip("/"))


def _mount(mount: Mapping[str, Any]) -> dict[str, Any] | None:
    """The lab's form of a mount; None for one left out."""
    if not _missing(mount):
        return dict(mount)
    if mount.get("read_only") and _is_file(str(mount["source"])):
        return None
    out = {key: value for key, value in mount.items() if key != "bind"}
    return out | {"type": "volume", "source": bind_volume(str(mount["source"]))}


def _missing(mount: Mapping[str, Any]) -> bool:
    source = str(mount.get("source") or "")
    return mount.get("type") == "bind" and str(PurePosixPath(source)) not in PRESENT


def _is_file(source: str) -> bool:
    path = PurePosixPath(source)
    return bool(path.suffix) or path.name in ("localtime", "timezone", "machine-id")


def _converted(document: Mapping[str, Any]) -> set[str]:
    return {
        str(mount["source"])
        for service in (document.get("services") or {}).values()
        for mount in service.get("volumes") or ()
        if _missing(mount) and (_mount(mount) is not None)
    }


def _remote(options: Mapping[str, Any]) -> bool:
    kind = str(options.get("type", ""))
    return kind.startswith(("nfs", "cifs", "smb")) or "addr=" in str(options.get("o", ""))
