"""YAML with a remark behind a value or above a key: what an import writes.

Only text that is a word in every version of YAML stays bare; all else is quoted,
so that docker's parser and ours read the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_WORD = re.compile(
    r"[A-Za-z/][A-Za-z0-9_./-]*|[0-9]+(\.[0-9]+)?(GiB|MiB|KiB|[GMKTsmh])|([0-9]+\.){3}[0-9]+"
)
FLOW_WIDTH = 80
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_CONTROL = re.compile(r"[^\t -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BREAKS = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")


class Said(NamedTuple):
    """A value with a remark that stands behind it (for a mapping or list: behind its key)."""

    value: Any
    remark: str


class Above(NamedTuple):
    """A value with remarks on lines of their own above its key."""

    value: Any
    remarks: tuple[str, ...]


def dump(document: Mapping[str, Any], *, head: Sequence[str] = ()) -> str:
    """The document as YAML, keys in their own order, `head` as comment lines first."""
    lines = [f"# {line}" for line in head]
    lines += _mapping(document, 0)
    return "\n".join(lines) + "\n"


def scalar(value: Any) -> str:
    """A single value as YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = _SURROGATE.sub("\ufffd", str(value))
    if _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    # JSON's quoting is YAML's, but for a few characters YAML wants escaped too.
    quoted = json.dumps(text, ensure_ascii=False)
    return _BREAKS.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _comment(text: str) -> str:
    flat = " ".join(_CONTROL.sub("?", _BREAKS.sub("?", text)).split())
    return f"# {flat}".rstrip()


def _mapping(mapping: Mapping[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, item in mapping.items():
        value = item
        if isinstance(value, Above):
            yield from (pad + _comment(remark) for remark in value.remarks)
            value = value.value
        value, remark = value if isinstance(value, Said) else (value, "")
        tail = f" {_comment(remark)}" if remark else ""
        name = scalar(str(key))
        if isinstance(value, Mapping) and value:
            yield f"{pad}{name}:{tail}"
            yield from _mapping(value, depth + 1)
        elif _is_list(value) and value and not _short(value):
            yield f"{pad}{name}:{tail}"
            yield from _sequence(value, depth + 1)
        else:
            yield f"{pad}{name}: {_leaf(value)}{tail}"


def _sequence(items: Sequence[Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for item in items:
        value, remark = item if isinstance(item, Said) else (item, "")
        tail = f" {_comment(remark)}" if remark else ""
        if isinstance(value, Mapping) and value:
            first, *rest = _mapping(value, depth + 1)
            if remark:
                yield f"{pad}{_comment(remark)}"
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        elif _is_list(value) and value and not _short(value):
            yield f"{pad}-{tail}"
            yield from _sequence(value, depth + 1)
        else:
            yield f"{pad}- {_leaf(value)}{tail}"


def _leaf(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if _is_list(value):
        return f"[{', '.join(scalar(item) for item in value)}]"
    return scalar(value)


def _short(items: Sequence[Any]) -> bool:
    """Whether a list fits on one line: a few single values without remarks."""
    plain = all(isinstance(item, str | int | float) for item in items)
    return plain and sum(len(str(item)) + 4 for item in items) <= FLOW_WIDTH


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and not isinstance(value, Said | Above)
