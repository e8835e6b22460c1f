"""Mounts of a service, in the long form of the stack file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from posixpath import normpath
from typing import Any

from quorate.fleet.quantities import parse_size
from quorate.stacks import shapes

_PROPAGATION = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_IGNORED_MODES = frozenset({"rw", "z", "Z", "cached", "delegated", "consistent", "copy"})


def mounts(raw: Mapping[str, Any], directory: Path, notes: list[str]) -> list[dict[str, Any]]:
    """Everything a service mounts: `volumes`, `tmpfs`, and `shm_size` as a tmpfs on /dev/shm."""
    out = []
    for entry in raw.get("volumes") or []:
        mount = dict(entry) if isinstance(entry, Mapping) else short(shapes.text(entry), notes)
        out.append(_long(mount, directory, notes))
    out += [_tmpfs(text, notes) for text in shapes.items(raw.get("tmpfs"))]
    if raw.get("shm_size"):
        out.append(_memory("/dev/shm", parse_size(raw["shm_size"])))
        notes.append("`shm_size` becomes a tmpfs on /dev/shm: Swarm has no such key")
    return out


def short(text: str, notes: list[str]) -> dict[str, Any]:
    """`source:target:options` as a mapping."""
    parts = text.split(":")
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    source, target = parts[0], parts[1]
    bind = source.startswith(("/", ".", "~"))
    mount: dict[str, Any] = {"type": "bind" if bind else "volume"}
    mount |= {"source": source, "target": target}
    for mode in (parts[2] if len(parts) > 2 else "").split(","):
        if mode == "ro":
            mount["read_only"] = True
        elif mode == "nocopy" and not bind:
            mount["volume"] = {"nocopy": True}
        elif mode in _PROPAGATION and bind:
            mount["bind"] = {"propagation": mode}
        elif mode and mode not in _IGNORED_MODES:
            notes.append(f"the mount option `{mode}` of {target} is left out: Swarm has none")
    return mount


def _long(mount: Mapping[str, Any], directory: Path, notes: list[str]) -> dict[str, Any]:
    kind = str(mount.get("type") or "volume")
    target = str(mount.get("target"))
    out: dict[str, Any] = {"type": kind}
    if mount.get("source"):
        source = str(mount["source"])
        out["source"] = _absolute(source, target, directory, notes) if kind == "bind" else source
    out["target"] = target
    if shapes.truth(mount.get("read_only")):
        out["read_only"] = True
    if kind == "bind" and (mount.get("bind") or {}).get("propagation"):
        out["bind"] = {"propagation": str(mount["bind"]["propagation"])}
    if kind == "volume":
        options = mount.get("volume") or {}
        if shapes.truth(options.get("nocopy")):
            out["volume"] = {"nocopy": True}
        if options.get("subpath"):
            notes.append(f"`subpath` of the mount on {target} is left out: old engines lack it")
    if kind == "tmpfs" and (mount.get("tmpfs") or {}).get("size"):
        out["tmpfs"] = {"size": parse_size(mount["tmpfs"]["size"])}
    return out


def _absolute(source: str, target: str, directory: Path, notes: list[str]) -> str:
    """The path as a server sees it.

    A relative one means the same place as for `docker stack deploy` run beside
    the compose file; that place must exist on the servers, so it is named.
    """
    if source.startswith("/"):
        return source
    if source.startswith("~"):
        notes.append(
            f"the mount of {source} on {target} starts in a home directory: write the whole path"
        )
        return source
    path = normpath(f"{directory.as_posix()}/{source}")
    notes.append(
        f"the mount of {source} on {target} is relative: {path} must exist on every server of "
        "the pool; make it a config (`configs:`) or write an absolute path"
    )
    return path


def _tmpfs(text: str, notes: list[str]) -> dict[str, Any]:
    target, _, options = text.partition(":")
    size = 0
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if key == "size":
            size = parse_size(value)
        elif key not in ("rw", "mode"):
            notes.append(f"the option `{option}` of the tmpfs on {target} is left out")
    return _memory(target, size)


def _memory(target: str, size: int) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "tmpfs", "target": target}
    return {**out, "tmpfs": {"size": size}} if size else out


def volume_definition(spec: Mapping[str, Any] | None) -> dict[str, Any]:
    """A top-level volume with the keys that stack files know."""
    if not spec:
        return {}
    external = spec.get("external")
    name = spec.get("name") or (external.get("name") if isinstance(external, Mapping) else None)
    out: dict[str, Any] = {"name": str(name)} if name else {}
    if shapes.external(spec):
        return {"external": True, **out}
    if spec.get("driver"):
        out["driver"] = str(spec["driver"])
    if spec.get("driver_opts"):
        out["driver_opts"] = shapes.strings(spec["driver_opts"])
    if spec.get("labels"):
        out["labels"] = shapes.strings(spec["labels"])
    return out
