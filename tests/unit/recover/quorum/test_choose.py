"""What is chosen, for every combination of what the managers of a swarm can be."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import MachineError, QuorateError, RefusedError, UnreachableError, UsageError
from quorate.recover.model import Operation
from quorate.recover.quorum.choose import choose
from quorate.recover.quorum.model import Listed, Seen, Sight
from quorate.recover.quorum.raftlog import Reach

NOW = "2026-11-27T12:00:00+00:00"
MANAGERS = ("a", "b", "c")
ADDRESSES = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3", "d": "192.0.2.4"}

STATES: dict[str, dict[str, Any]] = {
    "gone": {"ssh": False, "engine": False, "node": "", "cluster": "", "manager": False},
    "stopped": {"engine": False, "state": ""},
    "left": {"state": "inactive", "node": "", "cluster": "", "manager": False, "peers": ()},
    "leaderless": {},
    "pending": {"state": "pending"},
    "locked": {"state": "locked"},
    "error": {"state": "error", "error": "its log is damaged"},
    "works": {"works": True},
}
REACHED = {"leaderless", "pending", "error", "works"}
CAN_START = {"stopped"}


def listing(*names: str, managers: str = "abc", member: bool = True) -> tuple[Listed, ...]:
    return tuple(
        Listed(id=f"id-{name}", hostname=name, manager=name in managers,
               member=name in managers and member)
        for name in names
    )  # fmt: skip


def server(name: str, state: str = "leaderless", **changes: Any) -> Seen:
    leads = name in MANAGERS
    base: dict[str, Any] = {
        "server": name, "leads": leads, "ssh": True, "engine": True, "state": "active",
        "node": f"id-{name}", "cluster": "ours", "manager": leads,
        "address": ADDRESSES.get(name, ""),
        "peers": tuple(ADDRESSES[n] for n in MANAGERS) if leads else (),
    }  # fmt: skip
    base |= STATES[state]
    if base.get("works"):
        base["listed"] = listing("a", "b", "c", "d")
    if not base["ssh"]:
        base |= {"address": "", "peers": (), "state": ""}
    return Seen(**{**base, **changes})


def sight(a: str, b: str, c: str, *others: Seen, **changes: Any) -> Sight:
    servers = [server(name, state) for name, state in zip(MANAGERS, (a, b, c), strict=True)]
    return Sight(fleet="office", servers=(*servers, server("d"), *others), **changes)


def chosen(seen: Sight, *without: str) -> Operation:
    operation = choose(seen, now=NOW, without=without)
    assert operation is not None
    return operation


def ids(operation: Operation) -> list[str]:
    return [step.id for step in operation.steps]


@pytest.mark.parametrize(("a", "b", "c"), list(product(STATES, repeat=3)))
def test_three_managers_in_every_state(a: str, b: str, c: str) -> None:
    """A new cluster is forced only where no second manager answers or could be started."""
    states = dict(zip(MANAGERS, (a, b, c), strict=True))
    seen = sight(a, b, c)
    there = [n for n, s in states.items() if s in REACHED | CAN_START | {"locked"}]
    try:
        operation = choose(seen, now=NOW)
    except QuorateError:
        assert "works" not in states.values()
        # A single one that is locked, or none at all: nothing to force.
        assert not there or "locked" in states.values()
        return
    if "works" in states.values():
        assert operation is None or operation.facts["way"] == "return"
        return
    assert operation is not None
    if operation.facts["way"] == "force":
        assert there == [operation.facts["survivor"]]
    else:
        assert operation.facts["way"] == "restart"
        usable = [n for n in there if states[n] != "locked"]
        assert len(usable) >= 2
        still = [n for n in usable if states[n] in ("stopped", "error")]
        assert ids(operation) == [*(f"start-{n}" for n in still), "elect", "labels", "verify"]


servers = st.lists(
    st.tuples(
        st.sampled_from(sorted(STATES)),
        st.integers(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)


@given(servers=servers, given_up=st.sets(st.integers(0, 6)))
def test_never_two_managers_of_one_cluster(
    servers: list[tuple[str, int, bool]], given_up: set[int]
) -> None:
    """Whatever is seen: where one is forced, every other manager's engine is stopped before."""
    peers = tuple(f"192.0.2.{n}" for n in range(1, len(servers) + 1))
    seen = Sight(
        fleet="office",
        servers=tuple(
            server(
                f"s{n}", state, leads=leads, address=peers[n], log=Reach(term=1, index=index),
                **({"manager": True, "peers": peers} if state not in ("gone", "left") else {}),
            )
            for n, (state, index, leads) in enumerate(servers)
        ),
    )  # fmt: skip
    without = tuple(f"s{n}" for n in given_up if n < len(servers))
    try:
        operation = choose(seen, now=NOW, without=without)
    except QuorateError:
        return
    if operation is None or operation.facts["way"] != "force":
        return
    names = ids(operation)
    survivor = operation.facts["survivor"]
    assert survivor not in without
    others = [one for one in seen.servers if one.manager and one.engine and one.server != survivor]
    assert not any(one.works for one in seen.servers)
    for one in others:
        assert names.index(f"halt-{one.server}") < names.index("force")
    usable = [
        one for one in seen.servers
        if one.manager and one.answers and one.server not in without and one.state != "locked"
    ]  # fmt: skip
    assert len(usable) < len(peers) // 2 + 1
    best = max(one.log.index for one in usable if one.log is not None)
    log = seen.of(survivor).log
    assert log is not None and log.index == best
    # A manager that runs is given up only where it could not have had a leader anyway.
    assert not any(one.runs and one.server in without for one in others)


def test_the_forced_cluster_has_an_odd_number_of_managers_and_keeps_an_eye_on_the_lost() -> None:
    operation = chosen(sight("gone", "leaderless", "gone", server("e")))
    assert ids(operation) == ["force", "instead", "labels", "verify"]
    facts = operation.facts
    assert (facts["survivor"], facts["lost"], facts["instead"]) == ("b", ["a", "c"], ["d", "e"])
    assert (facts["address"], facts["forced"]) == ("192.0.2.2", NOW)
    final = [step.id for step in operation.steps if step.final]
    assert final == ["force"] and "last moments" in operation.loses
    assert "a, c must be off" in operation.warnings[0]
    # With one worker only there would be two: one manager is as good, and cheaper.
    alone = chosen(sight("gone", "leaderless", "gone"))
    assert alone.facts["instead"] == []
    assert "the only manager" in alone.warnings[1]


def test_the_most_advanced_log_is_forced_on_and_the_other_survivor_joins_it() -> None:
    """Two of five are left: too few to elect, so the one that knows more goes on."""
    peers = tuple(f"192.0.2.{n}" for n in range(1, 6))
    five = [
        server("a", peers=peers, log=Reach(term=3, index=90)),
        server("b", peers=peers, log=Reach(term=4, index=80)),
        *(server(name, "gone", leads=True) for name in ("c", "e", "f")),
        server("d"),
    ]
    operation = chosen(Sight(fleet="office", servers=tuple(five)))
    assert operation.facts["survivor"] == "b"
    assert ids(operation) == [
        "halt-a", "force", "rejoin-a", "instead", "labels", "verify"
    ]  # fmt: skip
    assert "entry 80" in operation.loses


def two_of_five(*logs: Reach | None, workers: str = "d") -> Sight:
    peers = tuple(f"192.0.2.{n}" for n in range(1, 6))
    five = [
        *(server(n, peers=peers, log=log) for n, log in zip("ab", logs, strict=True)),
        *(server(name, "gone", leads=True) for name in ("c", "e", "f")),
        *(server(name) for name in workers),
    ]
    return Sight(fleet="office", servers=tuple(five))


EXACT, LEAST = Reach(term=2, index=61000), Reach(term=2, index=70000, least=True)


@pytest.mark.parametrize(
    ("a", "b", "survivor", "unsure"),
    [
        (LEAST, EXACT, "a", ""),
        (Reach(term=1, index=80000, least=True), EXACT, "b", "a reaches is not known"),
        (None, EXACT, "b", "a reaches is not known"),
        (EXACT, Reach(term=2, index=60000), "a", ""),
    ],
)
def test_a_log_that_was_not_read_is_not_taken_for_the_shorter_one(
    a: Reach | None, b: Reach, survivor: str, unsure: str
) -> None:
    """What its files' names tell is the least that it has; where it may have more, that is told."""
    operation = chosen(two_of_five(a, b))
    assert operation.facts["survivor"] == survivor
    told = [said for said in operation.warnings if "is not known" in said]
    assert len(told) == bool(unsure) and all(unsure in said for said in told)


def test_an_even_number_of_managers_is_told() -> None:
    logs = Reach(term=3, index=90), Reach(term=3, index=80)
    even = chosen(two_of_five(*logs, workers=""))
    assert even.facts["instead"] == []
    assert even.warnings[-1] == (
        "a, b are then the managers, an even number: the loss of 1 of them stops the swarm again"
    )
    assert "even" not in " ".join(chosen(two_of_five(*logs)).warnings)


def test_a_manager_that_lives_unseen_forbids_a_new_cluster() -> None:
    living = sight("leaderless", "gone", "gone", alive={"192.0.2.3": "d on port 2377"})
    with pytest.raises(RefusedError, match="is alive") as error:
        choose(living, now=NOW)
    assert error.value.cause == "192.0.2.3 answers d on port 2377"
    assert chosen(living, "192.0.2.3").facts["way"] == "force"


def test_a_manager_is_given_up_only_where_its_engine_does_not_run() -> None:
    assert chosen(sight("leaderless", "stopped", "gone")).facts["way"] == "restart"
    forced = chosen(sight("leaderless", "stopped", "gone"), "b")
    assert forced.facts["way"] == "force" and forced.facts["lost"] == ["c", "b"]
    assert "rejoin-b" not in ids(forced)
    halted = chosen(sight("leaderless", "error", "gone"), "b")
    assert ids(halted)[:2] == ["halt-b", "force"]
    with pytest.raises(RefusedError, match="is not given up"):
        choose(sight("leaderless", "pending", "gone"), now=NOW, without=("b",))
    with pytest.raises(UsageError, match="no server z"):
        choose(sight("leaderless", "gone", "gone"), now=NOW, without=("z",))


@pytest.mark.parametrize(
    ("seen", "error", "words"),
    [
        (
            Sight(fleet="office", servers=tuple(server(n, "gone") for n in "abc")),
            UnreachableError,
            "no server",
        ),
        (sight("gone", "gone", "gone"), MachineError, "no manager"),
        (sight("locked", "gone", "gone"), RefusedError, "is locked"),
        (sight("leaderless", "locked", "gone"), RefusedError, "is locked"),
    ],
)
def test_where_nothing_can_be_recovered_from(
    seen: Sight, error: type[QuorateError], words: str
) -> None:
    with pytest.raises(error, match=words):
        choose(seen, now=NOW)


def test_managers_of_two_swarms_are_not_decided_between() -> None:
    servers = (server("a"), server("b", cluster="theirs"), server("c", "gone"))
    with pytest.raises(RefusedError, match="different swarms"):
        choose(Sight(fleet="office", servers=servers), now=NOW)


FORCED = server(
    "a", "works", forced=NOW, listed=listing("a", "d", "e", managers="ade"), peers=("192.0.2.1",)
)


def test_a_returned_manager_joins_anew_and_the_stand_ins_are_workers_again() -> None:
    seen = Sight(
        fleet="office",
        servers=(FORCED, server("b"), server("c", "stopped"), server("d"), server("e")),
    )
    operation = chosen(seen)
    assert operation.facts["way"] == "return" and operation.facts["back"] == ["b", "c"]
    assert ids(operation) == ["start-c", "rejoin-b", "rejoin-c", "roles", "labels", "verify"]
    assert operation.facts["demote"] == ["d", "e"]
    assert operation.loses == "" and operation.warnings == ()


def test_one_of_two_is_back_and_the_number_stays_odd() -> None:
    seen = Sight(
        fleet="office",
        servers=(FORCED, server("b"), server("c", "gone"), server("d"), server("e")),
    )
    operation = chosen(seen)
    assert operation.facts["back"] == ["b"] and operation.facts["demote"] == ["e"]


@pytest.mark.parametrize(
    ("member", "ready", "expected"),
    [
        # Still listed, and no member of raft: as its entry is kept while it is gone.
        (False, True, ["rejoin-b"]),
        (False, False, ["rejoin-b"]),
        # It got in again by itself.
        (True, True, []),
    ],
)
def test_what_is_listed_counts_only_as_a_member(
    member: bool, ready: bool, expected: list[str]
) -> None:
    b = Listed(id="id-b", hostname="b", manager=True, member=member, ready=ready, reached=member)
    first = server("a", "works", forced=NOW, listed=(*listing("a", "d", managers="a"), b))
    seen = Sight(fleet="office", servers=(first, server("b"), server("d")))
    operation = choose(seen, now=NOW)
    assert (ids(operation)[:1] if operation else []) == expected


@pytest.mark.parametrize(
    ("ready", "error", "expected"),
    [
        (True, "", []),
        # Its tasks do not run, or it says itself what is wrong.
        (False, "", ["rejoin-d"]),
        (True, "its log is damaged", ["rejoin-d"]),
    ],
)
def test_a_worker_works_that_its_engine_still_calls_failed(
    ready: bool, error: str, expected: list[str]
) -> None:
    """It stood in for a manager and is a worker again; the swarm says that it is ready."""
    d = Listed(id="id-d", hostname="d", ready=ready)
    first = server("a", "works", forced=NOW, listed=(*listing("a", managers="a"), d))
    failed = server("d", "error", error=error, cluster="")
    seen = Sight(fleet="office", servers=(first, failed))
    operation = choose(seen, now=NOW)
    assert (ids(operation)[:1] if operation else []) == expected


def test_a_manager_that_came_back_as_a_worker_is_promoted() -> None:
    nodes = (*listing("a", "d", managers="a"), Listed(id="id-b", hostname="b", ready=True))
    first = server("a", "works", forced=NOW, listed=nodes)
    seen = Sight(fleet="office", servers=(first, server("b", manager=False), server("d")))
    operation = chosen(seen)
    assert ids(operation) == ["roles", "labels", "verify"]
    assert operation.facts["promote"] == ["b"]


def test_managers_that_came_back_and_lead_the_swarm_that_was_are_made_to_leave() -> None:
    """The clusters have one id: the one that was forced last counts, however few it has."""
    old = listing("a", "b", "c", "d", managers="abc")
    seen = Sight(
        fleet="office",
        servers=(
            FORCED,
            server("b", "works", listed=old),
            server("c", "works", listed=old),
            server("d"),
        ),
    )
    operation = chosen(seen)
    assert operation.facts["survivor"] == "a"
    assert ids(operation)[:2] == ["rejoin-b", "rejoin-c"]
    assert len(operation.warnings) == 2 and "as it was before" in operation.warnings[0]


def test_two_swarms_of_which_none_was_forced_by_quorate() -> None:
    mine = server("a", "works", listed=listing("a", "d"))
    theirs = server("b", "works", listed=listing("a", "b", "c", "d"))
    with pytest.raises(RefusedError, match="two swarms work"):
        choose(Sight(fleet="office", servers=(mine, theirs, server("d"))), now=NOW)


def test_a_listed_manager_that_is_no_member_of_raft_joins_anew() -> None:
    """As after `--force-new-cluster` by hand: its entry stays, and means nothing."""
    nodes = (*listing("a", "d"), *listing("b", member=False))
    seen = Sight(fleet="office", servers=(server("a", "works", listed=nodes), server("b")))
    assert ids(chosen(seen))[0] == "rejoin-b"


def test_a_swarm_that_works_and_a_server_on_its_way_need_nothing() -> None:
    assert choose(sight("works", "works", "works"), now=NOW) is None
    assert choose(sight("works", "works", "pending"), now=NOW) is None
    assert choose(sight("works", "works", "gone"), now=NOW) is None


def test_a_server_of_another_swarm_is_left_alone() -> None:
    seen = Sight(fleet="office", servers=(server("a", "works"), server("b", "works"), server("z")))
    stranger = seen.model_copy(
        update={"servers": (*seen.servers[:2], server("c", cluster="theirs"))}
    )
    with pytest.raises(RefusedError, match="another swarm"):
        choose(stranger, now=NOW)
