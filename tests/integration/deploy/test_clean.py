"""Clean-up on a real engine and registry: what it lists, what goes, what an engine refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.fleet.image_names import full
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, in_parallel
from quorate.recover.clean import act, look
from quorate.recover.clean.choose import choose, to_ask, volume_needed
from quorate.recover.clean.model import Stock, VolumeWish
from quorate.recover.clean.needs import Needs
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.observe.connect import Connections
    from quorate.tools.docker import DockerClient

SERVER = Server(name="one", address="192.0.2.1", cpus=1, memory=1)
LATER = timedelta(hours=2)


class OneEngine:
    """A fake of `Connections` to one server: its engine is reached directly, not by ssh."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def client(self, server: str) -> DockerClient:
        assert server == SERVER.name
        return self._client

    def each(self, ask: Any, servers: Any = None) -> Answers[Any]:
        assert servers is None or list(servers) == [SERVER.name]
        return in_parallel(lambda server: ask(server, self._client), [SERVER])


@pytest.fixture
def connections(engine: DockerClient) -> Iterator[Connections]:
    """What tests leave behind goes at the end."""
    before = {one["Id"] for one in engine.api.images()}
    yield cast("Connections", OneEngine(engine))
    for one in engine.api.containers(all=True, filters={"label": "quorate-test-clean"}):
        engine.api.remove_container(one["Id"], v=True, force=True)
    for name in ("clean_old", "clean_joined"):
        for network in engine.api.networks(names=[name]):
            engine.api.remove_network(network["Id"])
    for one in engine.api.images():
        if one["Id"] not in before:
            engine.api.remove_image(one["Id"], force=True)


def seen(connections: Connections) -> Stock:
    return look.stocks(connections).results["one"]


def made(engine: DockerClient, name: str, image: str, **more: Any) -> str:
    labels = {"quorate-test-clean": ""}
    found = engine.api.create_container(image, ["/x"], name=name, labels=labels, **more)
    return str(found["Id"])


def there(engine: DockerClient) -> set[str]:
    return {tag for one in engine.api.images() for tag in one["RepoTags"] or ()}


def test_what_nothing_needs_goes_and_can_be_had_again(
    engine: DockerClient, registries: tuple[str, str], connections: Connections
) -> None:
    one, two = f"{registries[0]}/tiny/one:1", f"{registries[0]}/tiny/two:1"
    for image in (one, two):
        engine.api.pull(image)
    engine.api.tag(two, "mine/own", "1")
    engine.api.create_network("clean_old", driver="bridge")
    engine.api.create_network("clean_joined", driver="bridge")
    made(engine, "clean-once", one)
    config = engine.api.create_host_config(network_mode="clean_joined")
    made(engine, "clean-database", "mine/own:1", host_config=config)
    # An hour and more from now: nothing here is older than this test.
    now = datetime.now(UTC) + LATER
    needs = Needs(mentions={"adopt (x)": '["clean-database"]'}, references={full("nobody/x"): "x"})
    asked = to_ask(seen(connections), needs)
    assert [name.partition("@")[0] for name in asked] == [one.rpartition(":")[0]]
    had = look.fetchable(engine, asked, {})
    assert set(had.values()) == {""}
    plan = choose(seen(connections), needs, had, now=now)
    assert {(item.kind, item.name) for item in plan.items} == {
        ("container", "clean-once"),
        ("image", one),
        ("network", "clean_old"),
    }
    removed = act.remove(connections, [plan])
    assert [(item.name, item.why) for item in removed if item.why] == []
    assert len(removed) == 3
    assert one not in there(engine) and {two, "mine/own:1"} <= there(engine)
    again = choose(seen(connections), needs, had, now=now)
    assert again.items == ()
    engine.api.pull(one)
    assert one in there(engine)


def test_an_image_that_its_registry_has_lost_is_told(
    engine: DockerClient, registries: tuple[str, str]
) -> None:
    gone = f"{registries[0]}/tiny/one@sha256:{'0' * 64}"
    nobody = f"127.0.0.1:5999/x@sha256:{'0' * 64}"
    had = look.fetchable(engine, [gone, nobody], {})
    assert "no such image" in had[gone]
    assert "cannot be reached" in had[nobody]


def test_an_engine_keeps_what_is_in_use_after_all(
    engine: DockerClient, registries: tuple[str, str], connections: Connections
) -> None:
    image = f"{registries[0]}/tiny/one:1"
    engine.api.pull(image)
    now = datetime.now(UTC) + LATER
    stock = seen(connections)
    had = look.fetchable(engine, to_ask(stock, Needs()), {})
    plan = choose(stock, Needs(), had, now=now)
    assert image in [item.name for item in plan.items]
    # Somebody begins to use it between the look and the removal.
    config = engine.api.create_host_config(binds=["clean_rows:/data"])
    made(engine, "clean-late", image, host_config=config)
    removed = act.remove(connections, [plan])
    why = {one.name: one.why for one in removed}
    assert "is using its referenced image" in why[image]
    assert image in there(engine)
    stock = seen(connections)
    assert "clean-late" in volume_needed(stock, "clean_rows", Needs())
    wish = VolumeWish(server="one", name="clean_rows")
    assert "in use" in act.remove_volume(connections, wish).why
    engine.api.remove_container("clean-late")
    assert volume_needed(seen(connections), "clean_rows", Needs()) == ""
    assert act.remove_volume(connections, wish).why == ""
    assert "clean_rows" not in seen(connections).volumes


def test_sizes_are_what_the_engine_says(
    engine: DockerClient, registries: tuple[str, str], connections: Connections
) -> None:
    image = f"{registries[0]}/tiny/one:1"
    engine.api.pull(image)
    use = docker.disk_use(engine)
    assert {"Images", "Containers", "Volumes"} <= set(use)
    (found,) = [one for one in seen(connections).images if image in one.tags]
    assert found.size > 0 and found.digests
