"""Labels, networks, records and locks: what is decided about them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from quorate.deploy import lock, record
from quorate.deploy.labels import label_changes
from quorate.deploy.networks import differences, missing_networks
from quorate.errors import EngineError, QuorateError
from quorate.fleet.observed import ObservedNode
from quorate.tools import process

OVERLAY = {"driver": "overlay", "scope": "swarm", "attachable": True, "options": {}}


def node(name: str, **changes: Any) -> ObservedNode:
    return ObservedNode(**{"id": name, "hostname": name, "state": "ready", **changes})


def test_only_our_own_stale_labels_go() -> None:
    labels = {"rack": "1", "quorate.pool.old": "yes", "disk": "hdd"}
    (change,) = label_changes((node("a", labels=labels),), {"a": {"disk": "ssd"}})
    assert change.apply(labels) == {"rack": "1", "disk": "ssd"}
    assert (change.put, change.drop) == ({"disk": "ssd"}, ("quorate.pool.old",))


def test_labels_as_wanted_and_unknown_nodes_need_nothing() -> None:
    nodes = (node("a", labels={"x": "1"}), node("stranger", labels={"quorate.pool.x": "yes"}))
    assert label_changes(nodes, {"a": {"x": "1"}}) == ()


def test_the_dead_entry_of_a_server_is_left_alone() -> None:
    nodes = (node("a"), node("a", id="old", state="down"))
    (change,) = label_changes(nodes, {"a": {"x": "1"}})
    assert change.node_id == "a"


@pytest.mark.parametrize(
    ("options", "found", "words"),
    [
        ({}, OVERLAY, []),
        ({"encrypted": ""}, {**OVERLAY, "options": {"encrypted": "true"}}, []),
        ({"encrypted": ""}, OVERLAY, ["it is not encrypted"]),
        ({}, {**OVERLAY, "options": {"encrypted": ""}}, ["it is encrypted"]),
        ({}, {**OVERLAY, "attachable": False}, ["it is not attachable"]),
        ({}, {**OVERLAY, "driver": "bridge", "scope": "local"}, ["local bridge"]),
        ({"mtu": 1400}, OVERLAY, ["option mtu is None, not '1400'"]),
        (
            {},
            {**OVERLAY, "options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"}},
            [],
        ),
    ],
)
def test_network_differences(
    options: dict[str, Any], found: dict[str, Any], words: list[str]
) -> None:
    told = differences(options, found)
    assert len(told) == len(words) and all(w in t for w, t in zip(words, told, strict=True))


def test_missing_networks_and_all_differences_at_once() -> None:
    assert missing_networks({"a": {}, "b": {}}, {"a": OVERLAY}) == ("b",)
    with pytest.raises(EngineError) as caught:
        missing_networks({"a": {"encrypted": ""}, "b": {"x": 1}}, {"a": OVERLAY, "b": OVERLAY})
    assert "a: " in str(caught.value.cause) and "b: " in str(caught.value.cause)


CONTENT = record.RecordContent(fleet="f", stacks={"web": {"services": {}}}, homes={"x": ("a",)})


def stored(number: int, part: int = 1, parts: int = 1, **labels: str) -> dict[str, Any]:
    own = {
        record.NUMBER: str(number),
        record.PART: str(part),
        record.PARTS: str(parts),
        record.FLEET: "f",
        record.OUTCOME: "healthy",
        **labels,
    }
    return {"ID": f"{number}.{part}", "Spec": {"Labels": own}}


def test_records_are_listed_in_order_with_their_parts() -> None:
    listed = [stored(2, 2, 2), stored(10), stored(2, 1, 2), {"Spec": {}}, {}]
    found = record.entries(listed, "f")
    assert [(e.number, e.ids) for e in found] == [(2, ("2.1", "2.2")), (10, ("10.1",))]
    assert record.entries(listed, "another fleet") == ()


def test_a_record_whose_writing_was_cut_short_is_no_history() -> None:
    assert record.entries([stored(3, 1, 2)], "f") == ()


def test_contents_survive_packing_and_damage_is_told() -> None:
    parts = record.pack(CONTENT)
    assert record.unpack(parts, 1) == CONTENT
    with pytest.raises(QuorateError, match="record 4 cannot be read"):
        record.unpack([base64.b64decode("AAAA")], 4)


def holder(**changes: Any) -> lock.Holder:
    values: dict[str, Any] = {
        "id": "i",
        "token": "t",
        "owner": "root",
        "host": "desk",
        "what": "up",
        "since": "2026-01-01T00:00:00+00:00",
        "age": 5.0,
        "process": process.this_process(),
    }
    return lock.Holder(**{**values, **changes})


def test_a_lock_is_stale_when_it_ages_or_its_process_here_is_gone() -> None:
    mine = process.this_process()
    assert holder().stale is None
    assert "not renewed" in str(holder(age=lock.STALE_SECONDS + 1).stale)
    gone = process.Process(place=mine.place, pid=mine.pid, started="another start")
    assert "has ended" in str(holder(process=gone).stale)
    elsewhere = process.Process(place="another machine", pid=1, started="")
    assert holder(process=elsewhere).stale is None


def test_a_holder_is_described_with_who_where_and_what() -> None:
    told = holder().describe()
    assert all(words in told for words in ("root", "desk", "`up`", "2026-01-01"))
