"""Validation of what people wrote by a Pydantic model, every problem at its line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from quorate.fleet.positions import Map, Mark, Seq, find, has_step
from quorate.fleet.problems import Problems, did_you_mean

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]


class Codes(NamedTuple):
    """The codes under which problems are reported."""

    unknown: str
    missing: str
    value: str


def validate(
    model: type[M],
    mapping: Map,
    problems: Problems,
    codes: Codes,
    *,
    fill: Mapping[str, Any],
    special: Mapping[str, str] | None = None,
) -> M | None:
    """The mapping as the model, every problem reported at its place.

    What is wrong is left out (or, where required, filled from `fill` by the
    key's name) so that checking can go on with the rest; None when even that
    fails. `special` maps a path with `*` for any name (`servers.*.memory`) to its own code.
    """
    rest = mapping
    for attempt in range(4):
        try:
            return model.model_validate(rest)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=True)
            if attempt == 0:
                for detail in details:
                    _report(model, mapping, detail, problems, codes, special or {})
            rest = _without(rest, details, fill, attempt)
    return None


def _report(
    model: type[BaseModel],
    mapping: Map,
    detail: Any,
    problems: Problems,
    codes: Codes,
    special: Mapping[str, str],
) -> None:
    path = _followed(mapping, detail["loc"])
    mark = find(mapping, path) or mapping.mark
    kind = detail["type"]
    name = _dotted(path)
    location = ".".join("*" if i == 1 else str(step) for i, step in enumerate(detail["loc"]))
    own = special.get(location)
    if kind == "extra_forbidden":
        known = keys_at(model, path[:-1])
        where = f" under `{_dotted(path[:-1])}`" if len(path) > 1 else ""
        what = f"unknown key `{path[-1]}`{where}{did_you_mean(str(path[-1]), known)}"
        problems.add(codes.unknown, mark, what)
    elif kind == "missing":
        key = detail["loc"][-1]
        where = f" in `{name}`" if name else ""
        problems.add(own or codes.missing, mark, f"the key `{key}` is missing{where}")
    else:
        what = _sentence(detail)
        problems.add(own or codes.value, mark, f"`{name}`: {what}" if name else what)


def _sentence(detail: Any) -> str:
    """Pydantic's message in our words."""
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    value = detail.get("input")
    shown = f"`{value}`" if isinstance(value, str | int | float) else "this"
    if kind in ("enum", "literal_error"):
        return f"{shown} is not one of {str(context['expected']).replace(chr(39), '`')}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping (`key: value`)"
    if kind in ("tuple_type", "list_type"):
        return "must be a list"
    if kind == "string_pattern_mismatch":
        return f"{shown} must be lower-case letters, digits and hyphens"
    message = detail["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    return f"{shown} is not {message}" if message != detail["msg"] else detail["msg"].lower()


def _followed(mapping: Any, path: tuple[Any, ...]) -> Path:
    """The part of Pydantic's path that exists in the mapping (it adds steps of its own)."""
    done: list[str | int] = []
    value = mapping
    for step in path:
        if not has_step(value, step):
            break
        value = value[step]
        done.append(step)
    return tuple(done)


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _without(rest: Map, details: Any, fill: Mapping[str, Any], attempt: int) -> Map:
    """A copy without what is wrong; each further attempt leaves out more."""
    result: Any = _copied(rest)
    for detail in details:
        path = detail["loc"]
        if attempt == 0 and detail["type"] == "missing":
            _set(result, path, fill.get(str(path[-1])))
            continue
        followed = _followed(rest, path)
        key = str(followed[-1]) if followed else ""
        if attempt == 0 and key in fill:
            _set(result, followed, fill[key])
        else:
            _remove(result, followed[: max(1, len(followed) - attempt)])
    return result if isinstance(result, Map) else Map(rest.mark)


def _copied(value: Any) -> Any:
    if isinstance(value, Map):
        mapping = value.copy()
        for key, item in value.items():
            mapping[key] = _copied(item)
        return mapping
    if isinstance(value, Seq):
        sequence = Seq(value.mark)
        for item, mark in value.entries():
            sequence.add(_copied(item), mark)
        return sequence
    return value


def _parent(value: Any, path: Path) -> Any:
    for step in path[:-1]:
        if not has_step(value, step):
            return None
        value = value[step]
    return value


def _set(value: Any, path: Path, new: Any) -> None:
    parent = _parent(value, path)
    if isinstance(parent, Map) and new is not None:
        parent[str(path[-1])] = new


def _remove(value: Any, path: Path) -> None:
    if not path:
        return
    parent = _parent(value, path)
    if isinstance(parent, Map):
        parent.drop(str(path[-1]))
    elif isinstance(parent, Seq) and isinstance(path[-1], int) and path[-1] < len(parent):
        parent[path[-1]] = None


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The keys the model allows at a path, by its JSON Schema."""
    schema = _schema(model)
    node = _resolved(schema, schema)
    for step in path:
        properties = node.get("properties", {})
        if isinstance(step, int):
            found = node.get("items", {})
        else:
            named: dict[str, Any] = next(iter(node.get("patternProperties", {}).values()), {})
            found = properties.get(step) or node.get("additionalProperties") or named
        node = _resolved(schema, found if isinstance(found, dict) else {})
    return list(node.get("properties", {}))


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while True:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in node and "properties" not in node:
            refs = [option for option in node["anyOf"] if "$ref" in option]
            if not refs:
                return node
            node = refs[0]
        elif "allOf" in node:
            node = node["allOf"][0]
        else:
            return node


def place(mapping: Map, *path: str | int) -> Mark:
    """The place nearest to a path in a mapping."""
    return find(mapping, path) or mapping.mark
