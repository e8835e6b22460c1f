"""Services held for a restore: the note in their labels, and what they are given back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.policy.quiesce import replicas_of
from quorate.recover.server.holding import How, away_from, held, released


def spec(replicas: int | None, *constraints: str) -> dict[str, Any]:
    mode = {"Global": {}} if replicas is None else {"Replicated": {"Replicas": replicas}}
    placement = {"Placement": {"Constraints": list(constraints)}} if constraints else {}
    return {"Name": "x", "Labels": {"a": "b"}, "Mode": mode, "TaskTemplate": placement}


@given(
    replicas=st.one_of(st.none(), st.integers(1, 5)),
    how=st.sampled_from(list(How)),
    pinned=st.booleans(),
    times=st.integers(1, 3),
)
def test_letting_go_gives_back_what_holding_took(
    replicas: int | None, how: How, pinned: bool, times: int
) -> None:
    before = spec(replicas, *(["node.labels.x==y"] if pinned else []))
    now = before
    for _ in range(times):
        now = held(now, "op", how, "two")
    assert now["Labels"]["quorate.recover.operation"] == "op"
    found = released(now, "two")
    assert found is not None
    assert found["Labels"] == before["Labels"] and replicas_of(found) == replicas
    placement = found["TaskTemplate"].get("Placement", {})
    assert placement.get("Constraints", []) == (["node.labels.x==y"] if pinned else [])
    assert released(found, "two") is None


def test_a_service_with_replicas_stands_still_a_global_one_keeps_away() -> None:
    assert replicas_of(held(spec(2), "op", How.STOP, "two")) == 0
    for one in (held(spec(None), "op", How.STOP, "two"), held(spec(3), "op", How.AWAY, "two")):
        assert one["TaskTemplate"]["Placement"]["Constraints"] == [away_from("two")]
    assert replicas_of(held(spec(3), "op", How.AWAY, "two")) == 3


def test_it_starts_at_its_home_whatever_its_pool_was() -> None:
    theirs = "node.labels.room == big room"
    now = held(spec(1, "node.hostname == one", theirs), "op", How.STOP, "two")
    found = released(now, "two", "two")
    assert found is not None
    constraints = found["TaskTemplate"]["Placement"]["Constraints"]
    assert constraints == ["node.hostname==two", theirs]


def test_whoever_scaled_it_meanwhile_has_decided() -> None:
    now = held(spec(2), "op", How.STOP, "two")
    now["Mode"] = {"Replicated": {"Replicas": 5}}
    found = released(now, "two")
    assert found is not None and replicas_of(found) == 5
