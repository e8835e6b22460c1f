"""What entries of the fleet file are made of: sizes, times, text, secret sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from quorate.fleet import quantities


def _text(value: Any) -> Any:
    """YAML's numbers and booleans as the text they were written as."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _list(value: Any) -> Any:
    """A single word counts as a list of one."""
    return [value] if isinstance(value, str | int | float) else value


_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.IGNORECASE)


def http_url(value: Any) -> Any:
    """A URL as it is; ValueError where it is none, or holds a user."""
    if isinstance(value, str) and not _URL.fullmatch(value):
        if "@" in value:  # not shown: it may hold a password
            raise ValueError("write http://HOST:PORT, with no user and password in it")
        raise ValueError(f"`{value}` is not a URL; write http://HOST:PORT")
    return value


def _quantity(parse: Any, example: str) -> tuple[BeforeValidator, WithJsonSchema]:
    schema = {
        "anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}],
        "examples": [example],
    }
    return BeforeValidator(parse), WithJsonSchema(schema)


Size = Annotated[int, *_quantity(quantities.parse_size, "512M")]
Duration = Annotated[float, *_quantity(quantities.parse_duration, "1m30s")]
Share = Annotated[float, *_quantity(quantities.parse_share, "10%")]
Cpus = Annotated[float, *_quantity(quantities.parse_cpus, "0.5")]
Rate = Annotated[float, *_quantity(quantities.parse_rate, "10M")]
Text = Annotated[
    str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Words = Annotated[
    tuple[Text, ...],
    BeforeValidator(_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Strict(BaseModel):
    """Unknown keys are errors; frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SourceEntry(Strict):
    """Where a secret value comes from: exactly one of the three."""

    file: Path | None = Field(None, description="A file that holds the value.")
    environment: Text | None = Field(None, description="An environment variable that holds it.")
    command: Words | None = Field(None, description="A command that prints it.")

    @model_validator(mode="after")
    def _exactly_one(self) -> SourceEntry:
        if sum(item is not None for item in (self.file, self.environment, self.command)) != 1:
            raise ValueError("give exactly one of file, environment, command")
        return self
