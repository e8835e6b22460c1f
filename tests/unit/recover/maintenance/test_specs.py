"""Specs of services that are moved or stopped: changed, and given back as they were."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.errors import MachineError
from quorate.recover.maintenance import specs
from tests.unit.recover.maintenance.small_swarm import spec

MINE = "node.labels.quorate.pool.1==yes"


@pytest.mark.parametrize("constraints", [(), (MINE,), ("node.hostname!=a",)])
@pytest.mark.parametrize("update", [None, {"Parallelism": 0, "Order": "stop-first"}])
def test_what_is_steered_is_given_back(constraints: tuple[str, ...], update: Any) -> None:
    before = spec("app_web", 2, constraints=constraints)
    before.pop("UpdateConfig")
    if update is not None:
        before["UpdateConfig"] = update
    once = specs.steered(before, ["node.hostname!=a"], start_first=True)
    assert once["UpdateConfig"]["Parallelism"] == 1
    assert once["UpdateConfig"]["Order"] == "start-first"
    again = specs.steered(specs.crowded(once, 1), ["node.hostname==b"], start_first=False)
    assert "node.hostname==b" in again["TaskTemplate"]["Placement"]["Constraints"]
    for one in (once, again, specs.crowded(again, 1)):
        assert specs.released(one) == before


@pytest.mark.parametrize("text", ["", "{", '"x"', "{}", "null", '{"constraints": 1}'])
def test_a_record_that_nobody_can_read_is_an_error_that_says_what_to_do(text: str) -> None:
    before = spec("app_web", 2)
    odd = {**before, "Labels": {**before["Labels"], specs.STEERED: text}}
    changes = (
        specs.record_of,
        specs.released,
        lambda one: specs.crowded(one, 1),
        lambda one: specs.steered(one, ["node.hostname!=a"], start_first=True),
    )
    for change in changes:
        with pytest.raises(MachineError, match=r"app_web: its label quorate\.steered") as caught:
            change(odd)
        assert f"--label-rm {specs.STEERED}" in (caught.value.todo or "")


def test_what_is_stopped_starts_with_as_many_as_before() -> None:
    before = spec("data_db", 2)
    down = specs.stopped(before, "two")
    assert specs.stopped_for(down) == "two" and specs.stopped(down, "two") == down
    assert down["Mode"]["Replicated"]["Replicas"] == 0
    assert specs.started(down) == before and specs.started(before) == before


def test_what_somebody_scaled_meanwhile_stays_so() -> None:
    down = specs.stopped(spec("data_db", 1), "two")
    assert specs.started(specs.scaled(down, 3)) == spec("data_db", 3)
