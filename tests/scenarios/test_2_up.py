"""From nothing to everything at home; then there is nothing more to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office


def test_up_brings_every_service_home(shop: Office) -> None:
    said = steps.up(shop)
    seen = steps.then_all_at_home(shop)
    assert {node.hostname: node.role for node in seen.nodes} == {
        "one": "manager",
        "two": "manager",
        "three": "manager",
        "four": "worker",
    }
    assert all(node.ready for node in seen.nodes)
    assert "healthy" in said
    steps.then_no_lock_is_left(shop)


def test_a_second_up_changes_nothing(shop: Office) -> None:
    before = steps.given_deployed(shop)
    assert "nothing to do" in steps.up(shop)
    after = live.snapshot(shop)
    assert live.task_ids(after) == live.task_ids(before)
    versions = [{s.name: s.version for s in seen.services} for seen in (before, after)]
    assert versions[0] == versions[1]


def test_a_plan_file_holds_until_somebody_else_deploys(shop: Office, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    made = tmp_path / "plan.json"
    shop.quorate("plan", str(shop.fleet), "--lab", "-o", str(made))
    assert "nothing to do" in steps.up(shop, "--plan", str(made))
    older = json.loads(made.read_text())
    service = next(iter(older["snapshot"]))
    older["snapshot"][service] = "elsewhere"
    made.write_text(json.dumps(older))
    assert "other homes" in steps.up(shop, "--plan", str(made), code=5)


def test_no_secret_is_said_or_stored_in_the_open(shop: Office) -> None:
    seen = steps.given_deployed(shop)
    password = shop.fleet.with_name("password.txt").read_text().strip()
    assert password not in steps.up(shop, "--json")
    assert password not in repr(seen)
