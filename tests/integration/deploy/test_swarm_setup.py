"""The swarm made from nothing, and mended, on real nodes over ssh.

One small lab for the whole file. Each test leaves a working swarm of the four
roles behind for the next.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quorate.deploy.preflight import preflight
from quorate.deploy.returning import observe_returned
from quorate.deploy.swarm_setup import set_up
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import Forget, Init, Join, SetRole, Tune, steps
from quorate.errors import EngineError, MachineError, UnreachableError
from quorate.fleet.model import Fleet, Role, Ssh
from quorate.lab import faults
from quorate.lab.state import Lab
from quorate.lab.up import bring_up, take_down
from quorate.observe.connect import Connections, manager
from quorate.observe.gather import gather
from quorate.observe.snapshot import observe
from quorate.observe.standing import assess
from quorate.observe.targets import target_of
from quorate.tools import clock, ssh
from tests.fakes.fleets import make_fleet, make_server

# Managers that elect within seconds: a lab beside it makes them late.
pytestmark = [pytest.mark.lab, pytest.mark.steady]

GIB = 1024**3
PATIENCE_SECONDS = 120.0  # an election can take several turns of ten to twenty seconds
CUT_SECONDS = 3.0  # an isolated manager calls for an election after ten
BACK_SECONDS = 300.0  # longer than the longest wait of `observe_returned`
ROLES = {"na": Role.MANAGER, "nb": Role.MANAGER, "nc": Role.MANAGER, "nd": Role.WORKER}


def make(directory: Path) -> Fleet:
    servers = [
        make_server(name, address=f"192.0.2.{i}", role=role, memory=GIB, cpus=1)
        for i, (name, role) in enumerate(ROLES.items(), start=1)
    ]
    fleet = make_fleet(
        {"web": {"services": {"front": {"image": "example/web:1"}}}},
        servers=servers,
        swarm={"heartbeat": 1.0, "task_history": 3},
    )
    path = directory / "fleet.yaml"
    return fleet.model_copy(update={"name": f"test-swarm-{os.getpid()}", "path": path})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    fleet = make(tmp_path_factory.mktemp("fleet"))
    built = bring_up(fleet)
    yield built
    take_down(built)


@pytest.fixture(scope="module")
def fleet(lab: Lab) -> Fleet:
    """The fleet as the lab's override makes it: reached by ssh aliases, not by addresses."""
    real = make(lab.fleet_path.parent)
    reached = [
        s.model_copy(update={"address": s.name, "ssh": Ssh(user="root", config=lab.ssh_config)})
        for s in real.servers
    ]
    return real.model_copy(update={"servers": tuple(reached), "name": lab.name})


def run(fleet: Fleet, server: str, *argv: str) -> str:
    return ssh.run(target_of(fleet.server(server)), argv).stdout


def roles(fleet: Fleet) -> dict[str, str]:
    with manager(fleet) as client:
        return {n.hostname: n.role for n in observe(client).nodes if n.ready}


def wait_until_down(fleet: Fleet, server: str) -> None:
    """The lost one may have led: while the others elect, nobody answers."""
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        assert clock.monotonic() < deadline, f"{server} was never marked down"
        with suppress(EngineError), manager(fleet) as client:
            if any(n.state == "down" for n in observe(client).nodes if n.hostname == server):
                return
        clock.sleep(0.3)


def wait_for_leader(fleet: Fleet) -> None:
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with manager(fleet):
                return
        except EngineError:
            assert clock.monotonic() < deadline, "no new leader"
            clock.sleep(0.5)


def wait_until_whole(fleet: Fleet) -> None:
    """Every manager finds the leader and is found.

    Before the next is taken away: one that is just back has not heard yet what
    the swarm agreed on meanwhile, so it cannot be elected and can only delay it.
    """
    deadline = clock.monotonic() + PATIENCE_SECONDS
    expected = {name for name, role in ROLES.items() if role is Role.MANAGER}
    with Connections(fleet) as connections:
        for name in sorted(expected):
            found: set[str] = set()
            while found != expected:
                assert clock.monotonic() < deadline, f"{name} finds only {sorted(found)}"
                with suppress(EngineError, UnreachableError):
                    nodes = observe(connections.client(name)).nodes
                    found = {n.hostname for n in nodes if n.reachability == "reachable" and n.ready}
                clock.sleep(0.3)


def test_from_nothing_and_again(fleet: Fleet) -> None:
    said: list[str] = []
    with Connections(fleet) as connections:
        taken = set_up(fleet, connections, said.append)
        assert [type(step) for step in taken] == [Init, Join, Join, Join]
        assert set_up(fleet, connections) == ()
        found = connections.manager().client.api.inspect_swarm()
    assert roles(fleet) == {name: role.value for name, role in ROLES.items()}
    assert found["Spec"]["Dispatcher"]["HeartbeatPeriod"] == 1_000_000_000
    told = "".join(said)
    assert all(token not in told for token in found["JoinTokens"].values())


def test_preflight_passes_and_tells_every_problem_at_once(fleet: Fleet, lab: Lab) -> None:
    with Connections(fleet) as connections:
        found = preflight(fleet, connections)
    assert found.errors == ()
    faults.stop_engine(lab, "nd")
    try:
        odd = fleet.model_copy(
            update={
                "servers": tuple(
                    s.model_copy(update={"memory": 4 * GIB}) if s.name == "nb" else s
                    for s in fleet.servers
                ),
                "swarm": fleet.swarm.model_copy(update={"minimum_engine": "99.0"}),
            }
        )
        with Connections(odd) as connections, pytest.raises(MachineError) as caught:
            preflight(odd, connections).raise_errors()
    finally:
        faults.start_engine(lab, "nd")
    told = str(caught.value.cause)
    assert "nb: it has 1.0 GiB of memory; the fleet file says 4.0 GiB" in told
    assert told.count("99.0") == 3


def test_a_node_that_left_joins_again_and_its_dead_entry_goes(fleet: Fleet) -> None:
    run(fleet, "nd", "docker", "swarm", "leave")
    wait_until_down(fleet, "nd")
    with Connections(fleet) as connections:
        taken = set_up(fleet, connections)
        assert [type(step) for step in taken] == [Forget, Join]
        assert [n.hostname for n in observe_swarm(connections).nodes].count("nd") == 1


def test_a_node_removed_by_the_swarm_joins_again(fleet: Fleet) -> None:
    run(fleet, "na", "docker", "node", "rm", "--force", "nd")
    with Connections(fleet) as connections:
        taken = set_up(fleet, connections)
        assert Join(server="nd", role=Role.WORKER) in taken
    assert roles(fleet)["nd"] == "worker"


def test_a_manager_that_lost_its_membership_comes_back_as_one(fleet: Fleet) -> None:
    run(fleet, "nc", "docker", "swarm", "leave", "--force")
    wait_until_down(fleet, "nc")
    with Connections(fleet) as connections:
        taken = set_up(fleet, connections)
        assert [type(step) for step in taken] == [Forget, Join]
    assert roles(fleet)["nc"] == "manager"


def test_roles_follow_the_fleet_file(fleet: Fleet) -> None:
    swapped = fleet.model_copy(
        update={
            "servers": tuple(
                s.model_copy(update={"role": Role.WORKER if s.name == "na" else Role.MANAGER})
                for s in fleet.servers
            )
        }
    )
    for wanted in (swapped, fleet):
        with Connections(wanted) as connections:
            taken = set_up(wanted, connections)
            assert [type(step) for step in taken] == [SetRole, SetRole]
        assert roles(wanted) == {s.name: s.role.value for s in wanted.servers}


def test_settings_follow_the_fleet_file(fleet: Fleet) -> None:
    slower = fleet.model_copy(
        update={"swarm": fleet.swarm.model_copy(update={"heartbeat": 2.0, "task_history": 4})}
    )
    for wanted in (slower, fleet):
        with Connections(wanted) as connections:
            assert [type(step) for step in set_up(wanted, connections)] == [Tune]
            assert set_up(wanted, connections) == ()


def test_a_server_of_another_swarm_is_refused_and_left_alone(fleet: Fleet) -> None:
    run(fleet, "nd", "docker", "swarm", "leave", "--force")
    wait_until_down(fleet, "nd")
    run(fleet, "nd", "docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
    with Connections(fleet) as connections, pytest.raises(EngineError, match="different swarms"):
        set_up(fleet, connections)
    assert "true" in run(fleet, "nd", "docker", "info", "-f", "{{.Swarm.ControlAvailable}}")
    run(fleet, "nd", "docker", "swarm", "leave", "--force")
    with Connections(fleet) as connections:
        set_up(fleet, connections)
    assert roles(fleet)["nd"] == "worker"


def test_a_server_without_power_is_told_and_does_not_stop_the_others(
    fleet: Fleet, lab: Lab
) -> None:
    faults.power_off(lab, "na")
    try:
        wait_for_leader(fleet)
        with Connections(fleet) as connections:
            state = observe_swarm(connections)
            assert list(state.unreachable) == ["na"]
            assert isinstance(state.unreachable["na"], UnreachableError)
            assert steps(fleet, state) == ()
            standing = assess(fleet, gather(connections))
        assert standing.swarm
        assert "na" in {trouble.subject for trouble in standing.troubles}
    finally:
        faults.power_on(lab, "na")


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(["nc"], id="one manager"),
        pytest.param(list(ROLES), id="the whole site", marks=pytest.mark.drill),
    ],
)
def test_servers_that_are_just_back_keep_their_membership(
    lost: list[str], fleet: Fleet, lab: Lab
) -> None:
    """Looked at before they are in the swarm again: a cut holds that moment for some seconds."""
    wait_until_whole(fleet)
    with manager(fleet) as client:
        before = {n.hostname: n.id for n in observe(client).nodes}
    for name in lost:
        faults.power_off(lab, name)
    if len(lost) < len(ROLES):
        wait_until_down(fleet, lost[0])
    parted = lab
    for name in lost:
        parted = faults.cut(parted, [name], [other for other in ROLES if other != name])
    for name in lost:
        faults.power_on(parted, name)
    healing = threading.Timer(CUT_SECONDS, faults.heal, [parted])
    healing.start()
    said: list[str] = []
    deadline = clock.monotonic() + BACK_SECONDS
    ready: dict[str, str] = {}
    with Connections(fleet) as connections:
        while ready != before:
            assert clock.monotonic() < deadline, f"not back: {ready}; {said}"
            state = observe_returned(connections, said.append)
            with suppress(EngineError):  # no leader yet: nothing is decided
                assert steps(fleet, state) == (), said
            ready = {n.hostname: n.id for n in state.nodes if n.ready}
    healing.join()
    assert said


@pytest.mark.slow
def test_a_lost_quorum_is_called_that(fleet: Fleet, lab: Lab) -> None:
    wait_until_whole(fleet)
    for name in ("na", "nb"):
        faults.power_off(lab, name)
    try:
        clock.sleep(21)  # a leader notices at the second of its checks, ten seconds apart
        started = clock.monotonic()
        with Connections(fleet) as connections:
            with pytest.raises(EngineError, match="no quorum"):
                connections.manager()
            standing = assess(fleet, gather(connections))
        assert clock.monotonic() - started < 90
        assert not standing.swarm
        assert "no quorum" in standing.troubles[0].what
    finally:
        for name in ("na", "nb"):
            faults.power_on(lab, name)
    wait_until_whole(fleet)
