"""What the steps do to a fake swarm, and that one which is done already does nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.deploy import record
from quorate.deploy.progress import Silent
from quorate.deploy.swarm_state import SwarmState
from quorate.errors import EngineError, NoQuorumError, RefusedError
from quorate.fleet.model import Role
from quorate.recover import model
from quorate.recover.model import Journal, Operation, State
from quorate.recover.quorum import engines, steps
from quorate.recover.quorum.look import FORCED
from quorate.recover.quorum.model import Sight
from quorate.recover.quorum.verify import Verified
from quorate.tools import clock, docker
from tests.fakes.fleets import make_fleet, make_server
from tests.fakes.services import Killed
from tests.unit.recover.quorum.small_swarm import MANAGERS, NAMES, NOW, World, node

docker.engine_errors()  # imports the SDK now: doing so opens a port, which no test may


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    servers = [
        make_server(
            name,
            address=f"192.0.2.{number}",
            role=Role.MANAGER if name in MANAGERS else Role.WORKER,
            labels={"rack": name},
        )
        for number, name in enumerate(NAMES, start=1)
    ]
    made = World(make_fleet({"web": {"services": {"x": {}}}}, servers=servers))
    monkeypatch.setattr(clock, "monotonic", lambda: made.now)
    monkeypatch.setattr(clock, "sleep", made.sleep)
    for name in ("start", "stop", "answering"):
        monkeypatch.setattr(engines, name, getattr(made, name))
    monkeypatch.setattr(engines, "wait", lambda place, server: made.engines[server])
    for name in ("look", "observe", "observe_swarm", "execute", "remove_entry", "hold"):
        monkeypatch.setattr(steps, name, getattr(made, name))
    monkeypatch.setattr(record, "last_applied", lambda client, fleet: made.last)
    return made


def place(world: World) -> Any:
    connections = SimpleNamespace(
        renew=lambda servers=(): None, client=lambda server: world.engines[server]
    )
    return SimpleNamespace(fleet=world.fleet, connections=connections, report=Silent(), lab=None)


def done(world: World, step: str, *, begun: bool = False, **facts: Any) -> Any:
    """Do one step of an operation with these facts; what it tells later ones."""
    given = {"way": "force", "survivor": "two", "address": "192.0.2.2", "forced": NOW, **facts}
    operation = Operation(
        kind="recover quorum",
        subject="two",
        fleet="test",
        steps=(model.Step(id=step, says=step),),
        facts=given,
    )
    journal = Journal(id="x", operation=operation, started=NOW, who="me", facts=given)
    if begun:
        journal = journal.marked(step, State.BEGUN, at=NOW)
    return steps.actions(place(world), journal)[step].do(dict(given))


def undone(world: World, step: str) -> None:
    operation = Operation(
        kind="recover quorum", subject="", fleet="test", steps=(model.Step(id=step, says=step),)
    )
    journal = Journal(id="x", operation=operation, started=NOW, who="me")
    undo = steps.actions(place(world), journal)[step].undo
    assert undo is not None
    undo({})


def forced(world: World) -> None:
    """The swarm after `two` was forced to be one of its own; the others' entries are there."""
    for name in ("one", "three"):
        world.put(replace(world.of(name), state="down", reachability=None))
        world.engines[name].cluster = ""
    world.members, world.labels = {"two"}, {FORCED: NOW}


def test_an_engine_that_runs_is_not_started_again(world: World) -> None:
    world.engines["two"].up = False
    done(world, "start-two")
    done(world, "start-two", begun=True)
    assert world.calls == ["start two"]


def test_one_whose_swarm_has_failed_is_stopped_before(world: World) -> None:
    world.engines["two"].state, world.engines["two"].error = "error", "its log is damaged"
    done(world, "start-two")
    assert world.calls == ["stop two", "start two"]


def test_one_that_is_called_failed_and_works_is_left_alone(world: World) -> None:
    """As engines call a node that failed once, and came back by itself."""
    world.engines["two"].state = "error"
    done(world, "start-two")
    assert world.calls == []


def test_an_engine_is_stopped_once_and_started_again_when_that_is_undone(world: World) -> None:
    done(world, "halt-three")
    done(world, "halt-three", begun=True)
    undone(world, "halt-three")
    undone(world, "halt-three")
    assert world.calls == ["stop three", "start three"]


def test_a_leader_is_told_once_there_is_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world.observe_swarm(None)
    looks = [SwarmState(), SwarmState(), whole]
    monkeypatch.setattr(steps, "observe_swarm", lambda connections: looks.pop(0))
    assert done(world, "elect", way="restart", restarted=["three"]) == {"survivor": "one"}
    assert world.now == 2 * steps.POLL_SECONDS


def test_managers_that_elect_nobody_end_it_with_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "observe_swarm", lambda connections: SwarmState())
    monkeypatch.setattr(steps, "look", lambda connections: Sight(fleet="test", servers=()))
    with pytest.raises(NoQuorumError, match="elect no leader"):
        done(world, "elect", way="restart")
    assert world.now > steps.ELECT_SECONDS


@pytest.mark.parametrize("spec_counts", [True, False])
def test_a_new_cluster_has_its_mark_whether_the_engine_puts_it_on_or_not(
    world: World, spec_counts: bool
) -> None:
    world.power_off("one", "three")
    world.spec_counts = spec_counts
    done(world, "force")
    assert world.members == {"two"} and world.labels == {FORCED: NOW}
    done(world, "force", begun=True)
    assert world.calls == ["force two"] + ["mark"] * (not spec_counts)


def test_one_that_was_forced_and_not_marked_when_it_was_killed_is_marked(world: World) -> None:
    world.power_off("one", "three")
    world.spec_counts, world.killed_after = False, 2
    with pytest.raises(Killed):
        done(world, "force")
    world.killed_after, world.labels = 0, {}
    done(world, "force", begun=True)
    assert world.calls == ["force two", "mark", "mark"], "it is forced once"
    assert world.members == {"two"} and world.labels == {FORCED: NOW}


def test_another_ones_mark_does_not_pass_for_this_one(world: World) -> None:
    forced(world)
    world.labels = {FORCED: "2026-01-01T00:00:00+00:00"}
    done(world, "force", begun=True)
    assert world.calls == ["mark"] and world.labels == {FORCED: NOW}


def test_what_was_just_seen_is_not_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.power_off("one", "three")
    monkeypatch.setattr(steps, "look", lambda *_, **__: pytest.fail("it was looked at again"))
    just_now = clock.now().isoformat()
    done(world, "force", forced=just_now)
    assert world.members == {"two"} and world.labels == {FORCED: just_now}


@pytest.mark.parametrize("begun", [True, False])
def test_a_quorum_that_is_back_is_not_forced_away(world: World, begun: bool) -> None:
    with pytest.raises(RefusedError, match="is forced on two") as error:
        done(world, "force", begun=begun)
    assert "the swarm works on one, three" in str(error.value.cause)
    assert world.calls == [] and world.members == set(MANAGERS)


def test_a_quorum_that_is_back_is_not_forced_away_while_the_survivor_does_not_reach_it(
    world: World,
) -> None:
    world.engines["two"].cluster = ""
    with pytest.raises(RefusedError, match="is forced on two"):
        done(world, "force", begun=True)
    assert world.calls == []


def test_a_forced_cluster_that_others_are_in_by_now_is_not_forced_again(world: World) -> None:
    world.labels = {FORCED: NOW}
    done(world, "force", begun=True)
    assert world.calls == []


def test_an_engine_that_is_still_at_it_after_a_kill_is_waited_for(world: World) -> None:
    forced(world)
    world.engines["two"].cluster, world.pending = "", {"two": 2}
    done(world, "force", begun=True)
    assert world.calls == [] and world.members == {"two"}


def test_what_was_in_the_old_swarm_leaves_it_and_joins_anew(world: World) -> None:
    forced(world)
    done(world, "rejoin-three", way="return")
    assert world.calls == ["leave three", "remove id-three", "join three as manager"]
    assert world.members == {"two", "three"} and world.locks == 1
    done(world, "rejoin-three", begun=True, way="return")
    assert len(world.calls) == 3, "it is settled: nothing is done"


def test_beside_a_cluster_that_is_just_made_nobody_else_works_and_nothing_is_locked(
    world: World,
) -> None:
    forced(world)
    done(world, "rejoin-three")
    assert world.locks == 0 and world.members == {"two", "three"}


def test_what_is_in_no_swarm_does_not_leave_one(world: World) -> None:
    forced(world)
    world.engines["three"].state, world.engines["three"].node = "inactive", ""
    done(world, "rejoin-three")
    assert world.calls == ["remove id-three", "join three as manager"]


@pytest.mark.parametrize("call", [1, 2, 3])
def test_joining_that_is_killed_at_any_call_is_gone_on_with(world: World, call: int) -> None:
    """A member of raft that left would take the majority of two with it."""
    forced(world)
    world.killed_after = call
    with pytest.raises(Killed):
        done(world, "rejoin-three")
    world.killed_after = 0
    done(world, "rejoin-three", begun=True)
    world.decide()
    assert world.members == {"two", "three"}
    (one,) = [one for one in world.nodes if one.hostname == "three"]
    assert one.id == world.engines["three"].node and one.reachability == "reachable"
    assert [one.partition(" ")[0] for one in world.calls].count("leave") == 1


def test_one_that_finds_in_by_itself_meanwhile_is_waited_for(world: World) -> None:
    """Its certificate was taken anew, and raft has it: it only is not reached yet."""
    forced(world)
    world.put(replace(world.of("one"), state="ready", reachability="unreachable"))
    world.members.add("one")
    world.pending["one"] = 3
    done(world, "rejoin-one", way="return")
    assert world.calls == [] and world.members == {"one", "two"}


def test_stand_ins_become_managers_one_after_the_other(world: World) -> None:
    forced(world)
    done(world, "instead", instead=["four", "five"])
    assert world.calls == ["four is manager", "five is manager"]
    assert world.members == {"two", "four", "five"}
    done(world, "instead", begun=True, instead=["four", "five"])
    assert len(world.calls) == 2


@pytest.mark.parametrize("call", [1, 2])
def test_a_stand_in_that_is_not_there_yet_after_a_kill_is_waited_for(
    world: World, call: int
) -> None:
    forced(world)
    world.killed_after = call
    with pytest.raises(Killed):
        done(world, "instead", instead=["four", "five"])
    world.killed_after = 0
    done(world, "instead", begun=True, instead=["four", "five"])
    assert world.members == {"two", "four", "five"} and not world.pending


def test_roles_come_back_managers_first(world: World) -> None:
    forced(world)
    for name in ("four", "five"):
        world.put(replace(world.of(name), role="manager", reachability="reachable"))
        world.members.add(name)
    world.put(node("one", Role.WORKER))
    world.put(node("three", Role.WORKER))
    asked: dict[str, Any] = {
        "way": "return",
        "promote": ["one", "three"],
        "demote": ["four", "five"],
    }
    done(world, "roles", **asked)
    assert world.calls == [
        *("one is manager", "three is manager", "four is worker", "five is worker"),
    ]  # fmt: skip
    assert world.members == set(MANAGERS) and world.locks == 1
    done(world, "roles", begun=True, **asked)
    assert len(world.calls) == 4


def test_a_stand_in_that_is_still_a_member_after_a_kill_is_waited_for(world: World) -> None:
    forced(world)
    for name in ("four", "five"):
        world.put(replace(world.of(name), role="manager", reachability="reachable"))
        world.members.add(name)
    asked: dict[str, Any] = {"way": "return", "promote": [], "demote": ["four"]}
    world.killed_after = 1
    with pytest.raises(Killed):
        done(world, "roles", **asked)
    world.killed_after = 0
    done(world, "roles", begun=True, **asked)
    assert world.members == {"two", "five"} and not world.pending


def test_a_server_that_does_not_come_back_is_told(world: World) -> None:
    forced(world)
    world.put(replace(world.of("four"), state="down"))
    with pytest.raises(EngineError, match="four did not come back"):
        done(world, "instead", instead=["four"])
    assert world.now > steps.READY_SECONDS and world.calls == []


@pytest.mark.parametrize("last", [True, False])
def test_labels_are_those_of_the_last_deployment_or_of_the_fleet_file(
    world: World, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    put: list[Any] = []
    forced(world)
    monkeypatch.setattr(steps, "set_labels", lambda client, changes: put.append(changes))
    given = {name: {"rack": "r2"} for name in NAMES} if last else {}
    world.last = cast("Any", SimpleNamespace(labels=given)) if last else None
    assert done(world, "labels") == {"labelled": len(NAMES)}
    wanted = {name: {"rack": "r2" if last else name} for name in NAMES}
    changed = {change.server: change.put for change in put[0]}
    assert changed == wanted
    for name in NAMES:
        world.put(replace(world.of(name), labels=wanted[name]))
    assert done(world, "labels", begun=True) == {"labelled": 0}


def test_only_the_cluster_that_was_forced_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager that is back in a swarm of its own has another mark, or none."""
    world.labels = {FORCED: "2026-01-01T00:00:00+00:00"}
    asked: list[str] = []

    def verified(where: Any, manager: Any) -> Verified:
        asked.append(manager().server.name)
        return Verified(seconds=1.0, services=1)

    monkeypatch.setattr(steps, "verify", verified)
    with pytest.raises(EngineError, match="no manager of the swarm answers"):
        done(world, "verify")
    world.labels = {FORCED: NOW}
    assert done(world, "verify")["verified"]["services"] == 1 and asked == ["two"]
