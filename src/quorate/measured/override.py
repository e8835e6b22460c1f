"""Suggested figures as compose files of their own, merged over people's. Pure: text in, text out.

People's compose files are left as they are: an anchor there may serve many services,
and no tool lays a file out as its owner does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from quorate.fleet.quantities import write_size
from quorate.measured.model import Measurement
from quorate.measured.suggest import Suggestion

MARKER = "# Written by `quorate suggest`"
_WORD = re.compile(r"[A-Za-z./][A-Za-z0-9_./-]*")


class NotSafeError(Exception):
    """A file that cannot be changed without the risk of changing more; the text can be shown."""


def header(measurement: Measurement) -> str:
    """The comment at the top of an override file."""
    start, end = (t.strftime("%Y-%m-%d %H:%M") for t in (measurement.start, measurement.end))
    return (
        f"{MARKER}: measured from {start} to {end} UTC ({measurement.source.kind}).\n"
        "# It is merged over the stack's other files. To undo it, delete it, and its name under\n"
        "# `files` in the fleet file.\n"
    )


def entries(
    suggestions: Mapping[str, Suggestion], existing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The document of an override file.

    Args:
        suggestions: by the service's name in its compose file.
        existing: the document of the override file there is; what is not suggested
            anew stays in it.
    """
    services: dict[str, Any] = dict((existing or {}).get("services") or {})
    for name, suggestion in suggestions.items():
        services[name] = _over(services.get(name) or {}, _entry(suggestion))
    return {"services": services}


def read_existing(text: str) -> Mapping[str, Any]:
    """The document of an override file that is there.

    Raises:
        NotSafeError: it was not written by `quorate suggest`, or is no YAML.
    """
    if not text.startswith(MARKER):
        raise NotSafeError("it is there, and was not written by `quorate suggest`")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise NotSafeError(f"it is not valid YAML any more: {error}") from None
    services = found.get("services") if isinstance(found, dict) else None
    if not isinstance(services, dict) or not all(isinstance(s, dict) for s in services.values()):
        raise NotSafeError("it has no `services` any more")
    return dict(found)


def with_file(text: str, stack: str, name: str) -> str:
    """A fleet file's text with one more file at the end of a stack's `files`.

    Nothing else of the text changes: comments and layout stay.

    Raises:
        NotSafeError: the list is written in a way that cannot be added to like that.
    """
    node = _files_node(text, stack)
    word = name if _WORD.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        changed = f"{text[:start]}[{text[start:end]}, {word}]{text[end:]}"
    elif not isinstance(node, yaml.SequenceNode) or not node.value:
        raise NotSafeError("its list of files is empty")
    elif node.flow_style:
        before = text[: end - 1].rstrip()
        comma = "" if before.endswith((",", "[")) else ","
        space = "" if before.endswith("[") else " "
        changed = f"{before}{comma}{space}{word}{text[len(before) :]}"
    else:
        last = node.value[-1].end_mark.index
        line_end = text.find("\n", last)
        at = len(text) if line_end < 0 else line_end
        newline = "\r\n" if "\r\n" in text else "\n"
        at -= text[:at].endswith("\r")
        changed = f"{text[:at]}{newline}{' ' * node.start_mark.column}- {word}{text[at:]}"
    _require_only(text, changed, stack, name)
    return changed


def _files_node(text: str, stack: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NotSafeError(f"it is not valid YAML: {error}") from None
    for step in ("stacks", stack, "files"):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(key, value) for key, value in pairs if key.value == step]
        if len(found) != 1:
            raise NotSafeError(f"`{step}` is not written out in it")
        key, node = found[0]
        # An alias' value stands where its anchor is.
        if node.start_mark.index < key.end_mark.index:
            raise NotSafeError(f"`{step}` is an alias (`*…`) for what stands elsewhere")
    assert node is not None
    return node


def _require_only(before: str, after: str, stack: str, name: str) -> None:
    """Read both: the new file must say the same, and one more file."""
    wanted = yaml.safe_load(before)
    files = wanted["stacks"][stack]["files"]
    wanted["stacks"][stack]["files"] = [*([files] if isinstance(files, str) else files), name]
    try:
        got = yaml.safe_load(after)
    except yaml.YAMLError:
        got = None
    if got != wanted:
        raise NotSafeError("its list of files is laid out in a way that cannot be added to")


def _entry(new: Suggestion) -> dict[str, Any]:
    resources: dict[str, dict[str, str]] = {}
    if new.limit_memory is not None:
        resources["limits"] = {"memory": write_size(new.limit_memory)}
    reserved = {}
    if new.reservation_memory is not None:
        reserved["memory"] = write_size(new.reservation_memory)
    if new.reservation_cpus is not None:
        reserved["cpus"] = f"{new.reservation_cpus:g}"
    if reserved:
        resources["reservations"] = reserved
    load: dict[str, str | float] = {}
    for name in ("memory", "memory_peak"):
        size = getattr(new, name)
        if size is not None:
            load[name] = write_size(size)
    for name in ("cpu", "cpu_peak"):
        cpus = getattr(new, name)
        if cpus is not None:
            load[name] = cpus
    out: dict[str, Any] = {"deploy": {"resources": resources}} if resources else {}
    return {**out, "x-quorate": {"load": load}} if load else out


def _over(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _over(before, value)
        else:
            merged[key] = value
    return merged
