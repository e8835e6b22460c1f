"""Networks of an import that would be taken for those of an engine alone."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.sections import Sections
from quorate.fleet.imports.text import Said

OWN = {"com.docker.compose.project": "shop", "com.docker.compose.network": "default"}


@pytest.mark.parametrize(
    ("raw", "key", "defined"),
    [
        (
            {"Name": "shop_default", "Scope": "local", "Labels": OWN},
            "default",
            "shop-default-services",
        ),
        ({"Name": "proxy", "Scope": "local"}, "proxy", "proxy-services"),
        ({"Name": "proxy", "Scope": "swarm"}, "proxy", None),
        ({"Name": "bridge", "Scope": "local"}, None, None),
    ],
)
def test_a_network_of_one_engine_lends_its_name_to_no_overlay(
    raw: dict[str, Any], key: str | None, defined: str | None
) -> None:
    sections = Sections(stack="shop", origin="shop", scrub=Scrubber())
    assert sections.network(raw) == key
    name = sections.networks.get(key or "", {}).get("name")
    assert (name.value if isinstance(name, Said) else name) == defined


def test_a_network_of_a_swarm_keeps_its_name() -> None:
    sections = Sections(stack="shop", origin="shop", scrub=Scrubber())
    assert sections.network({"Name": "shop_default", "Scope": "swarm", "Labels": OWN}) == "default"
    assert sections.networks == {}
