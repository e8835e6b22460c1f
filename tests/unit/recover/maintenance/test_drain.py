"""Draining a server: what is refused, in what order the rest goes, what never breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import InfeasibleError, QuorateError, RefusedError, UsageError
from quorate.fleet.model import Engine, Fleet, Role, Server, Service, Stack
from quorate.recover.maintenance.drain import Options, choose
from quorate.recover.maintenance.scene import Scene
from quorate.recover.model import Operation
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.recover.maintenance.small_swarm import node, running, scene

ALL = Options(stop_pinned=True, unproven=True)


def servers() -> list[Server]:
    roles = {"a": Role.MANAGER, "b": Role.MANAGER, "c": Role.MANAGER, "d": Role.WORKER}
    return [server(name, role=role) for name, role in roles.items()]


def nodes(**changes: dict[str, Any]) -> list[Any]:
    plain: dict[str, dict[str, Any]] = {
        "a": {"leader": True},
        "b": {},
        "c": {},
        "d": {"role": "worker"},
    }
    return [node(name, **{**given, **changes.get(name, {})}) for name, given in plain.items()]


def office(*more: Service) -> Fleet:
    return fleet(servers(), [service("web", replicas=2), service("job"), *more])


def usual(*more: Any, **changes: Any) -> Scene:
    """web twice and job once on d, and what else is given."""
    whole = changes.pop("fleet", office())
    unproven = changes.pop("unproven", {})
    there = [running("app_web", ["a", "d"]), running("app_job", ["d"]), *more]
    return scene(whole, nodes(**changes), there, unproven=unproven)


def ids(operation: Operation) -> list[str]:
    return [step.id for step in operation.steps]


def test_a_worker_is_paused_emptied_and_drained() -> None:
    operation = choose(usual(), "d", Options(at_once=1))
    assert ids(operation) == ["pause", "move-1", "move-2", "drain"]
    first, second = (operation.facts["work"][f"move-{n}"]["shifts"][0] for n in (1, 2))
    assert (first["service"], first["off"], first["back"]) == ("app_web", "d", ["a", "d"])
    assert second["service"] == "app_job" and second["start_first"]
    assert operation.warnings == () and operation.loses == ""
    assert operation.seconds is not None


def test_the_leader_hands_over_after_all_has_left_and_before_it_is_drained() -> None:
    operation = choose(usual(), "a", Options())
    assert ids(operation) == ["pause", "move-1", "demote", "drain"]
    assert "hands the lead" in operation.steps[2].says
    assert any("losing one of them ends the quorum" in said for said in operation.warnings)


def test_nothing_is_done_where_it_is_drained_already() -> None:
    seen = scene(office(), nodes(d={"availability": "drain"}), [running("app_web", ["a", "b"])])
    assert choose(seen, "d", Options()).steps == ()


def test_an_empty_server_needs_no_pause() -> None:
    assert ids(choose(scene(office(), nodes(), []), "d", Options())) == ["drain"]


@pytest.mark.parametrize("name", ["x", "b"])
def test_a_server_that_is_not_there(name: str) -> None:
    seen = scene(office(), [one for one in nodes() if one.hostname != "b"], [])
    with pytest.raises(UsageError, match=name):
        choose(seen, name, Options())


@pytest.mark.parametrize("lost", [{"state": "down"}, {"reachability": "unreachable"}])
def test_a_manager_stays_where_quorum_would_go(lost: dict[str, str]) -> None:
    with pytest.raises(RefusedError, match="no quorum"):
        choose(usual(b=lost), "a", Options())
    with pytest.raises(RefusedError, match="no quorum"):
        choose(usual(b=lost), "a", Options(keep_manager=True))
    assert "demote" not in ids(choose(usual(b=lost), "d", Options()))


def test_the_only_manager_is_drained_as_a_manager_or_not_at_all() -> None:
    alone = usual(b={"role": "worker"}, c={"role": "worker"})
    with pytest.raises(RefusedError, match="only manager"):
        choose(alone, "a", Options())
    operation = choose(alone, "a", Options(keep_manager=True))
    assert "demote" not in ids(operation)
    assert "nobody leads" in operation.warnings[0]


def test_data_that_lives_only_there_stops_when_it_is_agreed_to_and_is_proven() -> None:
    whole = office(service("db", pins=("d",), **data()))
    there = running("app_db", ["d"])
    with pytest.raises(RefusedError, match=r"app_db \(its data is there") as error:
        choose(usual(there, fleet=whole), "d", Options())
    assert "undrain d" in str(error.value.cause) and "--stop-pinned" in str(error.value.todo)
    bad = usual(there, fleet=whole, unproven={"app_db": "never"})
    with pytest.raises(RefusedError, match=r"no proven backup of app_db \(never\)"):
        choose(bad, "d", Options(stop_pinned=True))
    operation = choose(bad, "d", ALL)
    assert ids(operation) == ["pause", "move-1", "stop-app_db", "drain"]
    assert any("is down until" in said for said in operation.warnings)
    assert ids(choose(usual(there, fleet=whole), "d", Options(stop_pinned=True))) == ids(operation)


def test_a_replicated_database_hands_over_before_anything_stops_and_is_no_loss() -> None:
    whole = office(
        service("db", pins=("d",), switchover="promote the other", **data()),
        service("file", pins=("d",), **data("file")),
    )
    there = (running("app_db", ["d"]), running("app_file", ["d"]))
    with pytest.raises(RefusedError, match=r"app_file \(its data") as error:
        choose(usual(*there, fleet=whole), "d", Options())
    assert "app_db" not in error.value.what
    operation = choose(
        usual(*there, fleet=whole, unproven={"app_db": "never"}), "d", Options(stop_pinned=True)
    )
    wanted = ["switchover-app_db", "stop-app_file", "stop-app_db"]
    assert ids(operation) == ["pause", "move-1", *wanted, "drain"]
    work = operation.facts["work"]["switchover-app_db"]
    assert (work["command"], work["server"]) == ("promote the other", "d")
    assert "app_db hands over, and is down until `quorate undrain d`" in operation.warnings
    only = usual(running("app_db", ["d"]), fleet=office(whole.service("db")))
    assert ids(choose(only, "d", Options()))[2:] == ["switchover-app_db", "stop-app_db", "drain"]


def test_one_replica_of_several_hands_over_before_the_engine_stops_it() -> None:
    whole = office(service("pair", replicas=2, pins=("c", "d"), switchover="switchover", **data()))
    operation = choose(usual(running("app_pair", ["c", "d"]), fleet=whole), "d", Options())
    assert ids(operation) == ["pause", "move-1", "switchover-app_pair", "drain"]


def test_who_needs_another_stops_before_it() -> None:
    whole = office(
        service("zdb", pins=("d",), **data()),
        service("app", pins=("d",), needs=("zdb",), **data("other")),
    )
    seen = usual(running("app_zdb", ["d"]), running("app_app", ["d"]), fleet=whole)
    assert ids(choose(seen, "d", ALL))[2:4] == ["stop-app_app", "stop-app_zdb"]


def test_data_with_a_task_elsewhere_does_not_stop() -> None:
    whole = office(service("pair", replicas=2, pins=("c", "d"), **data()))
    operation = choose(usual(running("app_pair", ["c", "d"]), fleet=whole), "d", Options())
    assert ids(operation) == ["pause", "move-1", "drain"]


def test_what_no_other_server_may_have_stops_like_data() -> None:
    stuck = running("app_job", ["d"], constraints=("node.hostname==d",))
    with pytest.raises(RefusedError, match="no other server"):
        choose(scene(office(), nodes(), [stuck]), "d", Options())


def test_a_stranger_with_a_volume_does_not_start_empty_elsewhere() -> None:
    stranger = running("other", ["d"])
    stranger[0]["TaskTemplate"]["ContainerSpec"]["Mounts"] = [
        {"Type": "volume", "Source": "kept", "Target": "/kept"}
    ]
    with pytest.raises(RefusedError, match="/kept"):
        choose(usual(stranger), "d", Options())


def test_a_compose_stack_stops_with_its_server() -> None:
    mail = Stack(name="mail", files=(), engine=Engine.COMPOSE, server="d")
    whole = fleet(
        servers(), [service("web", replicas=2), service("job"), service("m", stack="mail")],
        stacks=[mail],
    )  # fmt: skip
    with pytest.raises(RefusedError, match="compose stack mail"):
        choose(usual(fleet=whole), "d", Options())


def test_a_job_that_runs_there_is_waited_for() -> None:
    once = running("backup", ["d"])
    once[0]["TaskTemplate"]["RestartPolicy"] = {"Condition": "none"}
    with pytest.raises(RefusedError, match="cut off"):
        choose(usual(once), "d", ALL)


def test_what_does_not_fit_elsewhere_by_its_reservations() -> None:
    full = [running(f"app_x{n}", [host], memory=15.5) for n, host in enumerate("abc")]
    with pytest.raises(InfeasibleError) as error:
        choose(scene(office(), nodes(), [running("app_web", ["d"]), *full]), "d", Options())
    assert error.value.conflict == ("app_web: no room by its reservations",)


def test_what_would_use_more_memory_than_there_is() -> None:
    whole = fleet(servers(), [service("web", memory=9), service("big", memory=9, replicas=3)])
    there = [running("app_web", ["d"], memory=0.1), running("app_big", list("abc"), memory=0.1)]
    with pytest.raises(InfeasibleError, match="memory would run out"):
        choose(scene(whole, nodes(), there), "d", Options())


@st.composite
def swarms(draw: st.DrawFn) -> Scene:
    hosts = "abcde"[: draw(st.integers(1, 5))]
    managers = draw(st.sets(st.sampled_from(hosts), min_size=1))
    plain = [
        node(
            name,
            **({} if name in managers else {"role": "worker"}),
            state=draw(st.sampled_from(["ready", "ready", "ready", "down"])),
        )
        for name in hosts
    ]
    services, there = [], []
    for number in range(draw(st.integers(0, 5))):
        where = draw(st.lists(st.sampled_from(hosts), min_size=1, max_size=3))
        keeps = draw(st.booleans())
        name = f"s{number}"
        services.append(service(name, replicas=len(where), **(data(name) if keeps else {})))
        there.append(running(f"app_{name}", where, memory=draw(st.sampled_from([0.5, 6.0]))))
    return scene(fleet([server(name) for name in hosts], services), plain, there)


@given(swarms(), st.booleans(), st.booleans(), st.integers(1, 3), st.data())
def test_whatever_there_is_quorum_and_replicas_stay(
    seen: Scene, stop_pinned: bool, keep_manager: bool, at_once: int, draw: st.DataObject
) -> None:
    name = draw.draw(st.sampled_from([one.name for one in seen.fleet.servers]))
    options = Options(
        stop_pinned=stop_pinned, unproven=True, keep_manager=keep_manager, at_once=at_once
    )
    try:
        operation = choose(seen, name, options)
    except QuorateError:
        return
    managers = [one for one in seen.snapshot.nodes if one.role == "manager"]
    left = [one for one in managers if one.hostname != name]
    reachable = sum(one.ready for one in left)
    if name in [one.hostname for one in managers] and left:
        votes = len(managers) if keep_manager else len(left)
        assert reachable >= votes // 2 + 1
    stopped = {w["service"] for w in operation.facts["work"].values() if w["do"] == "stop"}
    assert stop_pinned or not stopped
    order = [operation.facts["work"][step.id]["do"] for step in operation.steps]
    assert order == sorted(order, key=["pause", "move", "stop", "demote", "drain"].index)
    moved = [s for w in operation.facts["work"].values() for s in w.get("shifts", ())]
    assert all(len(w.get("shifts", ())) <= at_once for w in operation.facts["work"].values())
    for live in seen.snapshot.services:
        where = [t.node_id for t in seen.snapshot.running(live)]
        if where and set(where) == {f"id-{name}"} and seen.node(name).ready:
            # Nothing of it is left after the drain but by one of these two.
            assert live.name in stopped or live.name in [one["service"] for one in moved]
