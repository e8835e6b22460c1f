"""A move chosen, shown, or refused with what to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Disk, Fleet
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.recover.model import Operation
from quorate.recover.moving import choose
from quorate.recover.moving.choose import Seen, Wish
from quorate.recover.moving.copying import MOST_ROUNDS, enough
from quorate.recover.moving.model import of_facts
from tests.unit.fleet.helpers import fleet_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
FLEET = """\
version: 1
name: test
servers:
  one: {address: 192.0.2.1, role: manager, cpus: 4, memory: 8G}
  two: {address: 192.0.2.2, role: manager, cpus: 4, memory: 8G}
  small: {address: 192.0.2.3, role: manager, cpus: 1, memory: 512M}
stacks:
  app: {files: [compose.yaml], class: data}
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/rows"], x-quorate: {state: postgres},
       deploy: {resources: {reservations: {memory: 1G}}}}
  pinned: {image: postgres, volumes: ["p:/rows"], x-quorate: {state: postgres, pin: one}}
  pair: {image: x, volumes: ["shared:/a", "/srv/own:/b", "/etc/conf:/c:ro"],
         x-quorate: {state: volume}}
  other: {image: x, volumes: ["shared:/a"], x-quorate: {state: volume}}
  web: {image: x, x-quorate: {needs: [db]}}
  many: {image: x, volumes: ["m:/a"], deploy: {replicas: 2}, x-quorate: {state: volume}}
  far: {image: x, volumes: ["n:/a"], x-quorate: {state: volume}}
volumes:
  d: {}
  p: {}
  shared: {}
  m: {}
  n: {driver_opts: {type: nfs, o: "addr=192.0.2.9", device: ":/x"}}
"""
MOUNTS: dict[str, list[dict[str, Any]]] = {
    "app_db": [{"Type": "volume", "Source": "app_d", "Target": "/rows"}],
    "app_pinned": [{"Type": "volume", "Source": "app_p", "Target": "/rows"}],
    "app_pair": [
        {"Type": "volume", "Source": "app_shared", "Target": "/a"},
        {"Type": "bind", "Source": "/srv/own", "Target": "/b"},
        {"Type": "bind", "Source": "/etc/conf", "Target": "/c", "ReadOnly": True},
        {"Type": "tmpfs", "Target": "/t"},
    ],
    "app_other": [{"Type": "volume", "Source": "app_shared", "Target": "/a"}],
    "app_web": [],
    "app_many": [{"Type": "volume", "Source": "app_m", "Target": "/a"}],
    "app_far": [
        {
            "Type": "volume",
            "Source": "app_n",
            "Target": "/a",
            "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"type": "nfs"}}},
        }
    ],
}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, {"fleet.yaml": FLEET, "compose.yaml": COMPOSE})


def seen(**more: Any) -> Seen:
    """All on `one`, every server ready; 10 GB in each volume there."""
    nodes = tuple(
        ObservedNode(id=f"id-{name}", hostname=name, role="manager", state="ready")
        for name in ("one", "two", "small")
    )
    services = tuple(
        ObservedService(
            id=f"id-{name}",
            name=name,
            replicas=1,
            spec={
                "TaskTemplate": {
                    "ContainerSpec": {"Image": f"{name}@sha256:1", "Mounts": mounts},
                    "Placement": {"Constraints": ["node.hostname == one"]},
                }
            },
        )
        for name, mounts in MOUNTS.items()
    )
    tasks = tuple(
        ObservedTask(
            id=f"task-{name}",
            service_id=f"id-{name}",
            node_id="id-one",
            state="running",
            desired_state="running",
        )
        for name in MOUNTS
    )
    given: dict[str, Any] = {
        "snapshot": Snapshot(taken_at=NOW, nodes=nodes, services=services, tasks=tasks),
        "homes": {name.removeprefix("app_"): ("one",) for name in MOUNTS},
        "volumes": {"one": ["app_d", "app_p", "app_shared"], "two": ["stray"], "small": []},
        "sizes": {("one", "app_d"): 10 * 10**9},
        "rate": 100e6,
        "run": "move:db@2026",
    }
    return Seen(**(given | more))


def moved(fleet: Fleet, *names: str, to: str = "two", **more: Any) -> Operation:
    wishes = [Wish(service=name, target=to) for name in names]
    return choose.operation(fleet, wishes, seen(**more))


def test_a_database_goes_with_its_volume_and_all_is_said_beforehand(fleet: Fleet) -> None:
    made = moved(fleet, "db")
    move = of_facts(made.facts)
    assert [step.id for step in made.steps] == [
        *("image", "movers", "copy", "stop", "sync", "home", "switch", "check", "clear")
    ]
    (one,) = move.moved
    assert (one.source, one.target) == ("one", "two")
    assert one.constraint == "node.hostname==two" and one.former == ("node.hostname==one",)
    assert one.image == "app_db@sha256:1" and one.dependents == ("app_web",)
    assert [volume.name for volume in move.pairs[0].volumes] == ["app_d"]
    copy = next(step for step in made.steps if step.id == "copy")
    assert copy.seconds == pytest.approx(125.0)
    assert made.seconds is not None and made.facts["down_expected"] < 25
    assert "assumed" in made.warnings[0] and "9.3" in made.warnings[0]
    assert not any(step.final for step in made.steps) and made.loses == ""


def test_what_ends_slowly_counts_as_abandoned_that_much_later(fleet: Fleet) -> None:
    default, slow = of_facts(moved(fleet, "db").facts), seen()
    container = slow.snapshot.services[0].spec["TaskTemplate"]["ContainerSpec"]
    container["StopGracePeriod"] = 3600 * 10**9
    wish = Wish(service="db", target="two")
    move = of_facts(choose.operation(fleet, [wish], slow).facts)
    assert (default.moved[0].grace, move.moved[0].grace) == (10.0, 3600.0)
    assert move.down - default.down == 3590.0


def test_without_sizes_no_time_is_made_up(fleet: Fleet) -> None:
    made = moved(fleet, "db", sizes={}, measured=True)
    assert made.seconds is None and "not known" in made.warnings[0]
    assert "(measured)" in made.warnings[0]


def test_services_that_share_a_volume_go_together_and_it_is_copied_once(fleet: Fleet) -> None:
    with pytest.raises(RefusedError, match="rules forbid") as error:
        moved(fleet, "pair")
    assert "share the local volume app_shared" in str(error.value.cause)
    made = moved(fleet, "pair", "other")
    move = of_facts(made.facts)
    assert [one.name for one in move.pairs[0].volumes] == ["app_shared", "/srv/own"]
    assert [one.volumes for one in move.moved] == [(0, 1), (0,)]
    assert any("/etc/conf" in warning for warning in made.warnings)


@pytest.mark.parametrize(
    ("names", "to", "error", "words"),
    [
        (("pinned",), "two", RefusedError, "pinned to one"),
        (("db",), "small", RefusedError, "rules forbid"),
        (("db",), "one", UsageError, "runs on one already"),
        (("db",), "nine", UsageError, "has no server nine"),
        (("web",), "two", UsageError, "keeps no volume"),
        (("far",), "two", UsageError, "keeps no volume"),
        (("many",), "two", UsageError, "no service with one replica"),
        ((), "two", UsageError, "nothing to move"),
    ],
)
def test_what_cannot_be_moved_is_refused_with_what_to_do(
    fleet: Fleet, names: tuple[str, ...], to: str, error: type[QuorateError], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        moved(fleet, *names, to=to)
    assert raised.value.todo or to == "one"


def test_a_pin_is_named_with_its_place(fleet: Fleet) -> None:
    with pytest.raises(RefusedError) as error:
        moved(fleet, "pinned")
    assert "compose.yaml:" in str(error.value.cause) and "pin: two" in str(error.value.todo)


def test_no_room_is_said_in_figures(fleet: Fleet) -> None:
    with pytest.raises(RefusedError) as error:
        moved(fleet, "db", to="small")
    assert "memory" in str(error.value.cause)


def test_a_server_that_is_down_or_drained_takes_nothing(fleet: Fleet) -> None:
    whole = seen().snapshot
    one, two, small = whole.nodes
    for changed in (replace(two, state="down"), replace(two, availability="drain")):
        with pytest.raises(RefusedError, match="two cannot take"):
            moved(fleet, "db", snapshot=replace(whole, nodes=(one, changed, small)))


def test_data_that_are_there_already_are_not_overwritten_unasked(fleet: Fleet) -> None:
    there = {"two": ["app_d"]}
    with pytest.raises(RefusedError, match="has the volume app_d already") as error:
        moved(fleet, "db", volumes=there)
    assert "--over app_d" in str(error.value.todo)
    assert of_facts(moved(fleet, "db", volumes=there, over=("app_d",)).facts).over == ("app_d",)


def with_disk(fleet: Fleet, size: int) -> Fleet:
    servers = tuple(
        one.model_copy(update={"disks": (Disk(name="a", size=size),)}) if one.name == "two" else one
        for one in fleet.servers
    )
    return fleet.model_copy(update={"servers": servers})


def test_a_disk_that_the_data_do_not_fit_on_is_said_in_the_plan(fleet: Fleet) -> None:
    sizes = {("one", "app_d"): 10 * 10**9, ("two", "stray"): 30 * 10**9, ("small", "x"): 10**12}
    moved(with_disk(fleet, 41 * 10**9), "db", sizes=sizes)
    with pytest.raises(RefusedError, match=r"two has disks of .* nothing was changed") as error:
        moved(with_disk(fleet, 40 * 10**9), "db", sizes=sizes)
    assert "remove volumes there" in str(error.value.todo)
    moved(fleet, "db", sizes=sizes)  # the fleet file lists no disk


def test_what_is_overwritten_is_not_counted_twice(fleet: Fleet) -> None:
    sizes = {("one", "app_d"): 10 * 10**9, ("two", "app_d"): 30 * 10**9}
    disk = with_disk(fleet, 31 * 10**9)
    made = moved(disk, "db", sizes=sizes, volumes={"two": ["app_d"]}, over=("app_d",))
    assert made.facts["sizes"] == {"one:app_d": 10 * 10**9, "two:app_d": 30 * 10**9}
    grown = {**sizes, ("one", "app_d"): 40 * 10**9}
    with pytest.raises(RefusedError, match="two has disks of"):
        moved(disk, "db", sizes=grown, volumes={"two": ["app_d"]}, over=("app_d",))
    absent = moved(fleet, "db", sizes={("one", "app_d"): 5}, over=("app_d",))
    assert absent.facts["sizes"] == {"one:app_d": 5, "two:app_d": 0}


def test_where_the_planner_would_take_it_back_a_pin_is_asked_for(fleet: Fleet) -> None:
    with pytest.raises(RefusedError, match="would not stay on two") as error:
        moved(fleet, "db", after={"db": ("one",)})
    assert "pin: two" in str(error.value.todo)
    moved(fleet, "db", after={"db": ("two",)})


def test_a_service_that_does_not_run_has_no_place(fleet: Fleet) -> None:
    whole = seen().snapshot
    with pytest.raises(QuorateError, match="db does not run"):
        moved(fleet, "db", snapshot=replace(whole, tasks=()))
    with pytest.raises(QuorateError, match="not in the swarm"):
        moved(fleet, "db", snapshot=replace(whole, services=()))


@given(st.lists(st.floats(0.0, 500.0), max_size=20))
def test_rounds_end(seconds: list[float]) -> None:
    done = [number for number in range(len(seconds) + 1) if enough(seconds[:number])]
    if len(seconds) >= MOST_ROUNDS:
        assert done and done[0] <= MOST_ROUNDS
    assert 0 not in done
    if seconds and seconds[0] > 2.0:
        assert not enough(seconds[:1])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([], False), ([1.0], True), ([60.0], False), ([60.0, 50.0], False), ([60.0, 9.0, 8.0], True)],
)
def test_another_round_where_it_brings_something(seconds: list[float], expected: bool) -> None:
    assert enough(seconds) is expected
