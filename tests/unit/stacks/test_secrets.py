"""Binding versioned names into a document."""

from __future__ import annotations

from quorate.stacks.render import render
from quorate.stacks.secrets import bind
from tests.unit.stacks.cases import rich


def test_bind_fills_in_names_and_leaves_the_rest() -> None:
    shop = render(*rich()).stacks[0]
    bound = bind(
        shop.document,
        {"shop_session_key": "shop_session_key-1a2b"},
        {"shop_page": "shop_page-3c4d"},
    )
    assert bound["secrets"]["session_key"] == {"external": True, "name": "shop_session_key-1a2b"}
    assert bound["secrets"]["smtp_password"]["name"] == "smtp_password"
    assert bound["configs"]["page"]["name"] == "shop_page-3c4d"
    assert bound["services"] == shop.document["services"]
    assert shop.document["secrets"]["session_key"]["name"] == "shop_session_key"


def test_one_mapping_serves_both_sections() -> None:
    document = {
        "secrets": {"a": {"external": True, "name": "a"}},
        "configs": {"b": {"external": True, "name": "b"}},
    }
    bound = bind(document, {"a": "a-1", "b": "b-1"})
    assert [bound["secrets"]["a"]["name"], bound["configs"]["b"]["name"]] == ["a-1", "b-1"]
