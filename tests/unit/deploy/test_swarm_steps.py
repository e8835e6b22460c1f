"""Which steps make the swarm what the fleet file says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy.swarm_state import (
    Membership,
    SwarmState,
    addresses_of,
    choose_addresses,
    membership,
    parse_interfaces,
)
from quorate.deploy.swarm_steps import Forget, Init, Join, Leave, SetRole, Step, Tune, steps
from quorate.errors import EngineError, UnreachableError
from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import ObservedNode
from tests.fakes.fleets import make_fleet, make_server

ROLES = {"a": Role.MANAGER, "b": Role.MANAGER, "c": Role.MANAGER, "d": Role.WORKER}


def fleet(**roles: Role) -> Fleet:
    servers = [
        make_server(name, role=role, address=f"192.0.2.{i}")
        for i, (name, role) in enumerate({**ROLES, **roles}.items(), start=1)
    ]
    return make_fleet({"web": {"services": {"x": {}}}}, servers=servers)


def member(name: str, **changes: Any) -> Membership:
    control = ROLES[name] is Role.MANAGER
    values: dict[str, Any] = {
        "server": name,
        "state": "active",
        "node_id": f"id-{name}",
        "control": control,
        "works": control,
        "cluster": "ours" if control else "",
        "managers": ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    }
    return Membership(**{**values, **changes})


def node(name: str, **changes: Any) -> ObservedNode:
    values: dict[str, Any] = {
        "id": f"id-{name}",
        "hostname": name,
        "role": ROLES[name].value,
        "state": "ready",
        "address": f"192.0.2.{'abcd'.index(name) + 1}",
    }
    return ObservedNode(**{**values, **changes})


WHOLE = SwarmState(
    members={name: member(name) for name in ROLES},
    nodes=tuple(node(name) for name in ROLES),
    heartbeat=5.0,
    task_history=5,
)
NOTHING = SwarmState(members={name: Membership(server=name) for name in ROLES})


def changed(*, members: dict[str, Membership], nodes: dict[str, Any] | None = None) -> SwarmState:
    kept = tuple(n for n in WHOLE.nodes if (nodes or {}).get(n.hostname, n) is not None)
    return replace(WHOLE, members={**WHOLE.members, **members}, nodes=kept)


def kinds(found: tuple[Step, ...]) -> list[tuple[str, str]]:
    return [(type(step).__name__, step.server) for step in found]


def test_a_swarm_as_wanted_needs_nothing() -> None:
    assert steps(fleet(), WHOLE) == ()


def test_from_nothing() -> None:
    assert kinds(steps(fleet(), NOTHING)) == [
        ("Init", "a"),
        ("Join", "b"),
        ("Join", "c"),
        ("Join", "d"),
    ]


def test_only_what_is_missing_joins() -> None:
    state = changed(members={"c": Membership(server="c")}, nodes={"c": None})
    assert steps(fleet(), state) == (Join(server="c", role=Role.MANAGER),)


def test_a_node_that_left_takes_its_dead_entry_with_it() -> None:
    left = replace(
        WHOLE,
        members={**WHOLE.members, "d": Membership(server="d")},
        nodes=(*WHOLE.nodes[:3], node("d", state="down")),
    )
    assert steps(fleet(), left) == (
        Forget(server="d", node_id="id-d", was_manager=False),
        Join(server="d", role=Role.WORKER),
    )


@pytest.mark.parametrize("name", ["c", "d"])
def test_a_server_that_is_about_to_be_back_keeps_its_membership(name: str) -> None:
    """Its engine runs again, and the swarm has not taken its registration yet."""
    state = replace(
        WHOLE,
        members={**WHOLE.members, name: member(name, state="pending", works=False)},
        nodes=tuple(replace(n, state="down") if n.hostname == name else n for n in WHOLE.nodes),
    )
    assert steps(fleet(), state) == ()


def test_a_join_that_never_got_through_is_done_again() -> None:
    joining = Membership(server="d", state="pending")
    state = changed(members={"d": joining}, nodes={"d": None})
    assert kinds(steps(fleet(), state)) == [("Leave", "d"), ("Join", "d")]


def test_a_node_the_swarm_removed_leaves_first() -> None:
    state = changed(members={}, nodes={"d": None})
    assert kinds(steps(fleet(), state)) == [("Leave", "d"), ("Join", "d")]


def test_a_server_that_is_back_under_a_new_id_loses_the_old_entry() -> None:
    state = replace(WHOLE, nodes=(*WHOLE.nodes, node("c", id="old", state="down")))
    assert steps(fleet(), state) == (Forget(server="c", node_id="old", was_manager=True),)


def test_a_server_that_is_only_down_is_left_alone() -> None:
    state = replace(
        WHOLE,
        members={name: member(name) for name in "abd"},
        nodes=(*WHOLE.nodes[:2], node("c", state="down"), node("d")),
        unreachable={"c": UnreachableError("c is off")},
    )
    assert steps(fleet(), state) == ()


def test_promotions_come_before_demotions() -> None:
    found = steps(fleet(a=Role.WORKER, d=Role.MANAGER), WHOLE)
    assert found == (
        SetRole(server="d", node_id="id-d", role=Role.MANAGER),
        SetRole(server="a", node_id="id-a", role=Role.WORKER),
    )


def test_a_server_that_is_drained_is_not_promoted_meanwhile() -> None:
    """`quorate drain` demotes it, and `quorate undrain` promotes it again."""
    drained = node("d", availability="drain")
    wanted = fleet(d=Role.MANAGER)
    assert steps(wanted, replace(WHOLE, nodes=(*WHOLE.nodes[:3], drained))) == ()
    assert kinds(steps(wanted, WHOLE)) == [("SetRole", "d")]


def test_settings_are_tuned_last() -> None:
    assert steps(fleet(), replace(WHOLE, heartbeat=1.0)) == (
        Tune(server="", heartbeat=5.0, task_history=5),
    )


def test_the_first_manager_that_answers_makes_the_swarm() -> None:
    state = SwarmState(members={n: Membership(server=n) for n in "bcd"})
    assert kinds(steps(fleet(), state))[0] == ("Init", "b")


STRANGER = member("d", node_id="x", managers=("203.0.113.9",))
OWN_SWARM = member("d", control=True, works=True, cluster="theirs", node_id="x")
LOST = {
    n: member(n, works=False, error="The swarm does not have a leader.")
    for n in ("a", "b", "c", "d")
}


STARTING = {n: member(n, state="pending", works=False, cluster="") for n in "abcd"}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (changed(members={"d": STRANGER}, nodes={"d": None}), "d belongs to another swarm"),
        (changed(members={"d": OWN_SWARM}, nodes={"d": None}), "different swarms"),
        (SwarmState(members=LOST), "no quorum"),
        (
            SwarmState(members={**NOTHING.members, "d": STRANGER}),
            "none of whose managers is in this fleet",
        ),
        (changed(members={"c": member("c", state="locked", works=False)}), "locked"),
        (
            changed(members={"d": replace(STRANGER, state="pending")}, nodes={"d": None}),
            "d belongs to another swarm",
        ),
        (SwarmState(members=STARTING), "a, b, c, d knows does not work"),
        (SwarmState(members={"d": Membership(server="d")}), "no manager of the fleet answers"),
    ],
)
def test_refused(state: SwarmState, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        steps(fleet(), state)
    assert caught.value.todo


@given(st.data())
def test_whatever_step_a_run_stops_at_the_next_decision_finishes(data: st.DataObject) -> None:
    """Interrupted transitions: take some steps, look again, and end at nothing to do."""
    present = data.draw(st.sets(st.sampled_from("abcd")))
    state = simulate(NOTHING, [Init(server="a")]) if present else NOTHING
    for name in sorted(present - {"a"}):
        state = simulate(state, [Join(server=name, role=data.draw(st.sampled_from(Role)))])
    for _ in range(20):
        todo = steps(fleet(), state)
        if not todo:
            break
        state = simulate(state, todo[: data.draw(st.integers(1, len(todo)))])
    assert steps(fleet(), state) == ()
    assert {n.hostname: n.role for n in state.nodes} == {n: r.value for n, r in ROLES.items()}


def simulate(state: SwarmState, taken: list[Step] | tuple[Step, ...]) -> SwarmState:
    """What a swarm would look like after these steps."""
    for step in taken:
        members, nodes = dict(state.members), list(state.nodes)
        if isinstance(step, Init | Join):
            role = Role.MANAGER if isinstance(step, Init) else step.role
            manages = role is Role.MANAGER
            members[step.server] = member(
                step.server, control=manages, works=manages, cluster="ours" if manages else ""
            )
            nodes.append(node(step.server, role=role.value))
        elif isinstance(step, SetRole):
            manages = step.role is Role.MANAGER
            members[step.server] = replace(
                members[step.server], control=manages, works=manages, cluster="ours"
            )
            nodes = [replace(n, role=step.role.value) if n.id == step.node_id else n for n in nodes]
        elif isinstance(step, Tune):
            state = replace(state, heartbeat=step.heartbeat, task_history=step.task_history)
        else:
            assert not isinstance(step, Leave | Forget), "nothing was lost in this run"
        state = replace(state, members=members, nodes=tuple(nodes))
    return state


INTERFACES = """\
2: eth0    inet 198.18.1.11/24 brd 198.18.1.255 scope global eth0\\ valid_lft forever
3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\ valid_lft forever
9: eth1    inet 10.0.0.4/24 scope global eth1
"""


def test_dockers_own_interfaces_are_left_out() -> None:
    assert [str(i) for i in parse_interfaces(INTERFACES)] == ["198.18.1.11/24", "10.0.0.4/24"]


def test_the_common_network_is_chosen() -> None:
    own = parse_interfaces(INTERFACES)
    other = parse_interfaces("2: eth0 inet 198.18.1.12/24 scope global eth0")
    assert choose_addresses({"a": own, "b": other}) == {"a": "198.18.1.11", "b": "198.18.1.12"}


def test_no_or_two_common_networks_are_an_error_that_shows_them() -> None:
    own = parse_interfaces(INTERFACES)
    with pytest.raises(EngineError, match="not clear") as caught:
        choose_addresses({"a": own, "b": own})
    assert "198.18.1.11/24" in str(caught.value.cause)
    with pytest.raises(EngineError):
        choose_addresses({"a": own, "b": ()})


def test_addresses_in_the_fleet_file_are_taken_as_they_are() -> None:
    named = make_server("n", address="some-alias")
    plain = make_server("p", address="192.0.2.7")
    found = addresses_of([named, plain], {"n": parse_interfaces(INTERFACES)[:1]})
    assert found == {"n": "198.18.1.11", "p": "192.0.2.7"}


@pytest.mark.parametrize(
    ("swarm", "works"),
    [
        ({"LocalNodeState": "active", "ControlAvailable": True, "Cluster": {"ID": "x"}}, True),
        ({"LocalNodeState": "active", "ControlAvailable": False}, False),
        (
            {
                "LocalNodeState": "active",
                "ControlAvailable": True,
                "Cluster": {"ID": "x"},
                "Error": "context deadline exceeded",
            },
            False,
        ),
        ({}, False),
        ({"RemoteManagers": None, "Cluster": None, "LocalNodeState": None}, False),
    ],
)
def test_membership_from_an_engines_words(swarm: dict[str, Any], works: bool) -> None:
    assert membership("a", swarm).works is works


def test_an_engine_that_still_calls_its_node_failed_works_where_its_swarm_answers() -> None:
    """Seen in a lab (26.1.5): a worker that was made a manager after all managers were lost."""
    said: dict[str, Any] = {
        "NodeID": "id-d",
        "LocalNodeState": "error",
        "ControlAvailable": True,
        "Error": "",
        "Cluster": {"ID": "ours"},
    }
    found = membership("d", said)
    assert found.works and found.state == "active"
    for wrong in ({"Error": "it failed"}, {"Cluster": None}, {"ControlAvailable": False}):
        other = membership("d", said | wrong)
        assert not other.works and other.state == "error", wrong
