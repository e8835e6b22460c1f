"""Services are kept still and run again, whoever is killed at whatever moment; on FakeServices."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.backup import quiesce
from quorate.backup.policy import quiesce as policy
from quorate.backup.quiesce import Wish
from quorate.errors import EngineError, LockedError, MachineError, UsageError
from quorate.tools import clock
from tests.fakes.services import FakeServices, Killed, later, refused

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

WISH = Wish(services=("app", "worker"), run="r1", source="volume/app", seconds=3600)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on by what is slept."""
    slept = [0.0]
    monkeypatch.setattr(clock, "sleep", lambda seconds: slept.__setitem__(0, slept[0] + seconds))
    monkeypatch.setattr(clock, "monotonic", lambda: slept[0])


def client(fake: FakeServices) -> DockerClient:
    return cast("DockerClient", fake)


def test_services_stop_and_run_again() -> None:
    swarm = FakeServices(app=2, worker=3, other=1)
    before = {name: raw["Spec"] for name, raw in swarm.raw.items()}
    with quiesce.still(client(swarm), WISH) as kept:
        assert (swarm.replicas("app"), swarm.replicas("worker"), swarm.replicas("other")) == (
            0,
            0,
            1,
        )
        assert policy.record_of(swarm.raw["app"]["Spec"]) == policy.Record(
            run="r1", source="volume/app", replicas=2, deadline=later(3600), awaited=later(70)
        )
    assert kept.broken == []
    assert {name: raw["Spec"] for name, raw in swarm.raw.items()} == before


def test_they_run_again_when_the_block_fails() -> None:
    swarm = FakeServices(app=2, worker=3)
    with contextlib.suppress(ZeroDivisionError), quiesce.still(client(swarm), WISH):
        raise ZeroDivisionError
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)


def test_none_runs_again_beside_what_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swarm waits for nothing when it is told to start one more."""
    swarm = FakeServices(app=2, worker=3)
    swarm.stuck.add("worker")
    swarm.raw["worker"]["Spec"]["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] = 300 * 10**9
    seen: list[int] = []
    on = clock.sleep

    def sleep(seconds: float) -> None:
        on(seconds)
        seen.append(swarm.replicas("worker"))
        if clock.monotonic() > 250:
            swarm.stuck.clear()

    monkeypatch.setattr(clock, "sleep", sleep)
    late = pytest.raises(MachineError, match="worker has not stopped within 120 s")
    with late, quiesce.still(client(swarm), WISH):
        pytest.fail("the block began")
    assert not swarm.stuck and set(seen) == {0} and swarm.replicas("worker") == 3


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="the end at each call to the engine while services are kept still",
    seen="whoever comes next starts every one of them again",
)
@pytest.mark.parametrize("call", range(1, 40))
def test_killed_at_any_call_nothing_stays_down(call: int) -> None:
    """The invariant: a service that is down says so itself, and is found and ended."""
    swarm = FakeServices(app=2, worker=3)
    before = {name: raw["Spec"] for name, raw in swarm.raw.items()}
    swarm.killed_at = call
    try:
        with quiesce.still(client(swarm), WISH):
            pass
    except Killed:
        pass
    swarm.killed_at = 0
    for name in ("app", "worker"):
        assert swarm.replicas(name) or policy.record_of(swarm.raw[name]["Spec"]) is not None
    swarm.now = later(50)
    assert quiesce.converge(client(swarm), lambda: {"r1"}) == (), "the run may still be going on"
    assert quiesce.converge(client(swarm), lambda: {"r2"}) == (), "its job may be started yet"
    swarm.now = later(80)
    assert quiesce.converge(client(swarm), lambda: {"r1"}) == ()
    quiesce.converge(client(swarm), lambda: {"r2"})
    assert {name: raw["Spec"] for name, raw in swarm.raw.items()} == before


def test_a_job_that_was_started_and_is_gone_ends_it_at_once() -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    quiesce.note(client(swarm), WISH.services, "r1", "r1-job")
    assert quiesce.converge(client(swarm), lambda: {"r1-job"}) == ()
    found = quiesce.converge(client(swarm), lambda: {"r1"})
    assert [one.why for one in found] == ["the run r1 has ended"] * 2
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)


def test_between_two_jobs_of_a_run_it_is_as_at_its_beginning() -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    quiesce.note(client(swarm), WISH.services, "r1", "first")
    swarm.now = later(1000)
    quiesce.note(client(swarm), WISH.services, "r1", "")
    assert quiesce.converge(client(swarm), lambda: set()) == ()
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (0, 0)
    swarm.now = later(1061)
    (one, _) = quiesce.converge(client(swarm), lambda: set())
    assert one.why == "no job was started for the run r1"


def test_the_job_is_awaited_until_the_slowest_has_stopped() -> None:
    swarm = FakeServices(app=2, worker=3)
    container = swarm.raw["worker"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    container["StopGracePeriod"] = 90 * 10**9
    quiesce.begin(client(swarm), WISH)
    swarm.now = later(149)
    assert quiesce.converge(client(swarm), lambda: set()) == ()
    swarm.now = later(151)
    assert len(quiesce.converge(client(swarm), lambda: set())) == 2


UNWATCHED = replace(WISH, services=("app",), method=policy.UNWATCHED)


@pytest.mark.parametrize("call", range(1, 25))
def test_killed_at_any_call_no_health_check_is_lost(call: int) -> None:
    swarm = FakeServices(app=1)
    container = swarm.raw["app"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    container["Healthcheck"] = {"Test": ["CMD", "true"]}
    before = swarm.raw["app"]["Spec"]
    swarm.killed_at = call
    try:
        with quiesce.still(client(swarm), UNWATCHED):
            assert swarm.replicas("app") == 1
            assert not policy.has_check(swarm.raw["app"]["Spec"])
    except Killed:
        pass
    swarm.killed_at, swarm.now = 0, later(200)
    quiesce.converge(client(swarm), lambda: set())
    assert swarm.raw["app"]["Spec"] == before


def test_a_note_of_somebody_elses_run_changes_nothing() -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    before = {name: raw["Spec"] for name, raw in swarm.raw.items()}
    quiesce.note(client(swarm), ("app", "worker"), "r2", "job")
    assert {name: raw["Spec"] for name, raw in swarm.raw.items()} == before


def test_jobs_are_looked_up_after_the_services() -> None:
    """Or a job that was started between both looks would count as gone."""
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    quiesce.note(client(swarm), WISH.services, "r1", "r1")
    calls: list[int] = []

    def active() -> set[str]:
        calls.append(swarm.calls)
        return {"r1"}

    before = swarm.calls
    assert quiesce.converge(client(swarm), active) == ()
    assert calls[0] > before
    quiesce.end(client(swarm), "r1")
    assert quiesce.converge(client(swarm), active) == () and len(calls) == 1


def test_the_worst_kill_without_anybody_who_knows_the_runs() -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    told: list[str] = []
    assert quiesce.converge(client(swarm), say=lambda one: told.append(one.name)) == ()
    swarm.now = later(3601)
    found = quiesce.converge(client(swarm), say=lambda one: told.append(one.name))
    assert [one.name for one in found] == told == ["app", "worker"]
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)
    assert quiesce.converge(client(swarm)) == ()


@pytest.mark.parametrize("call", range(1, 20))
def test_somebody_changes_a_service_meanwhile(call: int) -> None:
    swarm = FakeServices(app=2, worker=3)
    swarm.meddle_at = call
    with quiesce.still(client(swarm), WISH):
        assert swarm.replicas("app") == 0
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)
    assert not policy.marked(swarm.raw["app"]["Spec"])
    if swarm.calls >= call:
        assert swarm.labels("app")["note"] == "somebody was here"


def test_who_scales_or_deploys_it_meanwhile_is_obeyed_and_told_of() -> None:
    swarm = FakeServices(app=2, worker=3)
    with quiesce.still(client(swarm), WISH) as kept:
        swarm.scale("app", 5)
    assert kept.broken == ["app"]
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (5, 3)
    with quiesce.still(client(swarm), WISH) as kept:
        swarm.add("worker", {"Replicated": {"Replicas": 1}})  # `docker stack deploy`
    assert kept.broken == ["worker"] and swarm.replicas("worker") == 1
    with quiesce.still(client(swarm), WISH) as kept:
        del swarm.raw["app"]
    assert kept.broken == ["app"] and swarm.replicas("worker") == 1


@pytest.mark.fault(
    "overlapping runs",
    injected="two runs that want to keep one service still",
    seen="the second is refused; the service runs again",
)
def test_two_runs_at_once() -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    other = Wish(services=("worker",), run="r2", source="volume/logs", seconds=60)
    with pytest.raises(LockedError, match="another run keeps worker still"):
        quiesce.begin(client(swarm), other)
    quiesce.end(client(swarm), "r2")
    assert swarm.replicas("worker") == 0
    swarm.now = later(3601)
    quiesce.begin(client(swarm), other)
    assert quiesce.end(client(swarm), "r1") == ("app",)
    assert quiesce.end(client(swarm), "r2") == ("worker",)
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)


def test_what_does_not_stop_runs_again() -> None:
    swarm = FakeServices(app=2, worker=3)
    swarm.stuck.add("worker")
    with pytest.raises(MachineError, match="has not stopped"), quiesce.still(client(swarm), WISH):
        pytest.fail("the block began")
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 3)


@pytest.mark.parametrize("method", ["stop", "pause", "freeze"])
def test_what_cannot_be_kept_still_is_left_alone(method: str) -> None:
    swarm = FakeServices(app=2)
    swarm.add("worker", {"Global": {}})
    wish = replace(WISH, method=method)
    with pytest.raises(UsageError), quiesce.still(client(swarm), wish):
        pytest.fail("the block began")
    assert swarm.replicas("app") == 2 and not policy.marked(swarm.raw["app"]["Spec"])


def test_nothing_is_kept_still_where_nothing_says_so() -> None:
    swarm = FakeServices(app=2)
    with quiesce.still(client(swarm), replace(WISH, method="none")) as kept:
        assert swarm.replicas("app") == 2
    assert kept.services == () and swarm.calls == 0


def test_a_service_that_is_not_there_is_said() -> None:
    swarm = FakeServices(app=2)
    with pytest.raises(EngineError, match="worker cannot be looked at"):
        quiesce.begin(client(swarm), WISH)
    assert swarm.replicas("app") == 2


def test_one_that_refuses_does_not_keep_the_others_down(monkeypatch: pytest.MonkeyPatch) -> None:
    swarm = FakeServices(app=2, worker=3)
    quiesce.begin(client(swarm), WISH)
    put = swarm._put

    def refuse(name: str, spec: dict[str, Any]) -> None:
        if name == "worker":
            raise refused("the disk is full")
        put(name, spec)

    monkeypatch.setattr(swarm, "_put", refuse)
    with pytest.raises(EngineError, match="worker could not be changed"):
        quiesce.end(client(swarm), "r1")
    assert (swarm.replicas("app"), swarm.replicas("worker")) == (2, 0)
    assert policy.record_of(swarm.raw["worker"]["Spec"]) is not None
