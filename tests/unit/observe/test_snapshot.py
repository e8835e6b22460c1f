"""Observation is lenient: whatever an engine leaves out never raises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.observe import snapshot
from quorate.observe.containers import compose_states, container

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
SECTIONS = (
    *("Spec", "Status", "Description", "ManagerStatus", "Version", "UpdateStatus"),
    *("Endpoint", "NetworksAttachments"),
)


@given(st.dictionaries(st.sampled_from(SECTIONS), JSON))
def test_nothing_in_a_section_makes_it_raise(raw: dict[str, Any]) -> None:
    snapshot.node(raw)
    snapshot.service(raw)
    snapshot.task(raw)
    snapshot.network(raw)


def test_a_service_in_full() -> None:
    observed = snapshot.service(
        {
            "ID": "s1",
            "Version": {"Index": 7},
            "Spec": {
                "Name": "web_front",
                "Labels": {snapshot.STACK_LABEL: "web"},
                "TaskTemplate": {"ContainerSpec": {"Image": "x:1"}},
                "Mode": {"Replicated": {"Replicas": 3}},
            },
            "PreviousSpec": {"Name": "web_front"},
            "UpdateStatus": {"State": "paused", "Message": "update paused"},
        }
    )
    assert (observed.name, observed.stack, observed.image) == ("web_front", "web", "x:1")
    assert (observed.mode, observed.replicas, observed.version) == ("replicated", 3, 7)
    assert (observed.update_state, observed.update_message) == ("paused", "update paused")
    assert observed.previous_spec == {"Name": "web_front"}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ({"Global": {}}, ("global", None)),
        ({"ReplicatedJob": {"TotalCompletions": 2}}, ("replicated-job", 2)),
        ({"GlobalJob": {}}, ("global-job", None)),
        ({}, ("replicated", None)),
    ],
)
def test_modes(mode: dict[str, Any], expected: tuple[str, int | None]) -> None:
    observed = snapshot.service({"Spec": {"Name": "x", "Mode": mode}})
    assert (observed.mode, observed.replicas) == expected


def test_a_leader_that_hides_its_address_tells_it_by_its_manager_status() -> None:
    raw = {"Status": {"Addr": "0.0.0.0"}, "ManagerStatus": {"Addr": "192.0.2.1:2377"}}
    assert snapshot.node(raw).address == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05+01:00", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (None, None),
    ],
)
def test_moments(text: str | None, expected: datetime | None) -> None:
    assert snapshot.moment(text) == expected


def listed(name: str, state: str, status: str, project: str | None = "mail") -> dict[str, Any]:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": name}
    return {
        "Id": name,
        "Names": [f"/{name}"],
        "State": state,
        "Status": status,
        "Labels": labels if project else {},
    }


def test_compose_projects_are_counted_from_the_listing() -> None:
    seen = tuple(
        container(raw, "a")
        for raw in (
            listed("smtp", "running", "Up 2 hours (healthy)"),
            listed("imap", "running", "Up 2 hours (unhealthy)"),
            listed("web", "running", "Up 1 second (health: starting)"),
            listed("clamd", "exited", "Exited (1) 3 minutes ago"),
            listed("other", "running", "Up", project=None),
        )
    )
    (state,) = compose_states(seen)
    assert (state.containers, state.running, state.healthy, state.checked) == (4, 3, 1, 3)
    assert state.failing == ("imap", "clamd")


def test_a_container_without_any_field() -> None:
    assert container({}, "a").state == "unknown"


def test_addresses_by_network() -> None:
    found = snapshot.task(
        {
            "NetworksAttachments": [
                {"Network": {"ID": "n1"}, "Addresses": ["10.0.1.7/24"]},
                {"Network": {"ID": "n2"}, "Addresses": None},
            ]
        }
    )
    assert found.addresses == {"n1": ("10.0.1.7",)}
    virtual = [{"NetworkID": "n1", "Addr": "10.0.1.2/24"}, {"NetworkID": "n2"}]
    assert snapshot.service({"Endpoint": {"VirtualIPs": virtual}}).addresses == {"n1": "10.0.1.2"}


def test_networks_and_own_volumes_of_a_container() -> None:
    mounts = [
        {"Type": "volume", "Name": "rows", "Driver": "local", "RW": True},
        {"Type": "volume", "Name": "read", "Driver": "local", "RW": False},
        {"Type": "volume", "Name": "far", "Driver": "nfs", "RW": True},
        {"Type": "bind", "Source": "/srv", "RW": True},
    ]
    networks = {"backend": {"NetworkID": "n1", "IPAddress": "10.0.1.7"}, "none": None}
    raw = {"Id": "c", "Mounts": mounts, "NetworkSettings": {"Networks": networks}}
    found = container(raw, "a")
    assert (found.networks, found.volumes) == ({"n1": "10.0.1.7"}, ("rows",))
