"""What is pure of a move: specs, homes, answers, lines of pg_hba.conf, what-ifs, rsync's words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.policy import quiesce
from quorate.deploy.record import RecordContent
from quorate.errors import MachineError, UsageError
from quorate.recover.moving import replica, spec, standby
from quorate.recover.moving.answering import read, told_error
from quorate.recover.moving.choose import Wish
from quorate.recover.moving.copying import differences
from quorate.recover.moving.homes import Home, rehomed
from quorate.recover.moving.model import Carried, Pair
from quorate.recover.moving.spec import SERVE, WAIT
from quorate.recover.moving.trees import names_of
from quorate.recover.moving.whatif import wishes_of
from quorate.tools import rsync
from tests.unit.fleet.helpers import fleet_of
from tests.unit.plan.whatif.asking import Present, ask

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
VOLUME: dict[str, Any] = {
    "Type": "volume",
    "Source": "app_d",
    "Target": "/rows",
    "VolumeOptions": {"Labels": {"com.docker.stack.namespace": "app"}},
}
PAIR = Pair(source="one", target="two", volumes=(Carried(name="app_d", mount=VOLUME),))
SERVICE: dict[str, Any] = {
    "Name": "app_db",
    "Labels": {"kept": "yes"},
    "Mode": {"Replicated": {"Replicas": 1}},
    "TaskTemplate": {
        "ContainerSpec": {"Image": "x", "Odd": {"kept": True}},
        "Placement": {"Constraints": ["node.hostname==one", "node.role == manager"], "Kept": 1},
    },
}


def stopped(run: str = "move:db@1") -> dict[str, Any]:
    return spec.stopped(SERVICE, run=run, source="move db", now=NOW, down=900)


def test_the_service_beside_the_data_can_only_read_them() -> None:
    made = {
        side: spec.mover_spec("run", PAIR, side, fleet="test", image="quorate:1", secrets=[])
        for side in (SERVE, WAIT)
    }
    mounts = {side: one["TaskTemplate"]["ContainerSpec"]["Mounts"][0] for side, one in made.items()}
    assert mounts[SERVE]["ReadOnly"] is True and mounts[WAIT]["ReadOnly"] is False
    assert mounts[WAIT]["Source"] == "app_d" and mounts[WAIT]["Target"] == "/data/0"
    # A volume that is made by it is the one that the stack would have made.
    assert mounts[WAIT]["VolumeOptions"] == {**VOLUME["VolumeOptions"], "NoCopy": True}
    places = {side: one["TaskTemplate"]["Placement"]["Constraints"] for side, one in made.items()}
    assert places == {SERVE: ["node.hostname==one"], WAIT: ["node.hostname==two"]}
    assert made[SERVE]["Name"] != made[WAIT]["Name"]
    assert spec.mover_name("other", PAIR, SERVE) != made[SERVE]["Name"]


def test_stopped_compared_switched() -> None:
    still = stopped()
    assert quiesce.held(still, "move:db@1") and not spec.ready(still, "move:db@1")
    assert spec.switched(still, "node.hostname==two", "move:db@1") is None
    compared = spec.verified(still, "move:db@1")
    assert compared is not None and spec.ready(compared, "move:db@1")
    assert spec.switched(compared, "node.hostname==two", "another") is None
    there = spec.switched(compared, "node.hostname==two", "move:db@1")
    assert there is not None and there["Labels"] == {"kept": "yes"}
    assert quiesce.replicas_of(there) == 1
    assert spec.constraints(there) == ["node.hostname==two", "node.role==manager"]
    assert there["TaskTemplate"]["Placement"]["Kept"] == 1
    assert there["TaskTemplate"]["ContainerSpec"] == SERVICE["TaskTemplate"]["ContainerSpec"]
    back = spec.returned(there, ("node.hostname==one", "node.role==manager"))
    assert sorted(spec.constraints(back)) == ["node.hostname==one", "node.role==manager"]


def test_constraints_of_its_owner_stay_as_they_are_written() -> None:
    theirs = "node.labels.room == big room"
    had = {"TaskTemplate": {"Placement": {"Constraints": ["node.hostname == one", theirs]}}}
    there = spec.placed(had, "node.hostname==two")
    assert there["TaskTemplate"]["Placement"]["Constraints"] == ["node.hostname==two", theirs]
    back = spec.returned(there, tuple(spec.constraints(had)))
    assert back["TaskTemplate"]["Placement"]["Constraints"] == ["node.hostname==one", theirs]


def test_who_starts_or_stops_it_meanwhile_undoes_the_mark() -> None:
    compared = spec.verified(stopped(), "move:db@1")
    assert compared is not None
    started = {**compared, "Mode": {"Replicated": {"Replicas": 1}}}
    assert spec.switched(started, "node.hostname==two", "move:db@1") is None
    assert spec.verified(started, "move:db@1") is None
    again = spec.stopped(started, run="move:db@1", source="move db", now=NOW, down=900)
    assert not spec.ready(again, "move:db@1")


def test_the_record_has_the_new_home_everywhere() -> None:
    one = "node.hostname==one"
    content = RecordContent(
        fleet="test",
        stacks={
            "app": {
                "services": {
                    "db": {"deploy": {"placement": {"constraints": [one, "node.role==manager"]}}},
                    "web": {"image": "x"},
                }
            }
        },
        homes={"db": ("one",), "web": ("two",)},
        home_constraints={"db": one, "web": None},
        pool_constraints={"db": one, "web": None},
        plan={"services": {"db": {"home": "one", "homes": ["one"], "pool": ["one"]}}},
    )
    home = Home(service="db", stack="app", name="db", servers=("two",))
    made = rehomed(content, [home], ["one", "two", "three"])
    two = "node.hostname==two"
    assert made.homes == {"db": ("two",), "web": ("two",)}
    assert made.home_constraints["db"] == made.pool_constraints["db"] == two
    assert made.plan["services"]["db"] == {"home": "two", "homes": ["two"], "pool": ["two"]}
    placement = made.stacks["app"]["services"]["db"]["deploy"]["placement"]
    assert placement["constraints"] == [two, "node.role==manager"]
    assert content.homes["db"] == ("one",) and content.plan["services"]["db"]["home"] == "one"
    back = rehomed(
        made, [Home(service="db", stack="app", name="db", servers=("one",))], ["one", "two"]
    )
    assert back.homes == content.homes and back.plan == content.plan


def test_an_answer_is_the_last_line_that_is_one() -> None:
    assert read('warning: x\n{"files": 3}\n', 0, "`pull`") == {"files": 3}
    error = told_error(MachineError("no room", cause="full", todo="make room"))
    with pytest.raises(MachineError, match="no room") as raised:
        read(f"noise\n{json.dumps(error)}\n", 6, "`pull`")
    assert raised.value.todo == "make room"
    with pytest.raises(MachineError, match=r"did not answer \(exit code 137\)") as raised:
        read("Killed\n", 137, "`pull`")
    assert raised.value.cause == "Killed"


def test_differences_are_told_by_the_names_of_volumes() -> None:
    trees = {
        SERVE: {"0/a": "1:x;mode=0644", "0/b": "1:y;mode=0644"},
        WAIT: {"0/a": "1:z;mode=0644", "0/c": "1:y;mode=0644"},
    }
    assert differences(PAIR, trees) == [
        "app_d: a: other content",
        "app_d: b is missing",
        "app_d: c was not in the source",
    ]


@given(st.lists(st.sampled_from(["local all all trust\n", "# own\n", "\n", "host x y z md5\n"])))
def test_a_line_that_was_put_into_pg_hba_goes_without_a_trace(lines: list[str]) -> None:
    text = "".join(lines)
    once = standby.with_line(text, "host replication p samenet scram-sha-256")
    assert once.startswith(standby.MARK)
    assert standby.with_line(once, "host replication p samenet scram-sha-256") == once
    assert standby.without_line(once) == text


def test_places_in_the_log_are_ordered() -> None:
    assert standby.position("0/FFFFFFFF") < standby.position("1/0") < standby.position("1/16B37")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"superuser": False}, "no superuser"),
        ({"in_recovery": True}, "replica itself"),
        ({"level": "minimal"}, "wal_level is minimal"),
        ({"tablespaces": 1}, "tablespaces"),
        ({"unlogged": "shop.cache"}, "shop.cache is unlogged"),
        ({"logical": "to_the_warehouse"}, "logical slot to_the_warehouse"),
        ({"version": 12}, "Postgres 12"),
    ],
)
def test_what_no_replica_can_be_made_of(changed: dict[str, Any], words: str) -> None:
    whole = {
        **{"superuser": True, "in_recovery": False, "level": "replica"},
        **{"tablespaces": 0, "version": 17, "unlogged": "", "logical": ""},
    }
    said = standby.lacks({**whole, **changed})
    assert words in said and bool(said) == bool(changed)


def test_a_data_directory_in_its_volume() -> None:
    assert replica.below_mount("/var/lib/postgresql/data", "/var/lib/postgresql/data") == ""
    assert (
        replica.below_mount("/var/lib/postgresql/18/docker", "/var/lib/postgresql") == "18/docker"
    )
    with pytest.raises(MachineError, match="not in its volume"):
        replica.below_mount("/elsewhere", "/var/lib/postgresql")


def test_only_a_replica_at_the_very_same_place_will_do() -> None:
    was = {"state": "shut down", **dict.fromkeys(standby.SAME, "1")}
    now = {**was, "state": "shut down in recovery"}
    assert replica.different(was, now) == []
    for name in standby.SAME:
        assert replica.different(was, {**now, name: "2"}) == [f"{name}: 2 instead of 1"]
    assert replica.different(was, {**now, "state": "in archive recovery"})


def test_settings_are_written_so_that_postgres_reads_them() -> None:
    assert standby.configuration({"a": "it's"}) == "a = 'it''s'\n"


STATS = """
Number of files: 1,003 (reg: 1,000, dir: 3)
Number of regular files transferred: 12
Total file size: 1,234,567 bytes
Total transferred file size: 45,678 bytes
Total bytes received: 50,001
"""


def test_what_rsync_tells() -> None:
    made = rsync.stats(STATS, 2.0)
    assert (made.files, made.changed, made.sent, made.total) == (12, 45678, 50001, 1234567)
    text = rsync.config(
        {"data": Path("/data")}, user="u", secrets=Path("/s"), port=873, chroot=True
    )
    assert "read only = yes" in text and "auth users = u" in text and "list = no" in text


def test_what_is_no_what_if_moves_nothing(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, {"compose.yaml": "services:\n  a: {image: x}\n"})
    file = tmp_path / "move.json"
    with pytest.raises(UsageError, match="cannot be read"):
        wishes_of(file, fleet)
    file.write_text("{}")
    with pytest.raises(UsageError, match="no what-if"):
        wishes_of(file, fleet)


KEEPS = """\
services:
  db: {image: x, volumes: ["d:/rows"], x-quorate: {state: postgres}}
  web: {image: x}
volumes: {d: }
"""


def test_a_what_if_is_a_plan_of_moves_for_what_keeps_data(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, {"compose.yaml": KEEPS})
    present: Present = {"db": ("one",), "web": ("one",)}
    file = tmp_path / "move.json"
    file.write_text(ask(fleet, present, move=["db=two", "web=two"]).model_dump_json())
    asked, said = wishes_of(file, fleet)
    assert asked == (Wish(service="db", target="two"),)
    assert said == "left to `quorate up`: web"
    with pytest.raises(UsageError, match="is about the fleet test"):
        wishes_of(file, fleet.model_copy(update={"name": "another"}))
    file.write_text(ask(fleet, present, move=["web=two"]).model_dump_json())
    with pytest.raises(UsageError, match="moves no service that keeps data"):
        wishes_of(file, fleet)


def line(name: str, what: str = "3:abc;mode=0644") -> str:
    return f"{name}\t{what}\n"


DIRECTORY = "0:directory;mode=0755"


@pytest.mark.parametrize(
    ("former", "present", "names"),
    [
        ([], [], []),
        ([line("0/a")], [line("0/a", "4:def")], ["0/a"]),
        ([line("0/.", DIRECTORY)], [line("0/.", "0:directory;mode=0700")], ["0"]),
        ([line("0/a\tb\nc")], [], ["0/a\tb\nc"]),
        # All of a directory goes by its own name.
        ([line("0/d", DIRECTORY), line("0/d/a"), line("0/d/e", DIRECTORY), line("0/d/e/f")], [],
         ["0/d"]),
        # What was below a directory that is a file now goes by that.
        ([line("0/d", DIRECTORY), line("0/d/a")], [line("0/d")], ["0/d"]),
        ([line("0/d", DIRECTORY), line("0/d/a")], [line("0/d", "0:directory;mode=0700")],
         ["0/d", "0/d/a"]),
    ],
)  # fmt: skip
def test_what_differs_between_two_trees(
    former: list[str], present: list[str], names: list[str]
) -> None:
    assert names_of(former, present) == names
