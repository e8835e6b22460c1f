"""Merging compose mappings by the Compose Specification's rules.

Mappings merge key by key, lists are appended, single values are replaced.
Exceptions: command, entrypoint and a health check's test are replaced whole;
ports, volumes, secrets, configs and the like are lists with an identity (a
later entry with the same one replaces the earlier); lists that stand for
mappings (environment, labels, depends_on, networks …) merge as mappings.
`!reset` removes what was there, `!override` replaces it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quorate.fleet.positions import Map, Mark, Reset, Seq

# Keys of a service that may be a list of `KEY=value` or names, or a mapping.
_PAIRS = frozenset(("environment", "labels", "annotations", "sysctls", "extra_hosts", "args"))
_NAMES = frozenset(("depends_on", "networks"))
_REPLACED = frozenset(("command", "entrypoint", "test"))
_UNIQUE = frozenset(
    (
        "cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "env_file", "expose", "group_add",
        "external_links", "links", "profiles", "security_opt", "tmpfs",
    )
)  # fmt: skip


def merge_service(base: Map, over: Map) -> Map:
    """A service with another's keys merged over it; neither is changed."""
    return _merge_maps(base, over)


def merge_sections(base: Map, over: Map) -> Map:
    """Two whole compose mappings, the second over the first."""
    return _merge_maps(base, over)


def deep_merge(base: Map, over: Map) -> Map:
    """Mappings merged key by key, anything else replaced (for fleet files)."""
    result = base.copy()
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Map) and isinstance(value, Map):
            result.put(key, deep_merge(old, value), over.at(key))
        else:
            result.put(key, value, over.at(key))
    return result


def clean(value: Any) -> Any:
    """The value without keys that are tagged `!reset` and had nothing to reset."""
    if isinstance(value, Map):
        for key in [key for key, item in value.items() if isinstance(item, Reset)]:
            value.drop(key)
    return value


def _merge_maps(base: Map, over: Map) -> Map:
    if over.override:
        return over
    result = base.copy()
    for key, value in over.items():
        mark = over.at(key)
        if isinstance(value, Reset):
            result.drop(key)
        elif result.get(key) is None:
            result.put(key, value, mark)
        elif value is not None:
            # What two files describe together is where the first one has it.
            both = isinstance(result[key], Map) and isinstance(value, Map) and not value.override
            result.put(key, merge_value(key, result[key], value), result.at(key) if both else mark)
    return result


def merge_value(key: str, old: Any, new: Any) -> Any:
    """The value of one key merged: `new` over `old`."""
    if isinstance(new, Map | Seq) and new.override:
        return new
    if key in _REPLACED:
        return new
    if key == "logging" and _driver(old) != _driver(new) and _driver(new) is not None:
        return new
    if key in _PAIRS:
        return _together(as_pairs, old, new)
    if key in _NAMES:
        return _together(as_names, old, new)
    if isinstance(old, Map) and isinstance(new, Map):
        return _merge_maps(old, new)
    if key in _UNIQUE or (isinstance(old, Seq) and isinstance(new, Seq)):
        first, second = as_list(old), as_list(new)
        return _merge_lists(first, second, _identity(key))
    return new


def _together(form: Callable[[Any], Map | None], old: Any, new: Any) -> Any:
    first, second = form(old), form(new)
    if first is None or second is None:
        return new
    return _merge_maps(first, second)


def _driver(value: Any) -> Any:
    return value.get("driver") if isinstance(value, Map) else None


def as_pairs(value: Any) -> Map | None:
    """`KEY=value` lines or a mapping as a mapping; None for anything else."""
    if isinstance(value, Map):
        return value
    if not isinstance(value, Seq):
        return None
    result = Map(value.mark)
    for item, mark in value.entries():
        if not isinstance(item, str | int | float):
            return None
        text = str(item)
        # `extra_hosts` also takes `host:address`; a key never has a colon elsewhere.
        name, found, content = text.partition("=" if "=" in text else ":")
        result.put(name, content if found else None, mark)
    return result


def as_names(value: Any) -> Map | None:
    """A list of names or a mapping as a mapping; None for anything else."""
    if isinstance(value, Map):
        return value
    if not isinstance(value, Seq):
        return None
    result = Map(value.mark)
    for item, mark in value.entries():
        if not isinstance(item, str):
            return None
        result.put(item, None, mark)
    return result


def as_list(value: Any) -> Seq:
    """A list; a single value counts as a list of one."""
    if isinstance(value, Seq):
        return value
    mark = value.mark if isinstance(value, Map) else Mark("")
    result = Seq(mark)
    result.add(value, mark)
    return result


def _merge_lists(old: Seq, new: Seq, identity: Callable[[Any], Any]) -> Seq:
    result = Seq(new.mark)
    seen: dict[Any, int] = {}
    for item, mark in [*old.entries(), *new.entries()]:
        key = identity(item)
        if key is not None and key in seen:
            index = seen[key]
            same_kind = isinstance(item, Map) and isinstance(result[index], Map)
            result[index] = _merge_maps(result[index], item) if same_kind else item
            result.marks[index] = mark
            continue
        if key is not None:
            seen[key] = len(result)
        result.add(item, mark)
    return result


def _identity(key: str) -> Callable[[Any], Any]:
    if key in _UNIQUE:
        return lambda item: str(item) if isinstance(item, str | int | float) else None
    return {
        "volumes": _volume_target,
        "devices": _volume_target,
        "ports": _port_identity,
        "secrets": _file_target,
        "configs": _file_target,
    }.get(key, lambda item: None)


def _volume_target(item: Any) -> Any:
    if isinstance(item, Map):
        target = item.get("target")
        return str(target) if target is not None else None
    if not isinstance(item, str):
        return None
    parts = item.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _file_target(item: Any) -> Any:
    if isinstance(item, Map):
        found = item.get("target") or item.get("source")
        return str(found) if found is not None else None
    return item if isinstance(item, str) else None


def _port_identity(item: Any) -> Any:
    if isinstance(item, Map):
        parts = [item.get(name) for name in ("host_ip", "published", "target")]
        return ":".join(str(p) for p in parts if p is not None) + f"/{item.get('protocol', 'tcp')}"
    if isinstance(item, str | int):
        text = str(item)
        return text if "/" in text else f"{text}/tcp"
    return None
