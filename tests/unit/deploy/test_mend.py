"""What each mend asks of the engines; the engines are recorded calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from requests import HTTPError, Response

from quorate.deploy import mend as module
from quorate.deploy.mend import Scene, mend
from quorate.errors import EngineError, UsageError
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections, Manager
from quorate.observe.deep_model import Action, Kind
from tests.fakes.fleets import make_fleet, make_server
from tests.unit.observe.deep_made import SNAPSHOT, node, seen


class Api:
    """An engine: what it was asked, and what it refuses."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusal: int | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, *arguments, named))
            if self.refusal is not None:
                response = Response()
                response.status_code = self.refusal
                raise HTTPError("no", response=response)
            return {"SpaceReclaimed": 3 * 1024**2}

        return call


class Client:
    def __init__(self) -> None:
        self.api = Api()


class Engines:
    """Stands for the connections: one engine for all servers."""

    def __init__(self) -> None:
        self.one = Client()

    def client(self, server: str) -> Client:
        return self.one


def scene(engines: Engines, said: list[str] | None = None) -> Scene:
    server = make_server("a")
    return Scene(
        fleet=make_fleet({"shop": {"services": {"web": {}}}}, servers=[server]),
        connections=cast(Connections, engines),
        manager=Manager(server=server, client=cast(Any, engines.one)),
        say=(said if said is not None else []).append,
    )


REMOVE = Action(kind=Kind.REMOVE, target="c1", server="a")


def test_a_container_is_stopped_in_good_order_and_its_volumes_stay() -> None:
    engines = Engines()
    mend(REMOVE, scene(engines))
    assert engines.one.api.calls == [
        ("stop", "c1", {"timeout": module.STOP_SECONDS}),
        ("remove_container", "c1", {"v": False, "force": True}),
    ]


def test_one_that_is_gone_is_mended() -> None:
    engines = Engines()
    engines.one.api.refusal = 404
    mend(REMOVE, scene(engines))


def test_one_that_does_not_go_is_told() -> None:
    engines = Engines()
    engines.one.api.refusal = 500
    with pytest.raises(EngineError, match="c1 on a stays"):
        mend(REMOVE, scene(engines))


def test_layers_without_a_name_are_removed_and_how_much_that_was() -> None:
    engines, said = Engines(), list[str]()
    mend(Action(kind=Kind.PRUNE, server="a"), scene(engines, said))
    assert [call[0] for call in engines.one.api.calls] == ["prune_images", "prune_builds"]
    assert engines.one.api.calls[0][1] == {"dangling": True}
    assert said == ["a: 6 MiB are free again"]


def test_a_service_is_restarted_by_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(module, "restart_service", lambda to, name: asked.append((to.name, name)))
    mend(Action(kind=Kind.RESTART, target="shop_web"), scene(Engines()))
    assert asked == [("a", "shop_web")]


@pytest.mark.parametrize("ends", [True, False])
def test_a_dead_node_is_drained_and_always_set_back(
    monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    dead = (*SNAPSHOT.nodes[:2], node("c", state="down", availability="pause"))
    looks = iter([seen(nodes=dead).snapshot] * 2)
    after = SNAPSHOT if ends else seen(nodes=dead).snapshot
    set_to: list[str] = []

    def observe(client: object) -> Snapshot:
        return next(looks, after)

    def update(client: object, identity: str, change: Callable[[dict[str, Any]], Any]) -> None:
        assert identity == "id-c"
        set_to.append(change({"Availability": "?"})["Availability"])

    monkeypatch.setattr(module, "observe", observe)
    monkeypatch.setattr(module, "update_node", update)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(module, "REPLACE_SECONDS", 0.05)
    mend(Action(kind=Kind.REPLACE, target="id-c", server="c"), scene(Engines()))
    assert set_to == ["drain", "pause"]


@pytest.mark.parametrize("state", ["ready", "down"])
def test_a_node_that_is_back_or_that_nothing_is_counted_on_is_not_drained(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Drained, it would end all that runs there."""
    back = (*SNAPSHOT.nodes[:2], node("c", state=state))
    snapshot = seen(nodes=back, **({"tasks": ()} if state == "down" else {})).snapshot
    monkeypatch.setattr(module, "observe", lambda client: snapshot)
    monkeypatch.setattr(module, "update_node", lambda *_: pytest.fail("it is drained"))
    said: list[str] = []
    mend(Action(kind=Kind.REPLACE, target="id-c", server="c"), scene(Engines(), said))
    assert said == ["c is not drained: Swarm counts no task of a dead node there any more"]


def test_up_is_no_single_mend() -> None:
    with pytest.raises(UsageError):
        mend(Action(kind=Kind.UP), scene(Engines()))
