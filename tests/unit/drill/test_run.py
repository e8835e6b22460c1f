"""Where services are when a drill begins, as the plan it is predicted from."""

from __future__ import annotations

from quorate.drill.run import placed
from quorate.plan.solve import make_plan
from tests.unit.drill.shop import seen, shop


def test_services_are_where_they_run_and_not_at_home() -> None:
    plan = make_plan(shop())
    found = placed(plan, shop(), seen({"web": "wb", "api": "c", "db": "b"}))
    homes = {name: placement.homes for name, placement in found.services.items()}
    assert homes == {"web": ("b", "w"), "api": ("c",), "db": ("b",)}
    assert found.services["web"].home == "b"
    assert found.services["web"].pool == plan.services["web"].pool


def test_what_runs_nowhere_stays_where_it_was_planned() -> None:
    plan = make_plan(shop())
    found = placed(plan, shop(), seen({"web": "wb", "db": "b"}))
    assert found.services["api"].homes == plan.services["api"].homes
