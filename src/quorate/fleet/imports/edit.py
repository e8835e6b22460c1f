"""Changes to the servers of a fleet file's text; comments and layout stay. Pure."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from quorate.fleet.imports.compare import Difference

INDENTS = ((2, 4, 2), (2, 2, 0), (4, 6, 4), (4, 4, 0), (4, 4, 2))
"""Ways to indent mappings, sequences and dashes; the one that changes least is taken."""


def edited(text: str, changes: Mapping[str, Sequence[Difference]]) -> str:
    """The fleet file with those differences written into its servers.

    Args:
        text: the fleet file; it must be valid YAML with these servers in it.
        changes: by server; those with `advice` are left alone.
    """
    yaml = _fitting(text)
    document = yaml.load(text)
    for server, found in changes.items():
        entry = document["servers"][server]
        for difference in found:
            if difference.value is not None and not difference.advice:
                _apply(entry, difference)
    return _dumped(yaml, document)


def changed(text: str, change: Callable[[CommentedMap], None]) -> str:
    """The fleet file after a change of its document."""
    yaml = _fitting(text)
    document = yaml.load(text)
    change(document)
    return _dumped(yaml, document)


def with_role(text: str, server: str, role: str) -> str:
    """The fleet file with another role for a server."""
    yaml = _fitting(text)
    document = yaml.load(text)
    entry = document["servers"][server]
    if "role" in entry or entry.fa.flow_style():
        entry["role"] = role
    else:
        # Not as the last key: what stands below that one would come between.
        entry.insert(min(1, len(entry)), "role", role)
    return _dumped(yaml, document)


def with_server(text: str, name: str, snippet: str) -> str:
    """The fleet file with one more server, the last one; its lines are put in, none is changed.

    Args:
        snippet: a piece of a fleet file with that server, as `compare.snippet` writes it.
    """
    yaml = _fitting(text)
    document = yaml.load(text)
    servers = document["servers"]
    if servers.fa.flow_style() or not len(servers):
        servers[name] = _yaml(INDENTS[0]).load(snippet)["servers"][name]
        return _dumped(yaml, document)
    lines = text.splitlines(keepends=True)
    last = list(servers)[-1]
    _, end = _lines_of(servers, last, lines)
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    margin = " " * servers.lc.key(last)[1]
    block = textwrap.dedent("".join(snippet.splitlines(keepends=True)[1:])).rstrip() + "\n"
    return "".join([*lines[:end], textwrap.indent(block, margin), *lines[end:]])


def without_server(text: str, name: str) -> str:
    """The fleet file without a server. Its lines are cut out, so that comments beside it stay."""
    yaml = _fitting(text)
    document = yaml.load(text)
    servers = document["servers"]
    if servers.fa.flow_style():
        del servers[name]
        return _dumped(yaml, document)
    lines = text.splitlines(keepends=True)
    start, end = _lines_of(servers, name, lines)
    return "".join([*lines[:start], *lines[end:]])


def _lines_of(servers: CommentedMap, name: str, lines: Sequence[str]) -> tuple[int, int]:
    """The first line of a server's entry, and the one after its last."""
    start, column = servers.lc.key(name)
    names = list(servers)
    after = names[names.index(name) + 1 :]
    if after:
        end = servers.lc.key(after[0])[0]
    else:
        rest = range(start + 1, len(lines))
        end = next((n for n in rest if _ends_section(lines[n], column)), len(lines))
    # What stands above the next entry is about that one.
    while end > start + 1 and _is_aside(lines[end - 1], column):
        end -= 1
    return start, end


def server_text(text: str, name: str) -> str:
    """A server's entry alone, as a piece of a fleet file."""
    yaml = _fitting(text)
    document = yaml.load(text)
    return _dumped(yaml, CommentedMap({"servers": CommentedMap({name: document["servers"][name]})}))


def _ends_section(line: str, column: int) -> bool:
    bare = line.lstrip()
    return bool(bare.strip()) and not bare.startswith("#") and len(line) - len(bare) < column


def _is_aside(line: str, column: int) -> bool:
    """A blank line, or a comment that is not inside an entry."""
    bare = line.strip()
    indent = len(line) - len(line.lstrip())
    return not bare or (bare.startswith("#") and indent <= column)


def _apply(entry: CommentedMap, difference: Difference) -> None:
    section, _, name = difference.key.partition(".")
    if section not in ("disks", "reserved"):
        _put(entry, section, difference.value)
        return
    items = entry.get(section)
    if not isinstance(items, list):
        items = entry[section] = CommentedSeq()
    for item in items:
        if section == "disks" and item.get("name") == name:
            for key, value in difference.value.items():
                _put(item, key, value)
            return
    added = CommentedMap(difference.value)
    added.fa.set_flow_style()
    items.append(added)


def _put(entry: CommentedMap, key: str, value: Any) -> None:
    """Set a key; a new one goes before the first section, where the single values are."""
    if key in entry or not isinstance(entry, CommentedMap) or entry.fa.flow_style():
        entry[key] = value
        return
    names = list(entry)
    single = [i for i, k in enumerate(names) if not isinstance(entry[k], dict | list)]
    entry.insert(single[-1] + 1 if single else len(names), key, value)


def _fitting(text: str) -> YAML:
    """A YAML that writes the unchanged text back with the fewest changed lines."""
    best, least = _yaml(INDENTS[0]), None
    for indents in INDENTS:
        yaml = _yaml(indents)
        changed = _changed(text, _dumped(yaml, yaml.load(text)))
        if least is None or changed < least:
            best, least = _yaml(indents), changed
        if changed == 0:
            break
    return best


def _yaml(indents: tuple[int, int, int]) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 2**20
    mapping, sequence, offset = indents
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _dumped(yaml: YAML, document: Any) -> str:
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _changed(before: str, after: str) -> int:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return sum(line[:1] in "+-" for line in lines)
