"""The error tree drawn in the module's docstring is the tree of the classes."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

import pytest

from quorate import errors
from quorate.errors import CheckError, CommandError, InfeasibleError, QuorateError, StalePlanError

# A line of the drawing: the branches, the class, its exit code, what it means.
DRAWN = re.compile(r"^(?P<branch>[ │├└─]*)(?P<name>\w+Error) +(?P<code>\d+) {2,}(?P<text>\S.*)$")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    name: str
    parent: str | None
    code: int


def drawn() -> list[Drawn]:
    """The drawing, read back: four columns of branch are one level."""
    out: list[Drawn] = []
    path: list[str] = []
    for line in (inspect.getdoc(errors) or "").splitlines():
        match = DRAWN.match(line.removeprefix("    "))
        if match:
            level = len(match["branch"]) // 4
            path[level:] = [match["name"]]
            parent = path[level - 1] if level else None
            out.append(Drawn(name=match["name"], parent=parent, code=int(match["code"])))
    return out


def classes() -> dict[str, type[QuorateError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, QuorateError)
    }


def test_every_class_is_drawn_once() -> None:
    assert sorted(item.name for item in drawn()) == sorted(classes())


@pytest.mark.parametrize("item", drawn(), ids=lambda item: item.name)
def test_parent_and_exit_code_are_as_drawn(item: Drawn) -> None:
    found = classes()[item.name]
    assert found.exit_code == item.code
    parent = found.__bases__[0]
    assert (parent.__name__ if parent is not Exception else None) == item.parent


@pytest.mark.parametrize("found", classes().values(), ids=lambda found: found.__name__)
def test_every_class_says_what_it_is_for(found: type[QuorateError]) -> None:
    assert found.__doc__ and found.__doc__.strip()


def test_no_error_takes_the_exit_code_of_a_verdict_or_an_interrupt() -> None:
    assert not {0, 4, 130} & {found.exit_code for found in classes().values()}


def test_lines_come_in_order_what_cause_todo() -> None:
    error = CommandError("it broke", cause="the disk", todo="free space")
    assert error.lines() == ["it broke", "likely cause: the disk", "what to do: free space"]
    assert QuorateError("it broke").lines() == ["it broke"]


def test_problems_come_before_the_summary() -> None:
    error = CheckError("2 problems", problems=["a:1:1: one", "a:2:1: two"], todo="mend them")
    assert error.lines() == ["a:1:1: one", "a:2:1: two", "2 problems", "what to do: mend them"]
    assert error.as_json()["problems"] == ["a:1:1: one", "a:2:1: two"]


def test_a_conflict_is_listed_under_the_summary() -> None:
    error = InfeasibleError("no placement", conflict=["db is pinned to a", "a is full"])
    assert error.lines() == ["no placement", "  - db is pinned to a", "  - a is full"]
    assert error.as_json()["conflict"] == ["db is pinned to a", "a is full"]


def test_json_names_class_and_exit_code() -> None:
    assert StalePlanError("old", todo="plan again").as_json() == {
        "error": "StalePlanError",
        "what": "old",
        "cause": None,
        "todo": "plan again",
        "exit_code": 5,
    }
