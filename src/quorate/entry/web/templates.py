"""What pages have in common: their templates, and the cells of their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

WHOLE = 1000
"""Width of a picture in its own units."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One cell of a picture. `kind`: its class in the style sheet; `title`: all, in words."""

    kind: str
    text: str
    title: str = ""


def template(name: str) -> Template:
    """A template beside this module; every value is escaped, an unknown name is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
