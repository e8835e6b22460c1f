"""What is written must be read back alike, by YAML 1.1 and by YAML 1.2."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from quorate.stacks.dump import dump, load_as_docker

TREACHEROUS = [
    "yes", "No", "on", "OFF", "y", "N", "true", "~", "null", "Null", "", " ", "0644", "0o644",
    "22:22", "1:30:00", "1_000", "1e3", ".5", "+1", "-1", "0x1F", ".inf", ".NaN", "2026-11-23",
    "=", "<<", "&a", "*a", "!a", "%a", "@a", "`a", "- a", "? a", ": a", "a: b", "a #b", "{a}",
    "[a]",
    "a\nb\n", "\ttab", "trailing ", "é", "\u2028", "\x07", "\ufeff", "😀", "'", '"', "\\",
]  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DOCUMENTS = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def load_as_newer(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("text", TREACHEROUS)
def test_text_stays_text(text: str) -> None:
    document = {text: text, "list": [text]}
    assert load_as_docker(dump(document)) == document
    assert load_as_newer(dump(document)) == document


@given(DOCUMENTS)
def test_any_document_round_trips(document: dict[str, Any]) -> None:
    assert load_as_docker(dump(document)) == document
    assert load_as_newer(dump(document)) == document


def test_order_is_kept_and_nothing_is_an_alias() -> None:
    shared = ["a"]
    text = dump({"z": shared, "a": shared})
    assert text == "z:\n- a\na:\n- a\n"
