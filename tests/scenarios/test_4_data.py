"""What was written stays: through `down`, and through the loss of the server it is on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office


def sql(shop: Office, statement: str) -> str:
    """Run a statement by psql inside the database's container."""
    inside = ("psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-Atqc", statement)
    fleet = ("--fleet", str(shop.fleet), "--lab")
    return shop.quorate("exec", *fleet, "db", "--", *inside, timeout=60).stdout.strip()


def test_a_row_outlives_down(shop: Office) -> None:
    steps.given_deployed(shop)
    note = uuid.uuid4().hex
    sql(shop, "create table if not exists notes (note text)")
    sql(shop, f"insert into notes values ('{note}')")

    shop.quorate("down", str(shop.fleet), "--lab", "--yes", timeout=240)
    assert live.snapshot(shop).services == ()
    assert "nothing to do" not in steps.up(shop)

    assert note in sql(shop, "select note from notes").split()
    steps.then_all_at_home(shop)
