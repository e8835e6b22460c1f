"""Where a real swarm puts tasks is always where the model says it may.

Small random fleets one after the other on one lab: each service as it is made, and
all at once when a server loses power. A few in every run, twenty with the drills.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from quorate.lab import faults
from quorate.lab.state import Lab
from quorate.swarm.model import NodeState, TaskState
from tests.scenarios import live, steps
from tests.scenarios.real_swarm import (
    LABEL,
    Seen,
    Wish,
    assert_possible,
    labels,
    look,
    wait,
    wishes,
)

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient
    from tests.scenarios.conftest import Office

FLEETS = 20
QUICK = (0, 1, 2)
SECOND = 1_000_000_000
DOWN_SECONDS = 60.0
BACK_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class Bare:
    """The shop's lab with a swarm on which nothing runs, and a heartbeat that misleads rarely."""

    office: Office
    lab: Lab
    image: str


@pytest.fixture(scope="module")
def bare(shop: Office) -> Iterator[Bare]:
    seen = steps.given_deployed(shop)
    (image,) = {s.image for s in seen.services if s.name == "shop_mailer"}
    with live.connected(shop) as connections:
        clear(connections.manager().client)
    # With a shorter one the worker is taken for lost with the manager it talks through, one time
    # of three (docs/how-to/tune.md); what it ran then moves as well.
    former = beat(shop, 3 * SECOND)
    yield Bare(office=shop, lab=live.lab_of(shop), image=image)
    beat(shop, former)


def beat(office: Office, period: int) -> int:
    """Set the heartbeat, in nanoseconds; what it was."""
    live.wait_until(office, lambda seen: any(n.leader for n in seen.nodes), within=BACK_SECONDS)
    with live.connected(office) as connections:
        api = connections.manager().client.api
        swarm = api.inspect_swarm()
        spec = swarm["Spec"]
        former = int(spec["Dispatcher"]["HeartbeatPeriod"])
        spec["Dispatcher"]["HeartbeatPeriod"] = period
        api.update_swarm(version=swarm["Version"]["Index"], swarm_spec=spec)
    return former


def name_labels(client: DockerClient, wanted: dict[str, dict[str, str]]) -> None:
    for raw in client.api.nodes():
        spec = raw["Spec"]
        kept = {k: v for k, v in (spec.get("Labels") or {}).items() if k.startswith("quorate.")}
        spec["Labels"] = {**kept, **wanted[raw["Description"]["Hostname"]]}
        client.api.update_node(raw["ID"], raw["Version"]["Index"], spec)


def make(client: DockerClient, wish: Wish) -> None:
    """Make a service; one with a home is started there, then set free without a restart."""
    final: dict[str, Any] = dict(wish.specification)
    placement = final["Placement"]
    start = dict(final)
    if wish.home:
        start["Placement"] = {"Constraints": [f"node.hostname=={wish.home}"]}
    endpoint = {"Mode": "dnsrr", "Ports": wish.ports}
    made = client.api.create_service(
        start, wish.name, labels={LABEL: "yes"}, mode=wish.mode, endpoint_spec=endpoint
    )
    seen = wait(client, Seen.settled, what=f"{wish.name} is scheduled")
    if wish.name not in seen.everywhere:
        assert_possible(seen.before(wish.name), seen.placed(), f"{wish.name} is made")
    if not wish.home:
        return
    raw = client.api.inspect_service(made["ID"])
    spec = raw["Spec"]
    spec["TaskTemplate"]["Placement"] = placement
    client.api.update_service(
        made["ID"],
        raw["Version"]["Index"],
        task_template=spec["TaskTemplate"],
        name=wish.name,
        labels=spec["Labels"],
        mode=spec["Mode"],
        endpoint_spec=endpoint,
    )


def runs(seen: Seen) -> bool:
    wanted = [task for task in seen.state.tasks if task.active]
    return seen.settled() and all(task.observed is TaskState.RUNNING for task in wanted)


def clear(client: DockerClient) -> None:
    for raw in client.api.services():
        client.api.remove_service(raw["ID"])


def ready(seen: Seen) -> bool:
    return all(node.state is NodeState.READY for node in seen.state.nodes)


def only_down(seen: Seen, lost: str) -> bool:
    """The lost node is known to be down, and no other is."""
    states = {node.id: node.state for node in seen.state.nodes}
    return states.pop(lost) is NodeState.DOWN and set(states.values()) == {NodeState.READY}


def leader_of(office: Office) -> str:
    """Asked for anew each time: a manager that returns can bring about an election."""
    seen, _ = live.wait_until(office, lambda seen: any(n.leader for n in seen.nodes), within=60)
    return next(node.hostname for node in seen.nodes if node.leader)


def is_bare(seen: Seen) -> bool:
    return ready(seen) and not seen.leftovers and not seen.state.services


def replay(bare: Bare, number: int) -> str:
    """One fleet: made, one server lost, and where everything went held to the model."""
    hosts = sorted(node.server for node in bare.lab.nodes)
    leader = leader_of(bare.office)
    # With the leader its scheduler is lost too; the next one finds nodes as they return to it.
    lost = Random(number).choice([host for host in hosts if host != leader])
    with live.connected(bare.office, without=lost) as connections:
        client = connections.manager().client
        try:
            wait(client, is_bare, what="all is ready and nothing left", within=BACK_SECONDS)
            name_labels(client, labels(number, hosts))
            memory = min(node.memory for node in look(client).state.nodes)
            for wish in wishes(number, bare.image, memory, lost):
                make(client, wish)
            before = wait(client, runs, what="all tasks that have a node run")
            faults.power_off(bare.lab, lost)
            after = wait(
                client,
                lambda seen: seen.settled() and only_down(seen, lost),
                what=f"{lost} is down and its tasks are placed anew",
                within=DOWN_SECONDS,
            )
            assert after.leader == before.leader, "another scheduler has taken over meanwhile"
            what = f"fleet {number} without {lost}"
            found = assert_possible(before.without(lost), after.placed(), what)
        finally:
            clear(client)
            faults.power_on(bare.lab, lost)
    left = sum(task.waits for task in after.state.tasks)
    waited = sum(found.groups.values())
    return f"{lost} lost: {waited - left} of {waited} placed, {len(found.results)} possible ways"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number in QUICK else pytest.mark.drill)
        for number in range(FLEETS)
    ],
)
def test_a_real_swarm_does_what_the_model_calls_possible(bare: Bare, number: int) -> None:
    print(f"fleet {number}: {replay(bare, number)}")
