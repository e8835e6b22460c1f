"""Pools as constraints, and steering by replacing them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.stacks import pools
from quorate.stacks.render import render, with_constraints
from tests.unit.stacks.cases import rich

SERVERS = ["alpha", "beta", "gamma", "delta"]
SOME = st.lists(st.sampled_from(SERVERS), min_size=1, max_size=6)


@given(SOME)
def test_a_constraint_allows_exactly_the_pool(chosen: list[str]) -> None:
    constraint = pools.constraint_for(chosen, SERVERS)
    if set(chosen) == set(SERVERS):
        assert constraint is None
    elif len(set(chosen)) == 1:
        assert constraint == f"node.hostname=={chosen[0]}"
    else:
        assert constraint == f"node.labels.{pools.pool_label(chosen)}==yes"


@given(SOME, SOME)
def test_labels_tell_pools_apart(one: list[str], other: list[str]) -> None:
    assert (pools.pool_label(one) == pools.pool_label(other)) == (set(one) == set(other))


@given(SOME, SOME, st.lists(st.sampled_from(["node.role==manager", "node.hostname!=beta"])))
def test_replacing_twice_is_replacing_once(
    first: list[str], second: list[str], own: list[str]
) -> None:
    one = pools.constraint_for(first, SERVERS)
    other = pools.constraint_for(second, SERVERS)
    placed = pools.replace_ours(own, one)
    assert pools.replace_ours(placed, other) == pools.replace_ours(own, other)
    assert pools.replace_ours(placed, None) == own


def test_quorates_own_is_known_however_it_is_spaced() -> None:
    assert pools.replace_ours(["node.hostname == a", "node.role == manager"], None) == [
        "node.role == manager"
    ]


def test_every_server_carries_the_labels_that_constraints_name() -> None:
    rendered = render(*rich())
    constraints = {*rendered.pool_constraints.values(), *rendered.home_constraints.values()}
    wanted = {c for c in constraints if c and c.startswith("node.labels.")}
    carried = {
        f"node.labels.{key}=={value}"
        for labels in rendered.labels.values()
        for key, value in labels.items()
    }
    assert wanted and wanted <= carried
    assert rendered.labels["alpha"] == {
        "disk": "nvme",
        "quorate.pool.bbfb79e8": "yes",
        "quorate.zone": "rack-1",
    }


def test_steering_replaces_only_quorates_constraint() -> None:
    shop = render(*rich()).stacks[0]
    home = with_constraints(shop, {"web": "node.hostname==alpha", "worker": "node.hostname==gamma"})
    services = home["services"]
    placed = services["web"]["deploy"]["placement"]
    assert placed["constraints"] == ["node.hostname==alpha", "node.role==manager"]
    assert placed["max_replicas_per_node"] == 2
    assert services["worker"]["deploy"]["placement"] == {"constraints": ["node.hostname==gamma"]}
    assert services["postgres"] == shop.document["services"]["postgres"]
    free = with_constraints(shop.model_copy(update={"document": home}), {"worker": None})
    assert free["services"]["worker"]["deploy"].get("placement", {}) == {}
    assert "placement" not in shop.document["services"]["worker"]["deploy"]  # the original stays
