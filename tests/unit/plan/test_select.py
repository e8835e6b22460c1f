"""Some services of a plan."""

from __future__ import annotations

import pytest

from quorate.errors import UsageError
from quorate.plan.select import select
from quorate.plan.solve import make_plan
from tests.unit.plan.builders import fleet, server, service

PLAN = make_plan(fleet([server("a")], [service("web"), service("worker")]))


@pytest.mark.parametrize("name", ["web", "app/web", "app_web"])
def test_by_any_name(name: str) -> None:
    assert list(select(PLAN, [name]).services) == ["web"]


def test_a_name_nobody_has() -> None:
    with pytest.raises(UsageError) as caught:
        select(PLAN, ["wokrer"])
    assert caught.value.todo == "did you mean worker?"
