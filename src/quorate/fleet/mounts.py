"""Ports and mounts of a service, short and long form, read into the model's."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quorate.fleet.model import Port, VolumeUse
from quorate.fleet.paths import is_path
from quorate.fleet.positions import Map
from quorate.fleet.view import View, truth

_PORT = re.compile(
    r"(?:(?P<host>\[[0-9a-fA-F:.]*\]|[0-9]+(?:\.[0-9]+){3}|[0-9a-fA-F:]*::[0-9a-fA-F:]*):)?"
    r"(?:(?P<published>[0-9]+(?:-[0-9]+)?)?:)?(?P<target>[0-9]+(?:-[0-9]+)?)"
    r"(?:/(?P<protocol>tcp|udp|sctp))?"
)
HIGHEST_PORT = 65535

# Parts of the host itself: not data of the service, and on every server alike.
_HOST_DIRECTORIES = ("/proc", "/sys", "/dev", "/run", "/var/run", "/var/lib/docker", "/lib/modules")
_HOST_FILES = ("/", "/etc/localtime", "/etc/timezone", "/etc/machine-id", "/etc/hosts", "/var/log")
_SETTINGS = (
    ".conf", ".cfg", ".cnf", ".ini", ".yml", ".yaml", ".json", ".toml", ".xml", ".properties",
    ".pem", ".crt", ".key", ".sh", ".sql", ".lua", ".env", ".rules",
)  # fmt: skip

_ADDRESS = re.compile(r"(?:^|,)\s*(?:addr|ip)=(?P<host>[^,\s]+)")
_HOST = re.compile(r"//(?P<cifs>[^/:]+)/|(?P<nfs>[^/:]+):/")

# Drivers and volume types whose data is reachable from every server.
_SHARED_TYPES = ("nfs", "nfs3", "nfs4", "cifs", "smb3", "glusterfs", "ceph")


def read_ports(view: View) -> tuple[Port, ...]:
    """Every published port; ranges one by one; only exposed ones left out."""
    return tuple(port for item, mark in view.items("ports") for port in _ports(view, item, mark))


def _ports(view: View, item: Any, mark: Any) -> Iterator[Port]:
    mode = "ingress"
    if isinstance(item, Map):
        mode = str(item.get("mode", "ingress"))
        target, published = item.get("target"), item.get("published")
        parts = ("" if published is None else f"{published}:") + str(target)
        text = f"{parts}/{item.get('protocol') or 'tcp'}"
    else:
        text = str(item)
    match = _PORT.fullmatch(text)
    if match is None or mode not in ("ingress", "host"):
        view.problems.add("Q208", mark, f"the port `{text}` cannot be read; write 8080:80/tcp")
        return
    if not isinstance(item, Map) and match["published"] is None:
        # `- "80"`: published on a port that the engine chooses.
        published_range: list[int] = []
    else:
        published_range = _range(match["published"] or "0")
    targets = _range(match["target"])
    published_range = published_range or [0] * len(targets)
    if len(published_range) != len(targets):
        if len(targets) != 1:
            view.problems.add("Q208", mark, f"the port ranges of `{text}` differ in length")
            return
        targets *= len(published_range)
    if not targets or max((*targets, *published_range)) > HIGHEST_PORT or min(targets) < 1:
        view.problems.add("Q208", mark, f"the port `{text}` is not between 1 and {HIGHEST_PORT}")
        return
    for published, target in zip(published_range, targets, strict=True):
        yield Port(
            target=target, published=published, protocol=match["protocol"] or "tcp", mode=mode
        )


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if len(text) > 11:
        return [HIGHEST_PORT + 1]
    end = min(int(last or first), HIGHEST_PORT + 1)
    return list(range(int(first), end + 1)) or [HIGHEST_PORT + 1]


def read_mounts(view: View, volumes: Map, directory: Path) -> tuple[VolumeUse, ...]:
    """Every mount of a service; `volumes` is the top-level section of its stack."""
    found = []
    for item, mark in view.items("volumes"):
        mount = _long(item) if isinstance(item, Map) else _short(str(item))
        if mount is None:
            view.problems.add("Q208", mark, "the volume cannot be read; write source:/target")
            continue
        kind, source, target, read_only = mount
        if kind == "volume" and source is not None and source not in volumes:
            view.problems.add("Q209", mark, f"the volume `{source}` is not defined")
        found.append(_use(kind, source, target, read_only, volumes, directory))
    found += [
        VolumeUse(kind="tmpfs", source=None, target=str(item).split(":")[0])
        for item, _ in view.items("tmpfs")
    ]
    return tuple(found)


def _long(item: Map) -> tuple[str, str | None, str, bool] | None:
    source, target = item.get("source"), item.get("target")
    kind = item.get("type", "volume")
    if not isinstance(target, str) or not isinstance(source, str | None):
        return None
    if kind not in ("volume", "bind", "tmpfs", "cluster", "npipe", "image"):
        return None
    try:
        read_only = truth(item.get("read_only") or False)
    except ValueError:
        return None
    return kind, source, target, read_only


def _short(text: str) -> tuple[str, str | None, str, bool] | None:
    parts = text.split(":")
    if len(parts) == 1:
        return ("volume", None, text, False) if text.startswith("/") else None
    source, target, *rest = parts
    if len(rest) > 1 or not source or not target:
        return None
    options = rest[0].split(",") if rest else []
    return ("bind" if is_path(source) else "volume"), source, target, "ro" in options


def _use(
    kind: str, source: str | None, target: str, read_only: bool, volumes: Map, directory: Path
) -> VolumeUse:
    if kind == "bind" and source is not None:
        source = os.path.normpath(directory / source) if not source.startswith("~") else source
        if of_the_host(source):
            kind = "host"
        elif Path(source).suffix in _SETTINGS:
            read_only = True  # a file of settings, whoever forgot `:ro`
    elif kind in ("npipe", "image"):
        kind = "host"
    elif kind == "cluster" or (kind == "volume" and _is_shared(volumes.get(source or ""))):
        kind = "shared"
    server = _storage_server(volumes.get(source or "")) if kind == "shared" else ""
    return VolumeUse(kind=kind, source=source, target=target, read_only=read_only, server=server)


def _storage_server(definition: Any) -> str:
    """The host of a network file system, as mount(8) finds it; empty where it is not said.

    NFS and CIFS: the option `addr` or `ip` goes before the device's `host:/path` or `//host/share`.
    """
    options = definition.get("driver_opts") if isinstance(definition, Map) else None
    if not isinstance(options, Map):
        return ""
    address = _ADDRESS.search(str(options.get("o") or ""))
    host = _HOST.match(str(options.get("device") or ""))
    return address["host"] if address else host["cifs"] or host["nfs"] if host else ""


def of_the_host(path: str) -> bool:
    """Whether a path is a part of the server itself, not data of a service."""
    return path in _HOST_FILES or any(
        path == directory or path.startswith(f"{directory}/") for directory in _HOST_DIRECTORIES
    )


def _is_shared(definition: Any) -> bool:
    if not isinstance(definition, Map):
        return False
    options = definition.get("driver_opts")
    kind = options.get("type") if isinstance(options, Map) else None
    driver = definition.get("driver") or "local"
    return kind in _SHARED_TYPES or driver != "local" or "x-cluster-spec" in definition
