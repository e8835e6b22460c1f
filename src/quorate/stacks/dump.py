"""Stack files as text that YAML 1.1 and 1.2 parsers read alike.

Docker's parser follows YAML 1.1, where a bare `yes` is true, `22:22` may be a
number in base 60 and `0644` is octal. Only text that is a word in every
version stays bare; everything else is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.representer import SafeRepresenter

_WORD = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NEVER_FOLD = 2**30


class _Representer(SafeRepresenter):
    """Quotes every text that is not a plain word, and keeps the order of keys."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never an anchor: what stands in two places is written twice."""
        return True


def _text(representer: SafeRepresenter, text: str) -> ScalarNode:
    bare = _WORD.fullmatch(text) and text.lower() not in _NOT_TEXT
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=None if bare else '"')


def _mapping(representer: SafeRepresenter, value: dict[str, Any]) -> MappingNode:
    # Pairs keep their order; a mapping would be sorted.
    return representer.represent_mapping("tag:yaml.org,2002:map", list(value.items()))


_Representer.add_representer(str, _text)
_Representer.add_representer(dict, _mapping)


def dump(document: Mapping[str, Any]) -> str:
    """The document as YAML, its keys in their own order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = _NEVER_FOLD
    out = StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def load_as_docker(text: str) -> Any:
    """The document as a YAML 1.1 parser reads it."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    return yaml.load(text)
