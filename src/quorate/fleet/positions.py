"""YAML into plain values that remember where they were written.

Parsing is libyaml's (PyYAML's C composer: 12 compose files of 1,500 lines in
0.15 s, where ruamel.yaml took 2.3 s); the meaning of plain scalars is ours:
the YAML 1.2 core schema, so `22:22` and `on` stay text, plus `0644` as octal,
as docker compose reads it. Keys are always text, exactly as written. A mapping becomes a
`Map` and a sequence a `Seq`: a dict and a list that also know the mark of each
entry (for a mapping the place of the key).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml
from yaml._yaml import CParser

from quorate.fleet.problems import Problems

TAG = "tag:yaml.org,2002:"
MERGE = "<<"

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OCTAL = re.compile(r"[-+]?0[0-7]+")


class Mark(NamedTuple):
    """A place in a file; line and column start at 1."""

    file: str
    line: int = 1
    column: int = 1


class Map(dict[str, Any]):
    """A mapping with the place of every key; `override` is compose's `!override` tag."""

    __slots__ = ("mark", "marks", "override")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: dict[str, Mark] = {}
        self.override = False

    def put(self, key: str, value: Any, mark: Mark) -> None:
        """Set an entry and its place."""
        self[key] = value
        self.marks[key] = mark

    def at(self, key: str) -> Mark:
        """The place of a key, or of the mapping when the key is not there."""
        return self.marks.get(key, self.mark)

    def copy(self) -> Map:
        """A shallow copy, places included."""
        new = Map(self.mark)
        new.update(self)
        new.marks.update(self.marks)
        new.override = self.override
        return new

    def drop(self, key: str) -> None:
        """Remove an entry, if there is one."""
        self.pop(key, None)
        self.marks.pop(key, None)


class Seq(list[Any]):
    """A sequence with the place of every item; `override` is compose's `!override` tag."""

    __slots__ = ("mark", "marks", "override")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []
        self.override = False

    def add(self, value: Any, mark: Mark) -> None:
        """Append an item and its place."""
        self.append(value)
        self.marks.append(mark)

    def at(self, index: int) -> Mark:
        """The place of an item, or of the sequence when there is no such item."""
        return self.marks[index] if 0 <= index < len(self.marks) else self.mark

    def entries(self) -> list[tuple[Any, Mark]]:
        """Every item with its place."""
        return list(zip(self, self.marks, strict=True))


class Reset(NamedTuple):
    """The value of a key tagged `!reset`: whatever was there before goes."""

    mark: Mark


class _Composer(CParser):
    """libyaml's composer with our resolution of plain scalars and no other tags."""

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return "plain" if implicit[0] else "text"
        return "map" if kind is yaml.MappingNode else "seq"

    def descend_resolver(self, current: Any, index: Any) -> None:
        """Nothing to do: tags do not depend on the path."""

    def ascend_resolver(self) -> None:
        """Nothing to do: tags do not depend on the path."""


def parse(text: str, file: str, problems: Problems) -> Any:
    """The values of a YAML document, None when it is empty or cannot be read.

    Every problem is reported to `problems`; what could be read is returned.
    """
    try:
        node = _Composer(text).get_single_node()
        return _Builder(file, problems).build(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        context = f" ({error.context})" if error.context else ""
        what = f"this is not valid YAML: {error.problem}{context}"
        problems.add("Q002", _error_mark(error, text, file), what)
    except yaml.YAMLError as error:
        problems.add("Q002", Mark(file), f"this is not valid YAML: {error}")
    except RecursionError:
        problems.add("Q002", Mark(file), "the YAML is nested too deeply")
    return None


def _error_mark(error: yaml.MarkedYAMLError, text: str, file: str) -> Mark:
    """Where the error is; for one at the end of the file, where what is still open began."""
    last = text.rstrip().count("\n")
    place = error.problem_mark or error.context_mark
    if place is not None and place.line > last:
        place = error.context_mark or place
    return Mark(file, min(place.line, last) + 1, place.column + 1) if place else Mark(file)


def scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema (and `0644` as octal)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if len(text) > 40:  # no number people write; int() of a very long one raises
        return text
    if _INT.fullmatch(text):
        return int(text, 8) if _OCTAL.fullmatch(text) else int(text, _base(text))
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text


def _base(text: str) -> int:
    return {"0o": 8, "0x": 16}.get(text[:2], 10)


class _Builder:
    """Nodes into values; aliases share one value, merge keys are resolved here."""

    def __init__(self, file: str, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.done: dict[int, Any] = {}
        self.open: set[int] = set()

    def mark(self, node: yaml.Node) -> Mark:
        start = node.start_mark
        return Mark(self.file, start.line + 1, start.column + 1)

    def build(self, node: yaml.Node) -> Any:
        tag = node.tag
        if isinstance(node, yaml.ScalarNode):
            if tag == "text":
                return node.value
            if tag == "plain":
                return scalar(node.value)
            return self._tagged_scalar(node)
        key = id(node)
        if key in self.done:
            return self.done[key]
        if key in self.open:
            self.problems.add("Q005", self.mark(node), "an anchor contains itself")
            return None
        if tag == "!reset":
            return Reset(self.mark(node))
        if tag not in ("map", "seq", "!override", f"{TAG}map", f"{TAG}seq"):
            self.problems.add("Q005", self.mark(node), f"the tag {tag} means nothing here")
        self.open.add(key)
        mapping = isinstance(node, yaml.MappingNode)
        value: Map | Seq = self._map(node) if mapping else self._seq(node)
        self.open.discard(key)
        value.override = tag == "!override"
        self.done[key] = value
        return value

    def _tagged_scalar(self, node: yaml.ScalarNode) -> Any:
        tag = node.tag
        if tag == "!reset":
            return Reset(self.mark(node))
        if tag in ("!", f"{TAG}str"):
            return node.value
        if tag in ("!override", *(f"{TAG}{name}" for name in ("int", "float", "bool", "null"))):
            return scalar(node.value)
        self.problems.add("Q005", self.mark(node), f"the tag {tag} means nothing here")
        return node.value

    def _seq(self, node: yaml.Node) -> Seq:
        result = Seq(self.mark(node))
        for item in node.value:
            result.add(self.build(item), self.mark(item))
        return result

    def _map(self, node: yaml.Node) -> Map:
        result = Map(self.mark(node))
        merged: list[tuple[yaml.Node, Mark]] = []
        for key_node, value_node in node.value:
            mark = self.mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.add("Q005", mark, "a key must be a single word or text")
                continue
            key = key_node.value
            if key == MERGE and key_node.tag == "plain":
                merged.append((value_node, mark))
                continue
            if key in result:
                first = result.marks[key].line
                self.problems.add("Q003", mark, f"the key `{key}` is here twice (line {first} too)")
            result.put(key, self.build(value_node), mark)
        if len(merged) > 1:
            first = merged[0][1].line
            self.problems.add(
                "Q003", merged[1][1], f"the key `<<` is here twice (line {first} too)"
            )
        for value_node, mark in merged:
            self._merge(result, self.build(value_node), mark)
        return result

    def _merge(self, result: Map, value: Any, mark: Mark) -> None:
        """A merge key: entries already there win, earlier mappings win over later ones."""
        if isinstance(value, Seq):
            for item in value:
                self._merge(result, item, mark)
            return
        if not isinstance(value, Map):
            self.problems.add("Q005", mark, "`<<` takes a mapping or a list of mappings")
            return
        for key, item in value.items():
            if key not in result:
                result.put(key, item, value.marks[key])


PLAIN_LIMIT = 500_000


class TooLargeError(Exception):
    """Aliases multiply into more values than any real file has."""


def plain(value: Any) -> Any:
    """The same values as ordinary dicts and lists.

    Raises:
        TooLargeError: aliases expand to more than `PLAIN_LIMIT` values.
    """
    budget = [PLAIN_LIMIT]
    return _plain(value, budget)


def _plain(value: Any, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise TooLargeError
    if isinstance(value, dict):
        return {key: _plain(item, budget) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, budget) for item in value]
    return None if isinstance(value, Reset) else value


def has_step(value: Any, step: str | int) -> bool:
    """Whether a key is in a mapping, or an index in a sequence."""
    if isinstance(value, Map):
        return step in value
    return isinstance(value, Seq) and isinstance(step, int) and 0 <= step < len(value)


def find(value: Any, path: tuple[str | int, ...]) -> Mark | None:
    """The place nearest to a path of keys and indexes: as deep as the path can be followed."""
    mark = value.mark if isinstance(value, Map | Seq) else None
    for step in path:
        if not has_step(value, step):
            break
        mark, value = value.at(step), value[step]
    return mark
