"""Steps of `quorate server …` on a small swarm: resumed, undone, with servers that are lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate.errors import EngineError, RefusedError, UnreachableError, UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.observe.connect import Connections
from quorate.recover.carrying import Carrier, begin
from quorate.recover.journal import SwarmStore
from quorate.recover.membership import choose, look, steps
from quorate.recover.membership.model import Leaving, Machine, Member
from quorate.recover.model import Journal, Operation, State
from quorate.recover.site import Site
from quorate.tools import clock
from tests.unit.recover.membership.small_swarm import SmallSwarm, site, written


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "sleep", lambda s: now.__setitem__(0, now[0] + s))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[SmallSwarm]:
    """The swarm that connections reach which a step opens for itself."""
    swarms: list[SmallSwarm] = []

    @contextmanager
    def connections(fleet: Fleet) -> Iterator[Connections]:
        yield site(fleet, swarms[0]).connections

    monkeypatch.setattr(steps, "Connections", connections)
    return swarms


def members(place: Site) -> tuple[Member, ...]:
    return look.members(place.connections)[0]


def carrier(place: Site, journal: Journal) -> Carrier:
    store = SwarmStore(place.client, "office")
    store.all()  # as whoever goes on with one has read it
    return Carrier(store=store, actions=steps.actions(place, journal), report=place.report)


def kept(place: Site) -> Journal:
    (journal,) = SwarmStore(place.client, "office").all()
    return journal


def carried(place: Site, operation: Operation) -> Journal:
    journal = begin(SwarmStore(place.client, "office"), operation)
    return carrier(place, journal).forward(journal)


def undone(place: Site) -> Journal:
    return carrier(place, kept(place)).back(kept(place))


def roles_of(names: str, *, workers: str = "") -> dict[str, str]:
    return {**dict.fromkeys(names, "manager"), **dict.fromkeys(workers, "worker")}


def by_file(fleet: Fleet) -> str:
    return "".join(server.name for server in read_fleet(fleet.path).managers)


def test_the_only_manager_is_replaced_and_the_replacing_undone(tmp_path: Path) -> None:
    fleet = written(tmp_path, "a", "ab")
    swarm = SmallSwarm(roles_of("a", workers="b"), "a")
    place = site(fleet, swarm)
    operation = choose.roles("office", members(place), up=("b",), down=("a",), kind=choose.PROMOTE)
    assert carried(place, operation).state is State.DONE
    assert swarm.members == {"b"} and by_file(fleet) == "b"
    assert undone(site(read_fleet(fleet.path), swarm)).state is State.UNDONE
    assert swarm.members == {"a"} and by_file(fleet) == "a"


def test_a_full_disk_leaves_the_fleet_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    place = site(fleet, SmallSwarm(roles_of("abc", workers="d"), "abc"))
    before = fleet.path.read_text()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="cannot be written: No space"):
        steps._Work(place, choose.PROMOTE).file({"up": ["d"], "down": ["a"]})
    assert fleet.path.read_text() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fleet.yaml", "shop.yaml"]


def test_a_manager_that_is_off_is_replaced_without_asking_it(tmp_path: Path) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc", down="a")
    place = site(fleet, swarm)
    operation = choose.roles("office", members(place), up=("d",), down=("a",), kind=choose.PROMOTE)
    assert carried(place, operation).state is State.DONE
    assert swarm.members == set("bcd") and by_file(fleet) == "bcd"
    assert undone(place).state is State.UNDONE
    assert swarm.roles["a"] == "manager" and swarm.members == set("bc")


def test_a_manager_that_is_gone_is_removed(tmp_path: Path, opened: list[SmallSwarm]) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc", down="a")
    opened.append(swarm)
    place = site(fleet, swarm)
    operation = choose.remove(
        "office", members(place), Leaving(server="a"), instead=("d",), gone=True
    )
    assert carried(place, operation).state is State.DONE
    assert set(swarm.roles) == set("bcd") == swarm.members and by_file(fleet) == "bcd"


def forced(tmp_path: Path) -> tuple[Fleet, SmallSwarm]:
    """A new cluster was forced on a, with d and e instead of b and c, which never come back."""
    fleet = written(tmp_path, "abc", "abcde")
    return fleet, SmallSwarm(roles_of("abcde"), "ade", down="bc")


def test_managers_that_a_forced_cluster_has_lost_are_removed_one_by_one(
    tmp_path: Path, opened: list[SmallSwarm]
) -> None:
    fleet, swarm = forced(tmp_path)
    opened.append(swarm)
    for lost, instead in (("b", "d"), ("c", "e")):
        place = site(read_fleet(fleet.path), swarm)
        operation = choose.remove(
            "office", members(place), Leaving(server=lost), instead=(instead,), gone=True
        )
        assert [step.id for step in operation.steps] == ["leave", "file"]
        assert carried(place, operation).state is State.DONE
        swarm.kept.clear()
    assert set(swarm.roles) == set("ade") == swarm.members and by_file(fleet) == "ade"


def test_giving_up_lost_managers_and_undoing_that_changes_no_others(tmp_path: Path) -> None:
    fleet, swarm = forced(tmp_path)
    place = site(fleet, swarm)
    operation = choose.roles(
        "office", members(place), up=("d", "e"), down=("b", "c"), kind=choose.DEMOTE
    )
    assert "b, c are lost" in operation.warnings[0]
    assert carried(place, operation).state is State.DONE
    assert by_file(fleet) == "ade"
    assert undone(place).state is State.UNDONE
    assert swarm.members == set("ade") and not swarm.calls and by_file(fleet) == "abc"


def test_a_promotion_that_did_not_come_about_is_not_done_when_resumed(tmp_path: Path) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc", blocked="d")
    place = site(fleet, swarm)
    operation = choose.roles("office", members(place), up=("d",), down=("a",), kind=choose.PROMOTE)
    with pytest.raises(EngineError, match="could not join"):
        carried(place, operation)
    with pytest.raises(EngineError, match="could not join"):
        carrier(place, kept(place)).forward(kept(place))
    assert swarm.members == set("abc")
    # Swarm takes no such word back: it is told, with what helps.
    with pytest.raises(EngineError, match="d is to be a manager, and has not become one"):
        undone(place)
    swarm.members.add("d")
    assert undone(place).state is State.UNDONE
    assert swarm.members == set("abc") and swarm.roles["d"] == "worker"


def test_who_does_not_answer_becomes_no_manager(tmp_path: Path) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc")
    place = site(fleet, swarm)
    operation = choose.roles("office", members(place), up=("d",), down=("a",), kind=choose.PROMOTE)
    swarm.down.add("d")
    with pytest.raises(UnreachableError, match="d does not answer"):
        carried(place, operation)
    assert swarm.members == set("abc") and not swarm.calls


def test_a_removed_manager_is_one_again_although_the_file_was_opened_without_it(
    tmp_path: Path, opened: list[SmallSwarm]
) -> None:
    fleet = written(tmp_path, "bcd", "bcd")
    swarm = SmallSwarm(roles_of("bcd", workers="a"), "bcd")
    opened.append(swarm)
    work = steps._Work(site(fleet, swarm), choose.REMOVE)
    written(tmp_path, "abc", "abcd")  # the entry is put back before the role is
    undo = work.action("demote-a").undo
    assert undo is not None
    undo({"server": "a"})
    assert "a" in swarm.members


PINNED = """services:
  db:
    image: 'postgres:15'
    volumes: ['rows:/var/lib/postgresql/data']
    x-quorate: {state: postgres, pin: d}
volumes: {rows: {}}
"""


def added(place: Site) -> Journal:
    """The journal of an addition of d that is done."""
    before = tuple(one for one in members(place) if one.name != "d")
    machine = Machine(name="d", address="192.0.2.4", root=True, engine=True, version="26")
    operation = choose.add("office", before, machine)
    facts = {
        **operation.facts,
        "entry": "servers:\n  d: {address: 192.0.2.4, cpus: 2, memory: 4G}\n",
    }
    store = SwarmStore(place.client, "office")
    journal = begin(store, operation.model_copy(update={"facts": facts}))
    for step in operation.steps:
        journal = journal.marked(step.id, State.DONE, at="2026-01-01")
    store.save(journal.ended(State.DONE))
    return kept(place)


def test_an_addition_that_is_in_use_is_not_undone_and_blocks_nothing(
    tmp_path: Path, opened: list[SmallSwarm]
) -> None:
    fleet = written(tmp_path, "abc", "abcd", PINNED)
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc")
    opened.append(swarm)
    place = site(fleet, swarm)
    before = added(place)
    with pytest.raises(RefusedError, match="d is in use") as error:
        undone(place)
    assert "pinned to the unknown server" in str(error.value.cause)
    assert not swarm.calls and kept(place) == before


def test_an_addition_that_became_a_manager_is_not_undone(
    tmp_path: Path, opened: list[SmallSwarm]
) -> None:
    fleet = written(tmp_path, "bcd", "abcd")
    swarm = SmallSwarm(roles_of("bcd", workers="a"), "bcd")
    opened.append(swarm)
    place = site(fleet, swarm)
    added(place)
    with pytest.raises(RefusedError, match="d is in use") as error:
        undone(place)
    assert "2 managers in place of 3" in str(error.value.cause)


def test_an_addition_that_nothing_uses_is_undone(tmp_path: Path, opened: list[SmallSwarm]) -> None:
    fleet = written(tmp_path, "abc", "abcd")
    swarm = SmallSwarm(roles_of("abc", workers="d"), "abc")
    opened.append(swarm)
    place = site(fleet, swarm)
    added(place)
    assert undone(place).state is State.UNDONE
    assert set(swarm.roles) == set("abc")
    assert "d" not in {server.name for server in read_fleet(fleet.path).servers}
