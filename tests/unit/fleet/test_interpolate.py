"""Variables in compose files, by the Compose Specification's table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.interpolate import Interpolator
from quorate.fleet.positions import Mark
from quorate.fleet.problems import Problems

KNOWN = {"SET": "value", "EMPTY": "", "OTHER": "other"}
MARK = Mark("compose.yaml", 3, 5)


def expand(text: str) -> tuple[str, list[str]]:
    problems = Problems()
    result = Interpolator(KNOWN, problems).text(text, MARK)
    return result, [problem.code for problem in problems.sorted()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a-$SET-b", "a-value-b"),
        ("$SET$OTHER", "valueother"),
        ("${SET:-default}", "value"),
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${UNSET-default}", "default"),
        ("${UNSET:-}", ""),
        ("${SET:?message}", "value"),
        ("${EMPTY?message}", ""),
        ("${SET:+replacement}", "replacement"),
        ("${EMPTY:+replacement}", ""),
        ("${EMPTY+replacement}", "replacement"),
        ("${UNSET+replacement}", ""),
        ("${UNSET:-${OTHER}}", "other"),
        ("${UNSET:-${UNSET2:-deep}}", "deep"),
        ("${UNSET:-a${SET}b}c", "avaluebc"),
        ("${SET:+$OTHER}", "other"),
        ("$$", "$"),
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("${UNSET:-pa$$word}", "pa$word"),
        ("${UNSET:-https://x:1/?a=b}", "https://x:1/?a=b"),
    ],
)
def test_every_form(text: str, expected: str) -> None:
    assert expand(text) == (expected, [])


@pytest.mark.parametrize(
    ("text", "result", "code"),
    [
        ("a$UNSET", "a", "Q201"),
        ("a${UNSET}", "a", "Q201"),
        ("${UNSET:-$UNSET2}", "", "Q201"),
        ("${UNSET:?say it}", "", "Q202"),
        ("${EMPTY:?}", "", "Q202"),
        ("${SET", "${SET", "Q203"),
        ("${}", "${}", "Q203"),
        ("${9}", "${9}", "Q203"),
        ("${SET!x}", "${SET!x}", "Q203"),
        ("$ 5", "$ 5", "Q203"),
        ("100$", "100$", "Q203"),
    ],
)
def test_what_is_wrong_is_reported(text: str, result: str, code: str) -> None:
    assert expand(text) == (result, [code])


def test_a_problem_carries_its_place_and_the_message() -> None:
    problems = Problems()
    Interpolator({}, problems).text("${WHO:?say who}", MARK)
    (problem,) = problems.sorted()
    assert str(problem).startswith("compose.yaml:3:5: error Q202: the variable `WHO` must be set: ")
    assert "say who" in problem.what


@given(st.text(alphabet="${}:-?+AB_ \n", max_size=40))
def test_any_text_gives_a_text_or_a_problem(text: str) -> None:
    result, codes = expand(text)
    assert isinstance(result, str)
    assert set(codes) <= {"Q201", "Q202", "Q203"}


@given(st.text())
def test_an_escaped_text_comes_back_as_it_was(text: str) -> None:
    assert expand(text.replace("$", "$$")) == (text, [])


@given(st.text(alphabet=st.characters(exclude_characters="${}"), max_size=20))
def test_a_default_comes_back_as_it_was(default: str) -> None:
    assert expand("${UNSET:-" + default + "}") == (default, [])


def test_which_variables_were_used_is_remembered() -> None:
    interpolator = Interpolator(KNOWN, Problems())
    interpolator.text("$SET ${UNSET:-x} ${EMPTY:+$OTHER}", MARK)
    assert interpolator.used == {"SET": "value", "UNSET": None, "EMPTY": ""}
