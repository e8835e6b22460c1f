"""Servers that come, go and change roles: always an odd number of managers, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.imports.hardware import Hardware
from quorate.recover.membership.adding import Wanted, entry_text
from quorate.recover.membership.choose import DEMOTE, PROMOTE, add, check_back, remove, roles
from quorate.recover.membership.look import read_machine
from quorate.recover.membership.model import Holding, Leaving, Machine, Member
from quorate.recover.model import Operation


def member(name: str, *, manager: bool = False, **changes: Any) -> Member:
    values: dict[str, Any] = {
        "name": name, "leads": manager, "node": f"id-{name}", "manager": manager, "ready": True,
        "raft": manager, "reached": manager, "answers": True,
    }  # fmt: skip
    return Member(**{**values, **changes})


THREE = tuple(member(n, manager=True) for n in "abc")
FLEET = (*THREE, member("d"), member("e"))


def promote(up: str, down: str = "", members: tuple[Member, ...] = FLEET) -> Operation:
    return roles("office", members, up=tuple(up), down=tuple(down), kind=PROMOTE)


def ids(operation: Operation) -> list[str]:
    return [step.id for step in operation.steps]


def test_one_alone_would_make_an_even_number() -> None:
    with pytest.raises(RefusedError, match="4 managers in place of 3"):
        promote("d")
    with pytest.raises(RefusedError, match="2 managers in place of 3"):
        roles("office", FLEET, up=(), down=("a",), kind=DEMOTE)


def test_two_at_once_or_one_in_place_of_another() -> None:
    assert ids(promote("de")) == ["promote-d", "promote-e", "file"]
    swap = promote("d", "a")
    assert ids(swap) == ["promote-d", "demote-a", "file"]
    assert swap.facts == {"up": ["d"], "down": ["a"]} and not swap.warnings
    one = roles("office", FLEET, up=(), down=("a", "b"), kind=DEMOTE)
    assert ids(one) == ["demote-a", "demote-b", "file"]
    assert "one manager only" in one.warnings[0]
    assert all(step.back for step in swap.steps)


def test_the_quorum_is_not_risked() -> None:
    """Of a, b, c only a is reached: with two more managers all five would stand still."""
    weak = (THREE[0], *(member(n, manager=True, reached=False) for n in "bc"), *FLEET[3:])
    with pytest.raises(RefusedError, match="quorum would be lost"):
        promote("d", "a", weak)
    down = (*THREE, member("d", ready=False), member("e"))
    with pytest.raises(RefusedError, match="d is not ready"):
        promote("de", members=down)


def lost(name: str) -> Member:
    """A manager that a forced cluster does not count; the swarm lists it on."""
    return member(name, manager=True, ready=False, raft=False, reached=False, answers=False)


def stand_in(name: str) -> Member:
    return member(name, raft=True, manager=True, reached=True, leads=False)


FORCED = (THREE[0], lost("b"), lost("c"), stand_in("d"), stand_in("e"))


def test_a_lost_manager_is_removed_without_a_demotion() -> None:
    operation = remove("office", FORCED, leaving("b"), instead=("d",), gone=True)
    assert ids(operation) == ["leave", "file"] and operation.facts["up"] == ["d"]
    assert operation.warnings[-1].startswith("e are managers, and workers by the fleet file")
    plain = remove("office", FORCED, leaving("b"), gone=True)
    assert plain.warnings[-1].startswith("d, e are managers")
    with pytest.raises(RefusedError) as error:
        remove("office", (*FORCED, member("f")), leaving("b"), instead=("f",), gone=True)
    assert "4 managers in place of 3" in str(error.value.cause)


def test_a_lost_manager_is_removed_where_an_even_number_is_left() -> None:
    """Forced with two left of five; and one whose entry was removed by hand is lost as well."""
    two = (*THREE[:2], lost("c"), member("f", leads=True, node="", ready=False, answers=False))
    for name in "cf":
        assert remove("office", two, leaving(name), gone=True).steps
    assert remove("office", (*two, member("d")), leaving("d")).steps
    with pytest.raises(RefusedError, match="2 managers in place of 2"):
        promote("d", "a", (*two, member("d")))


def test_a_drained_manager_counts_and_is_not_demoted_again() -> None:
    """`quorate drain` made it a worker: its undoing must not make it a manager."""
    off = member("c", leads=True, ready=False, answers=False)
    fleet = (*THREE[:2], off, member("d"))
    assert ids(promote("d", "c", fleet)) == ["promote-d", "file"]
    with pytest.raises(RefusedError) as error:
        remove("office", fleet, leaving("c"), gone=True)
    assert "2 managers in place of 3" in str(error.value.cause)


def test_stand_ins_are_written_into_the_file_and_nothing_else() -> None:
    operation = roles("office", FORCED, up=("d", "e"), down=("b", "c"), kind=DEMOTE)
    assert ids(operation) == ["file"] and operation.facts["up"] == ["d", "e"]
    # One that is to be a manager and is none yet has its step: it is waited for.
    coming = (*THREE, member("d", manager=True, leads=False, raft=False, reached=False))
    assert ids(promote("d", "a", coming)) == ["promote-d", "demote-a", "file"]


@pytest.mark.parametrize(
    ("up", "down", "words"),
    [("z", "", "no server z"), ("a", "", "manager already"), ("d", "e", "worker already"),
     ("d", "d", "at once")],
)  # fmt: skip
def test_what_cannot_be_meant(up: str, down: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        promote(up, down)


members = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=8)


@given(members=members, up=st.sets(st.integers(0, 7)), down=st.sets(st.integers(0, 7)))
def test_whatever_is_chosen_leaves_an_odd_number_and_a_majority_reached(
    members: list[tuple[bool, bool, bool]], up: set[int], down: set[int]
) -> None:
    fleet = tuple(
        member(f"s{n}", manager=manager, reached=manager and reached, ready=ready)
        for n, (manager, reached, ready) in enumerate(members)
    )
    names = {one.name for one in fleet}
    ups = tuple(f"s{n}" for n in sorted(up) if f"s{n}" in names)
    downs = tuple(f"s{n}" for n in sorted(down) if f"s{n}" in names)
    try:
        roles("office", fleet, up=ups, down=downs, kind=PROMOTE)
    except QuorateError:
        return
    after = [one for one in fleet if (one.manager or one.name in ups) and one.name not in downs]
    assert len(after) % 2 == 1
    assert sum(one.reached or one.name in ups for one in after) * 2 > len(after)


def leaving(name: str = "d", **changes: Any) -> Leaving:
    return Leaving(**{"server": name, "tasks": 3, **changes})


def test_a_worker_goes() -> None:
    operation = remove("office", FLEET, leaving(holdings=(Holding(volume="scratch"),)))
    assert ids(operation) == ["drain", "leave", "file"]
    assert "scratch" in operation.warnings[0] and not operation.loses
    assert all(step.back and not step.final for step in operation.steps)


def test_a_manager_goes_once_another_takes_its_place() -> None:
    with pytest.raises(RefusedError) as error:
        remove("office", FLEET, leaving("a"))
    assert "2 managers in place of 3" in str(error.value.cause)
    operation = remove("office", FLEET, leaving("a"), instead=("d",))
    assert ids(operation) == ["promote-d", "drain", "demote-a", "leave", "file"]
    assert operation.facts["up"] == ["d"] and operation.facts["down"] == ["a"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problems": ("x.yaml:3: no server d",)}, "without it, x.yaml:3"),
        ({"homeless": ("memory of a",)}, "no place for all: memory of a"),
        ({"repositories": ("nightly",)}, "repository nightly"),
        ({"kept": ("the stack mail",)}, "the stack mail is on it"),
        ({"holdings": (Holding(volume="rows", services=("db",), live=True),)}, "runs on it"),
        ({"holdings": (Holding(volume="rows", services=("db",)),)}, "only volume"),
        # A service that was pinned elsewhere and deployed began there with an empty volume.
        (
            {"holdings": (Holding(volume="rows", services=("db",), elsewhere=("a",)),)},
            "whether those on a have the same",
        ),
    ],
)
def test_what_would_be_lost_with_it(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError) as error:
        remove("office", FLEET, leaving(**changes))
    assert words in str(error.value.cause)


def test_data_that_may_stay_behind_stops_nothing() -> None:
    assert remove("office", FLEET, leaving(holdings=(Holding(volume="of-nobody"),)))
    only = Holding(volume="rows", services=("db",))
    operation = remove("office", FLEET, leaving(holdings=(only,)), left=("rows",))
    assert "rows" in operation.loses


def test_a_server_that_is_gone_is_forgotten_for_good() -> None:
    dead = (*THREE, member("d", ready=False, answers=False), member("e"))
    with pytest.raises(RefusedError) as error:
        remove("office", dead, leaving())
    assert "--gone" in str(error.value.cause)
    operation = remove("office", dead, leaving(), gone=True)
    assert ids(operation) == ["leave", "file"] and operation.steps[0].final


BARE = """host f
root yes
system Debian GNU/Linux 13 (trixie)
like debian
ufw active
end
"""


def test_a_bare_machine_tells_its_memory_and_its_free_disk() -> None:
    said = BARE.replace("ufw active", "memory 2097152\ndisk 1048576")
    machine = read_machine("f", "192.0.2.6", said)
    assert (machine.memory, machine.disk) == (2 * 2**30, 2**30)
    odd = read_machine("f", "192.0.2.6", BARE.replace("ufw active", "memory \ndisk -"))
    assert odd.memory is None and odd.disk is None and not odd.odd


@pytest.mark.parametrize("line", ["engine 26.1.5", "installed yes", "kept yes"])
def test_a_machine_is_bare_that_never_had_an_engine(line: str) -> None:
    """One whose engine does not answer may be a server that is only sick."""
    assert read_machine("f", "192.0.2.6", BARE).bare
    assert not read_machine("f", "192.0.2.6", f"{line}\n{BARE}").bare
    assert not read_machine("f", "192.0.2.6", BARE.removesuffix("end\n")).bare


def test_a_bare_machine_gets_an_engine_its_ports_and_its_place() -> None:
    machine = read_machine("f", "192.0.2.6", BARE)
    assert machine.root and machine.ufw and not machine.engine and machine.swarm == "inactive"
    operation = add("office", FLEET, machine, firewalled=("a",))
    assert ids(operation) == ["file", "engine", "firewall", "join", "labels"]
    assert "install Docker from the packages of Debian" in operation.steps[1].says
    assert operation.facts["firewalled"] == ["f", "a"] and not operation.warnings
    open_air = add("office", FLEET, machine.model_copy(update={"ufw": False}))
    assert "firewall" not in ids(open_air) and "2377/tcp" in open_air.warnings[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root": False}, "root"),
        ({"host_name": "other"}, "calls itself other"),
        ({"like": ("fedora",), "system": "Fedora 44"}, "Fedora 44"),
        ({"swarm": "active"}, "in a swarm already"),
        ({"blocked": ("a",)}, "port 2377 of a"),
    ],
)
def test_a_machine_that_cannot_be_added(changes: dict[str, Any], words: str) -> None:
    values: dict[str, Any] = {"name": "f", "address": "f", "root": True, "like": ("debian",)}
    with pytest.raises(RefusedError) as error:
        add("office", FLEET, Machine(**{**values, **changes}))
    assert words in str(error.value.cause)


def test_while_a_manager_is_lost_a_machine_that_does_not_reach_it_is_added() -> None:
    values = {"name": "f", "address": "f", "root": True, "like": ("debian",)}
    lost = tuple(
        one.model_copy(update={"reached": False, "ready": False}) if one.name == "a" else one
        for one in FLEET
    )
    assert add("office", lost, Machine(**values, blocked=("a",))).steps
    with pytest.raises(RefusedError) as error:
        add("office", lost, Machine(**values, blocked=("a", "b")))
    assert "port 2377 of b" in str(error.value.cause)


def test_one_more_manager_alone_and_a_name_that_is_taken_are_refused() -> None:
    machine = Machine(name="f", address="f", root=True, like=("debian",))
    with pytest.raises(RefusedError, match="4 managers"):
        add("office", FLEET, machine, manager=True)
    with pytest.raises(UsageError, match="has a server a"):
        add("office", FLEET, machine.model_copy(update={"name": "a"}))


def test_the_entry_of_a_new_server() -> None:
    wanted = Wanted(name="f", address="192.0.2.6", user="ops", labels={"rack": "b"})
    found = Hardware(name="f", threads=4, memory=8 * 2**30, speed=1.2)
    text = entry_text(wanted, found)
    for line in ("  f:", "address: 192.0.2.6", "role: worker", "user: ops", "rack: 'b'"):
        assert line in text


def test_an_addition_may_be_undone_while_nothing_uses_it() -> None:
    idle = leaving("d", tasks=0, homeless=("memory of a",))
    check_back(FLEET, idle, manager=False)
    with pytest.raises(RefusedError) as error:
        check_back(FLEET, leaving("d", homeless=("memory of a",)), manager=False)
    assert "no place for all" in str(error.value.cause)
    rows = (Holding(volume="rows", services=("db",)),)
    with pytest.raises(RefusedError, match="d is in use"):
        check_back(FLEET, leaving("d", tasks=0, holdings=rows), manager=False)
    never = (*THREE, member("d", node="", ready=False))
    check_back(never, leaving("d", tasks=0, holdings=rows), manager=False)
    # It came as the third manager: without it there are two, as before.
    check_back(THREE, leaving("c"), manager=True)
