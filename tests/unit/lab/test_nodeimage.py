"""Images are named by how they are made."""

from __future__ import annotations

import re

import pytest

from quorate.lab import layers, nodeimage


def test_the_name_is_a_hash_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = nodeimage.node_tag()
    assert re.fullmatch(r"quorate-lab/node:[0-9a-f]{12}", before)
    assert nodeimage.node_tag() == before
    monkeypatch.setattr(nodeimage, "NODE_SCRIPT", nodeimage.NODE_SCRIPT + "true\n")
    assert nodeimage.node_tag() != before


def test_parts_of_a_recipe_cannot_run_into_each_other() -> None:
    assert layers.content_tag("x", "ab", "c") != layers.content_tag("x", "a", "bc")
