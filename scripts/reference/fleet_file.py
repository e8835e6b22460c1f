"""docs/reference/fleet-file.md and x-quorate.md: every key, from the models people's files meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from quorate.fleet.file import FleetFile, XFile, XService
from scripts.reference.tables import cell

UNITS = """\
Sizes are written as in compose files (`512M`, `4g`, `31GiB`; a bare number is bytes,
every unit is 1024-based), times likewise (`1m30s`; a bare number is seconds), shares
as `10%` or `0.1`, network traffic in bytes per second. Unknown keys are errors.
"""

WORDS = {"string": "text", "object": "a mapping", "array": "a list", "integer": "a whole number"}


def fleet_page() -> str:
    """docs/reference/fleet-file.md."""
    return "\n".join(
        [
            "# The fleet file",
            "",
            UNITS,
            "[JSON Schema](schemas/fleet-file.json)",
            *section("fleet.yaml", FleetFile),
            "",
        ]
    )


def service_page() -> str:
    """docs/reference/x-quorate.md."""
    return "\n".join(
        [
            "# `x-quorate` in compose files",
            "",
            "What Quorate needs beyond compose. The same file still runs with `docker compose`",
            "and `docker stack deploy`, which skip keys that begin with `x-`.",
            "",
            UNITS,
            "[JSON Schema](schemas/x-quorate.json)",
            *section("services.NAME.x-quorate", XService),
            *section("x-quorate (top level)", XFile, deeper=False),
            "",
        ]
    )


def section(path: str, model: type[BaseModel], *, deeper: bool = True) -> Iterator[str]:
    """A heading and a table for a model, then those of the models in it."""
    yield from ("", f"## `{path}`", "", " ".join((model.__doc__ or "").split()), "")
    yield from ("| Key | Takes | Default | |", "| --- | --- | --- | --- |")
    inner: list[tuple[str, type[BaseModel]]] = []
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        found = models_in(field.annotation)
        inner += [(f"{key}{suffix(properties[key])}", item) for item in found]
        takes = "a mapping, see below" if found and deeper else kind(properties[key], model)
        yield f"| `{key}` | {takes} | {default(field)} | {cell(field.description or '')} |"
    if deeper:
        for key, item in inner:
            yield from section(f"{path}.{key}".removeprefix("fleet.yaml."), item)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models a field holds, directly, in a list, in a mapping or optionally."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in models_in(part)]


def suffix(schema: dict[str, Any]) -> str:
    """`.NAME` for a mapping of names, `[]` for a list."""
    if schema.keys() & {"additionalProperties", "patternProperties"}:
        return ".NAME"
    return "[]" if schema.get("type") == "array" else ""


def kind(schema: dict[str, Any], model: type[BaseModel]) -> str:
    """What a key takes, in a few words, from its JSON Schema."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return kind(model.model_json_schema()["$defs"][name], model)
    if "enum" in schema:
        return " or ".join(f"`{item}`" for item in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        parts = [kind(part, model) for part in schema["anyOf"] if part.get("type") != "null"]
        examples: list[str] = schema.get("examples", [])
        said = " or ".join(dict.fromkeys(parts))
        return said + (f" (`{examples[0]}`)" if examples else "")
    return words(schema.get("type", "anything"))


def words(types: str | list[str]) -> str:
    """JSON Schema's types in words; a key that takes any scalar takes text."""
    if isinstance(types, list):
        return "text" if "boolean" in types else " or ".join(words(item) for item in types)
    return WORDS.get(types, types)


def default(field: FieldInfo) -> str:
    """What holds when the key is absent."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value)}`" if isinstance(value, bool) else f"`{value}`"
