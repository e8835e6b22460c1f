"""Environment files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.dotenv import parse_dotenv
from quorate.fleet.problems import Problems


def parse(text: str, **known: str) -> tuple[dict[str, str | None], list[tuple[int, str]]]:
    problems = Problems()
    found = parse_dotenv(text, ".env", known, problems)
    return found, [(problem.location.line, problem.code) for problem in problems.sorted()]


def test_every_form_of_line() -> None:
    text = """\
# a comment
A=1
export B=two words
C = spaced
D='single $A # not a comment'
E="double \\"quoted\\"\\nline $A"
F=with comment # here
G=hash#inside
H=
I
J="over
two lines"
K=${A}-${UNKNOWN:-default}
"""
    assert parse(text) == (
        {
            "A": "1",
            "B": "two words",
            "C": "spaced",
            "D": "single $A # not a comment",
            "E": 'double "quoted"\nline 1',
            "F": "with comment",
            "G": "hash#inside",
            "H": "",
            "I": None,
            "J": "over\ntwo lines",
            "K": "1-default",
        },
        [],
    )


def test_the_environment_wins_inside_values() -> None:
    assert parse("A=file\nB=$A", A="environment")[0]["B"] == "environment"


def test_lines_that_cannot_be_read_are_reported_without_their_value() -> None:
    problems = Problems()
    parse_dotenv('A=1\n!= s3cret\nB="never closed', ".env", {}, problems)
    found = problems.sorted()
    assert [(problem.location.line, problem.code) for problem in found] == [
        (2, "Q217"),
        (3, "Q217"),
    ]
    assert not any("s3cret" in problem.what for problem in found)


def test_raw_takes_values_as_they_are() -> None:
    found = parse_dotenv("A='$X'", ".env", {}, Problems(), raw=True)
    assert found == {"A": "'$X'"}


@given(st.text(alphabet="AB=#'\"\\$ {}\n", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found, _ = parse(text)
    assert all(key for key in found)
