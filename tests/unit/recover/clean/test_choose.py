"""What may go and what stays: a table, and that nothing needed is ever listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.image_names import full
from quorate.recover.clean.choose import choose, to_ask, volume_needed
from quorate.recover.clean.model import SeenContainer, SeenImage, SeenNetwork, Stock
from quorate.recover.clean.needs import Needs

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=3)
D = "sha256:" + "d" * 64
IMAGE = SeenImage(id="i1", tags=("tool:1",), digests=(f"tool@{D}",), size=900, shared=200)
STOPPED = SeenContainer(
    id="c1", name="once", image="tool:1", image_id="i1", state="exited", created=OLD, written=0
)
NETWORK = SeenNetwork(id="n1", name="old_net", created=OLD, subnet="172.30.0.0/16")
HAD = {f"tool@{D}": ""}
NEEDS = Needs(
    references={full("postgres:16"): "the service db"},
    digests={"sha256:" + "e" * 64: "shop/api, deployment 3"},
    volumes={"shop_rows": "the service db"},
    networks={"backend": "the stack shop"},
    tasks=frozenset({"t1"}),
    services=frozenset({("shop", "web")}),
    stacks=frozenset({"shop"}),
    mentions={"adopt two (x)": '[{"container": "kept-one", "volume": "moved"}]'},
    own=full("quorate:1").rpartition(":")[0],
)
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}


def stock(*things: Any, **more: Any) -> Stock:
    return Stock(
        server="one",
        images=tuple(x for x in things if isinstance(x, SeenImage)),
        containers=tuple(x for x in things if isinstance(x, SeenContainer)),
        networks=tuple(x for x in things if isinstance(x, SeenNetwork)),
        **more,
    )


def test_what_nothing_needs_goes_with_what_it_frees() -> None:
    there = stock(IMAGE, STOPPED, NETWORK)
    assert to_ask(there, NEEDS) == {f"tool@{D}"}
    plan = choose(there, NEEDS, HAD, now=NOW)
    assert [(one.kind, one.name, one.frees) for one in plan.items] == [
        ("container", "once", 0),
        ("image", "tool:1", 700),
        ("network", "old_net", 0),
    ]
    assert (plan.kept, plan.frees) == ((), 700)
    assert plan.items[1].references == ("tool:1", f"tool@{D}")


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (replace(IMAGE, tags=("postgres:16",)), "the service db needs it"),
        (replace(IMAGE, tags=("docker.io/library/postgres:16",)), "the service db needs it"),
        (replace(IMAGE, tags=(), digests=("x@sha256:" + "e" * 64,)), "shop/api, deployment 3"),
        (replace(IMAGE, id="sha256:" + "e" * 64), "shop/api, deployment 3"),
        (replace(IMAGE, tags=("quorate:0",)), "Quorate's own"),
        (replace(IMAGE, digests=()), "it came from no registry"),
        (replace(IMAGE, tags=("tool:1", "mine:1")), "mine:1 was given here"),
        (replace(IMAGE, digests=(f"gone@{D}",), tags=("gone:1",)), "was not asked"),
    ],
)
def test_images_that_stay(image: SeenImage, why: str) -> None:
    plan = choose(stock(image), NEEDS, HAD, now=NOW)
    assert plan.items == ()
    assert why in plan.kept[0].why


def test_an_image_whose_registry_refuses_stays() -> None:
    plan = choose(stock(IMAGE), NEEDS, {f"tool@{D}": "no such tag"}, now=NOW)
    assert (plan.items, plan.kept[0].why) == ((), "no such tag")


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (replace(STOPPED, labels=COMPOSE), "of the service shop/web"),
        (replace(STOPPED, labels={**COMPOSE, "com.docker.compose.service": "x"}), "stack shop"),
        (replace(STOPPED, id="t1"), "Swarm keeps it"),
        (replace(STOPPED, name="kept-one"), "adopt two (x) may still be undone"),
        (replace(STOPPED, created=NOW - timedelta(minutes=5)), "less than an hour"),
        (replace(STOPPED, created=None), "less than an hour"),
        (replace(STOPPED, written=1), "--container SERVER:once"),
        (replace(STOPPED, written=None), "what it has written"),
        (replace(STOPPED, image="mariadb:11"), "looks like a database"),
        (replace(STOPPED, nameless=frozenset({"f" * 64})), "without a name"),
    ],
)
def test_stopped_containers_that_stay_keep_their_images(container: SeenContainer, why: str) -> None:
    plan = choose(stock(IMAGE, container), NEEDS, HAD, now=NOW)
    assert plan.items == ()
    assert why in plan.kept[0].why


def test_a_container_with_data_goes_when_it_is_named_and_one_of_the_fleet_does_not() -> None:
    there = stock(replace(STOPPED, written=5), replace(STOPPED, id="c2", name="w", labels=COMPOSE))
    plan = choose(there, NEEDS, HAD, now=NOW, named={"once", "w"})
    assert [(one.name, one.frees) for one in plan.items] == [("once", 5)]
    assert [one.name for one in plan.kept] == ["w"]


@pytest.mark.parametrize("state", ["running", "paused", "restarting", "unknown"])
def test_what_is_not_stopped_is_not_even_spoken_of(state: str) -> None:
    plan = choose(stock(IMAGE, replace(STOPPED, state=state)), NEEDS, HAD, now=NOW)
    assert (plan.items, plan.kept) == ((), ())


@pytest.mark.parametrize(
    ("network", "listed"),
    [
        (replace(NETWORK, name="backend"), True),
        (replace(NETWORK, labels={"com.docker.compose.project": "shop"}), True),
        (replace(NETWORK, created=NOW), True),
        (replace(NETWORK, config_only=True), True),
        (replace(NETWORK, name="bridge"), False),
        (replace(NETWORK, scope="swarm", driver="overlay"), False),
    ],
)
def test_networks_that_stay(network: SeenNetwork, listed: bool) -> None:
    plan = choose(stock(network), NEEDS, HAD, now=NOW)
    assert (plan.items, len(plan.kept)) == ((), int(listed))


def test_a_network_stays_while_any_container_is_in_it_stopped_ones_too() -> None:
    member = replace(STOPPED, written=1, networks=frozenset({"old_net"}))
    assert [i.kind for i in choose(stock(member, NETWORK), NEEDS, HAD, now=NOW).items] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("shop_rows", "the service db"),
        ("moved", "adopt two (x)"),
        ("mounted", "once"),
        ("free", ""),
    ],
)
def test_volumes_that_are_used_or_needed_are_refused(name: str, why: str) -> None:
    there = stock(replace(STOPPED, volumes=frozenset({"mounted"})))
    assert why in volume_needed(there, name, NEEDS)
    assert bool(volume_needed(there, name, NEEDS)) == bool(why)


NAMES = ("postgres:16", "tool:1", "x:2", "quorate:3")
DIGESTS = tuple("sha256:" + letter * 64 for letter in "def")
images = st.builds(
    SeenImage,
    id=st.sampled_from(("i1", "i2", "i3")),
    tags=st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
    digests=st.lists(
        st.sampled_from([f"{n.partition(':')[0]}@{d}" for n in NAMES for d in DIGESTS]),
        max_size=2,
        unique=True,
    ).map(tuple),
)
containers = st.builds(
    SeenContainer,
    id=st.sampled_from(("c1", "c2", "t1", "kept-one")),
    name=st.sampled_from(("a", "b", "kept-one")),
    image=st.sampled_from(NAMES),
    image_id=st.sampled_from(("i1", "i2", "i3")),
    state=st.sampled_from(("running", "exited", "created", "paused", "dead")),
    created=st.sampled_from((None, OLD, NOW)),
    written=st.sampled_from((None, 0, 3)),
    labels=st.sampled_from(({}, COMPOSE)),
    nameless=st.sampled_from((frozenset(), frozenset({"v"}))),
    networks=st.sampled_from((frozenset(), frozenset({"n1"}), frozenset({"free"}))),
)
networks = st.builds(
    SeenNetwork,
    id=st.sampled_from(("n1", "n2")),
    name=st.sampled_from(("free", "backend", "bridge")),
    scope=st.sampled_from(("local", "swarm")),
    created=st.sampled_from((None, OLD, NOW)),
)


@given(
    st.lists(images, max_size=4),
    st.lists(containers, max_size=4, unique_by=lambda c: c.id),
    st.lists(networks, max_size=3),
    st.dictionaries(
        st.sampled_from([f"tool@{d}" for d in DIGESTS]), st.sampled_from(("", "refused"))
    ),
)
def test_nothing_in_use_or_needed_is_ever_listed(
    some_images: list[SeenImage],
    some_containers: list[SeenContainer],
    some_networks: list[SeenNetwork],
    had: dict[str, str],
) -> None:
    there = stock(*some_images, *some_containers, *some_networks)
    plan = choose(there, NEEDS, had, now=NOW)
    going = {item.id for item in plan.items if item.kind == "container"}
    for container in some_containers:
        stays = container.id not in going
        if container.id in going:
            assert container.state in ("exited", "created", "dead")
            assert container.written == 0 and not container.labels and not container.nameless
            assert container.id not in ("t1", "kept-one")
        for item in plan.items:
            if stays and item.kind == "image":
                assert container.image_id != item.id
                assert container.image not in item.references
            if stays and item.kind == "network":
                assert not container.networks & {item.id, item.name}
    for item in plan.items:
        if item.kind == "image":
            assert not {"postgres:16", "quorate:3"} & set(item.references)
            digests = [one for one in item.references if "@" in one]
            assert digests and all(had[one] == "" for one in digests)
            assert not any(one.endswith("e" * 64) for one in digests)
        assert item.kind != "volume"
        assert item.name not in ("backend", "bridge")
    assert not {(k.kind, k.name) for k in plan.kept if k.kind == "container"} & {
        (i.kind, i.id) for i in plan.items
    }
