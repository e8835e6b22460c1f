"""Compose allows several spellings of one thing; these bring them to one shape."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any


def text(value: Any) -> str:
    """A scalar as compose writes it into strings: true and false in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def mapping(value: Any, separator: str = "=") -> dict[str, str | None]:
    """A mapping, or a list of `key=value`; a key without a value gives None."""
    if not value:
        return {}
    if isinstance(value, Mapping):
        return {str(key): None if item is None else text(item) for key, item in value.items()}
    out: dict[str, str | None] = {}
    for item in value:
        key, found, rest = text(item).partition(separator)
        out[key] = rest if found else None
    return out


def strings(value: Any) -> dict[str, str]:
    """As `mapping`, an absent value being the empty string (labels, sysctls)."""
    return {key: item or "" for key, item in mapping(value).items()}


def items(value: Any) -> list[str]:
    """A list of strings from a string, a list or nothing; repeated ones once."""
    if value is None or value == "":
        return []
    found = value if isinstance(value, (list, tuple)) else [value]
    return list(dict.fromkeys(text(item) for item in found))


def command(value: Any) -> list[str]:
    """A command as a list of arguments; docker would split text likewise.

    Raises:
        ValueError: a quote is left open.
    """
    if isinstance(value, (list, tuple)):
        return [text(item) for item in value]
    try:
        return shlex.split(text(value))
    except ValueError as error:
        raise ValueError(f"the command `{value}` cannot be split: {error}") from error


def hosts(value: Any) -> list[str]:
    """`extra_hosts` as `name:address`; compose also allows `name=address` and mappings."""
    if isinstance(value, Mapping):
        found = []
        for name, addresses in value.items():
            many = addresses if isinstance(addresses, (list, tuple)) else [addresses]
            found += [f"{name}:{text(address)}" for address in many]
        return found
    out = []
    for item in items(value):
        name, separator, address = item.partition("=" if "=" in item else ":")
        out.append(f"{name}:{address.strip('[]')}" if separator else item)
    return out


def integer(value: Any) -> int:
    """A whole number, also when quoted; a file mode such as "0440" is octal."""
    if isinstance(value, str):
        cleaned = value.strip().lower().removeprefix("0o")
        octal = value.strip().lower().startswith("0o") or re.fullmatch(r"0[0-7]+", cleaned)
        return int(cleaned, 8 if octal else 10)
    return int(value)


def truth(value: Any) -> bool:
    """A yes or no, also as text: variables in compose files are always text.

    Raises:
        ValueError: it is neither.
    """
    word = text(value).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("", "none", "false", "no", "off", "0"):
        return False
    raise ValueError(f"`{value}` is neither true nor false")


def external(spec: Mapping[str, Any]) -> bool:
    """Whether a top-level network, volume, secret or config is made by somebody else."""
    given = spec.get("external")
    return True if isinstance(given, Mapping) else truth(given)


def walk(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every string in it (not the keys) changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: walk(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [walk(item, change) for item in value]
    return value


def escape(value: Any) -> Any:
    """Double every `$`: `docker stack deploy` interpolates the file once more."""
    return walk(value, lambda item: item.replace("$", "$$"))


def unescape(value: Any) -> Any:
    """What `docker stack deploy` makes of an escaped value."""
    return walk(value, lambda item: item.replace("$$", "$"))
