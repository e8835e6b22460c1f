"""Engines that take tasks and start none: when it is a fault, and when it only looks like one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from quorate.observe.deep import decide
from quorate.observe.deep_model import Check, Facts, Finding
from tests.unit.observe.deep_made import NOW, TASKS, fleet, node, seen, task

LONG = NOW - timedelta(minutes=7)


def found_in(facts: Facts) -> tuple[Finding, ...]:
    return tuple(each for each in decide(fleet(), facts) if each.check is Check.ENGINE)


def taken(**changes: Any) -> Any:
    values = {"state": "accepted", "timestamp": LONG}
    return task("d2", "s-db", "c", "", **{**values, **changes})


@pytest.mark.parametrize("state", ["assigned", "accepted"])
def test_a_task_that_is_taken_and_never_begun(state: str) -> None:
    (found,) = found_in(seen(tasks=(*TASKS[:2], taken(state=state))))
    assert (found.where, found.subject) == ("c", "id-c")
    assert "has had tasks of shop_db for 420 s" in found.what
    assert "systemctl restart docker" in found.mend


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": NOW - timedelta(seconds=20)},
        {"timestamp": None},
        {"state": "preparing"},
        {"state": "running"},
        {"desired_state": "shutdown"},
    ],
)
def test_what_is_on_its_way_or_not_wanted_is_none(changes: dict[str, Any]) -> None:
    assert found_in(seen(tasks=(*TASKS[:2], taken(**changes)))) == ()


def test_a_server_that_is_down_is_another_fault() -> None:
    nodes = (node("a"), node("b"), node("c", state="down"))
    assert found_in(seen(nodes=nodes, tasks=(*TASKS[:2], taken()))) == ()
