"""Values of a fleet file's `swarm:` set in its text; every other character stays. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

SECTION = "swarm"
MARKER = "# quorate tune"
"""How the comments begin that are written here; others are left alone."""


class NotSafeError(Exception):
    """The text is laid out in a way that cannot be changed without the risk of changing more."""


def with_swarm(text: str, values: Mapping[str, str], why: str) -> str:
    """The text of a fleet file with these values under `swarm:`, and why at the end of their lines.

    Args:
        text: a fleet file that can be read.
        values: by key, as YAML reads them plain: `3s`.
        why: a few words; a line that has a comment of somebody else's keeps that.

    Raises:
        NotSafeError: the section is an alias, or the text is laid out too oddly.
    """
    changed = text
    for key, value in values.items():
        changed = _with(changed, key, value, f"{MARKER}: {why}")
    wanted = yaml.safe_load(text)
    wanted[SECTION] = {**(wanted.get(SECTION) or {}), **values}
    try:
        got = yaml.safe_load(changed)
    except yaml.YAMLError:
        got = None
    if got != wanted:
        raise NotSafeError(f"`{SECTION}` is laid out in a way that cannot be added to")
    return changed


def _with(text: str, key: str, value: str, comment: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _pair(yaml.compose(text, Loader=yaml.SafeLoader), SECTION)
    if found is None:
        gap = newline if text.endswith("\n") else 2 * newline
        return f"{text}{gap}{SECTION}:{newline}  {key}: {value} {comment}{newline}"
    name, section = found
    if section.start_mark.index < name.end_mark.index:
        raise NotSafeError(f"`{SECTION}` is an alias (`*…`) for what stands elsewhere")
    if not isinstance(section, yaml.MappingNode) or not section.value:
        raise NotSafeError(f"`{SECTION}` is empty")
    old = _pair(section, key)
    if old is not None:
        start, end = old[1].start_mark.index, old[1].end_mark.index
        return _commented(f"{text[:start]}{value}{text[end:]}", start + len(value), comment)
    if section.flow_style:
        end = section.value[-1][1].end_mark.index
        added = f", {key}: {value}"
        return _commented(f"{text[:end]}{added}{text[end:]}", end + len(added), comment)
    # Under the heading: what stands above the first key stays with that key.
    at = _line_end(text, name.end_mark.index)
    added = f"{newline}{' ' * section.start_mark.column}{key}: {value} {comment}"
    return f"{text[:at]}{added}{text[at:]}"


def _pair(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == key), None)


def _commented(text: str, at: int, comment: str) -> str:
    """A comment at the end of the line, unless there is one that is not ours."""
    end = _line_end(text, at)
    before, mark, _ = text[at:end].partition(MARKER)
    if mark:
        return f"{text[:at]}{before}{comment}{text[end:]}"
    return text if "#" in before else f"{text[:end]} {comment}{text[end:]}"


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - text[:end].endswith("\r")
