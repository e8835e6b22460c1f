"""The shared lab stands: one node per server, and what is printed about it fits its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema

from quorate.entry.schemas import schema

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office


def test_every_server_is_on_with_an_engine_that_answers(office: Office) -> None:
    seen = office.json("lab", "status", str(office.fleet))
    jsonschema.validate(seen, schema("lab-status"))
    assert seen["complete"]
    assert {node["server"] for node in seen["nodes"]} == {"gmktec", "hppavilion", "wsasus", "hpr"}
    assert all(node["power"] == "on" and node["engine"] for node in seen["nodes"])
