"""What is asked where, and which answers are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.observe.deep_model import Finding, Kind
from quorate.observe.deep_names import questions, wrong_names
from tests.unit.observe.deep_made import (
    CONTAINERS,
    DB,
    NET,
    RIGHT,
    SNAPSHOT,
    TASKS,
    VIRTUAL,
    WEB,
    answers,
    container,
    facts,
    node,
    seen,
    task,
)

GONE = "10.0.1.99"
OTHER = "net-2"
NAMES = {"tasks.shop_web", "shop_web", "tasks.shop_db", "shop_db"}


def told(**names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Findings when the resolver of `b` says this, and that of `a` is right."""
    wrong = answers("b", found=RIGHT | {k.replace("__", "."): v for k, v in names.items()})
    return wrong_names(facts(answers=(answers("a"), wrong)))


def test_every_server_is_asked_from_inside_each_network() -> None:
    asked = questions(SNAPSHOT)
    assert [(q.server, q.network, [c.id for c in q.containers]) for q in asked] == [
        ("a", NET, ["cw1"]),
        ("b", NET, ["cw2"]),
        ("c", NET, ["cd1"]),
    ]
    assert all(set(q.names) == NAMES for q in asked)


def test_the_container_in_the_fewest_networks_is_asked_first() -> None:
    two = replace(CONTAINERS[0], networks={NET: WEB[0], OTHER: "10.0.2.3"})
    one = container("z", "a", "d1", networks={NET: DB})
    first = questions(replace(SNAPSHOT, containers=(two, one)))[0]
    assert [item.id for item in first.containers] == ["z", "cw1"]


def test_strays_and_other_containers_are_not_asked() -> None:
    others = (container("x", "a", "old", networks={NET: GONE}), container("y", "a"))
    assert questions(replace(SNAPSHOT, containers=others)) == ()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"tasks__shop_web": (WEB[0],)}, f"miss {WEB[1]}"),
        ({"tasks__shop_web": ()}, f"miss {WEB[0]}, {WEB[1]}"),
        ({"shop_web": ()}, f"miss {VIRTUAL}"),
        ({"shop_db": ()}, f"miss {DB}"),
    ],
)
def test_a_name_that_misses_an_address(names: dict[str, tuple[str, ...]], words: str) -> None:
    (found,) = told(**names)
    assert found.where == "b"
    assert words in found.what
    assert found.action is not None and found.action.kind is Kind.RESTART


def test_a_name_that_gives_the_address_of_a_task_that_is_gone() -> None:
    (found,) = told(tasks__shop_web=(*WEB, GONE))
    assert f"give {GONE} (no task of it has that)" in found.what
    assert found.action is None


@pytest.mark.parametrize(
    ("where", "state", "findings"), [("c", "running", 0), ("c", "shutdown", 1), ("d", "running", 1)]
)
def test_a_task_that_is_stopping_may_still_be_given(where: str, state: str, findings: int) -> None:
    """Unless its server is down: then it is gone."""
    old = task("w0", "s-web", where, GONE, state=state, desired_state="shutdown")
    nodes = (*SNAPSHOT.nodes, node("d", state="down"))
    wrong = answers("b", found=RIGHT | {"tasks.shop_web": (*WEB, GONE)})
    stopping = seen(tasks=(*TASKS, old), nodes=nodes)
    assert len(wrong_names(replace(stopping, answers=(wrong,)))) == findings


def test_whose_address_it_is() -> None:
    wrong = answers("b", found=RIGHT | {"tasks.shop_web": (*WEB, GONE)})
    holder = container("x", "c", networks={NET: GONE})
    seen_too = seen(containers=(*CONTAINERS, holder))
    (found,) = wrong_names(replace(seen_too, answers=(wrong,)))
    assert "container n-x on c" in found.what


def test_servers_that_say_the_same_are_named_together() -> None:
    wrong = RIGHT | {"tasks.shop_web": (WEB[0],)}
    (found,) = wrong_names(facts(answers=(answers("c", found=wrong), answers("a", found=wrong))))
    assert found.where == "a, c"


def test_of_several_shared_networks_one_is_told() -> None:
    """A container in both is told the addresses of one, whichever."""
    second = ("10.0.2.11", "10.0.2.12")
    tasks = tuple(
        replace(item, addresses={NET: (one,), OTHER: (two,)})
        for item, one, two in zip(TASKS, WEB, second, strict=False)
    )
    web = replace(SNAPSHOT.services[0], addresses={NET: VIRTUAL, OTHER: "10.0.2.2"})
    snapshot = replace(SNAPSHOT, tasks=tasks, services=(web,))
    both = frozenset((NET, OTHER))
    for found in ({"tasks.shop_web": second, "shop_web": (VIRTUAL,)}, RIGHT):
        right = answers("a", networks=both, found=found)
        assert wrong_names(facts(snapshot=snapshot, answers=(right,))) == ()
    mixed = answers("a", networks=both, found={"tasks.shop_web": (second[0], WEB[1])})
    assert len(wrong_names(facts(snapshot=snapshot, answers=(mixed,)))) == 1


def test_what_was_not_answered_in_time_is_not_judged() -> None:
    assert wrong_names(facts(answers=(answers("a", found={}),))) == ()
