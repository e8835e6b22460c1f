"""Whatever the fleet: an answer, whose steps lead where they say."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate.errors import QuorateError
from quorate.fleet.model import Fleet, Port, State, VolumeUse
from quorate.plan.account import account
from quorate.plan.solve import make_plan
from quorate.plan.verify import violations
from quorate.plan.whatif.side import side_of
from quorate.plan.whynot.lift import next_step
from quorate.plan.whynot.there import There
from tests.unit.plan.builders import fleet, server, service

MOST = 30


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Small fleets with every kind of rule."""
    servers = [
        server(
            f"s{index}",
            memory=draw(st.integers(3, 20)),
            cpus=draw(st.integers(1, 8)),
            role=draw(st.sampled_from(["manager", "worker"])),
        )
        for index in range(draw(st.integers(2, 4)))
    ]
    names = [f"x{index}" for index in range(draw(st.integers(1, 5)))]
    hosts = [one.name for one in servers]

    def few(name: str) -> tuple[str, ...]:
        return tuple(sorted(draw(st.sets(st.sampled_from(names), max_size=1)) - {name}))

    services = []
    for name in names:
        volume = draw(st.sampled_from(["", "", "shared", name]))
        mount = VolumeUse(kind="volume", source=volume, target="/v")
        port = Port(target=80, published=8080, mode="host")
        services.append(
            service(
                name,
                memory=draw(st.integers(1, 4)),
                cpu=draw(st.sampled_from([0.1, 0.5])),
                replicas=draw(st.sampled_from([1, 1, 1, 2])),
                max_replicas_per_node=draw(st.sampled_from([0, 1])),
                pins=tuple(sorted(draw(st.sets(st.sampled_from(hosts), max_size=2)))),
                constraints=draw(st.sampled_from([(), (), ("node.role==manager",)])),
                near=few(name),
                apart=few(name),
                needs=few(name),
                ports=draw(st.sampled_from([(), (), (port,)])),
                state=State.VOLUME if volume else State.NONE,
                volumes=(mount,) if volume else (),
            )
        )
    return fleet(servers, services)


@settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(fleets(), st.data())
def test_steps_lead_where_they_say(one: Fleet, data: st.DataObject) -> None:
    """The steps taken by hand, judged by the check that shares no code with the planner."""
    try:
        plan = make_plan(one)
    except QuorateError:
        return
    moved = data.draw(st.sampled_from(one.services))
    here = plan.services[moved.id].homes
    others = [s.name for s in one.servers if s.name not in here]
    if not others or not here:
        return
    target = data.draw(st.sampled_from(others))
    found = account(one, plan, moved.id, server=target).why_not
    assert found is not None
    assert found.allowed or found.words
    if not found.allowed:
        return
    homes = {name: placement.homes for name, placement in plan.services.items()}
    there = There(fleet=one, homes=homes, target=target, moving=(moved.id,))
    for _ in range(MOST):
        step = next_step(there, moved, set())
        if step is None:
            break
        there = step[1]
    side = side_of(there.fleet, {**homes, **there.at()})
    assert target in side.homes[moved.id]
    assert violations(side.fleet, side.plan) == ()
