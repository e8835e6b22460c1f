"""YAML with places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet.positions import Map, Seq, TooLargeError, find, parse, plain
from quorate.fleet.problems import Problems


def read(text: str) -> tuple[Any, list[tuple[int, int, str]]]:
    problems = Problems()
    value = parse(text, "a.yaml", problems)
    return value, [(p.location.line, p.location.column, p.code) for p in problems.sorted()]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("22:22", "22:22"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0444", 0o444),
        ("0x1f", 31),
        ("08", 8),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
        ("-", None),
    ],
)
def test_plain_scalars_follow_yaml_1_2(written: str, value: Any) -> None:
    result, codes = read(f"key: {written}\n" if written != "-" else "key:\n")
    assert result["key"] == value
    assert type(result["key"]) is type(value)
    assert codes == []


def test_keys_are_text_as_written() -> None:
    assert list(read("8080: a\non: b\nnull: c\n0x1: d\n")[0]) == ["8080", "on", "null", "0x1"]


def test_every_entry_knows_its_place() -> None:
    value, _ = read("a:\n  b: 1\n  c:\n    - x\n    - y\n")
    assert find(value, ("a", "c", 1)) == ("a.yaml", 5, 7)
    assert find(value, ("a", "b")) == ("a.yaml", 2, 3)
    assert find(value, ("a", "nothing", "there")) == ("a.yaml", 1, 1)


def test_merge_keys_keep_the_places_of_what_they_bring() -> None:
    text = """\
x-one: &one {a: 1, b: 1}
x-two: &two
  b: 2
  c: 2
s:
  c: 3
  <<: [*one, *two]
"""
    value, codes = read(text)
    assert plain(value["s"]) == {"c": 3, "a": 1, "b": 1}
    assert value["s"].at("b").line == 1
    assert value["s"].at("c").line == 6
    assert codes == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1, "Q003")),
        ("a: {b: 1, b: 2}\n", (1, 11, "Q003")),
        ("a: &x {}\nb:\n  <<: *x\n  <<: *x\n", (4, 3, "Q003")),
        ("a: [1, 2\n", (1, 4, "Q002")),
        ("a: *nothing\n", (1, 4, "Q002")),
        ("a: b: c\n", (1, 5, "Q002")),
        ("\ta: 1\n", (1, 1, "Q002")),
        ("a: 1\n---\nb: 2\n", (2, 1, "Q002")),
        ("a: &x [*x]\n", (1, 4, "Q005")),
        ("? [a]\n: b\n", (1, 3, "Q005")),
        ("a: !!python/object:os.system x\n", (1, 4, "Q005")),
        ("a: !mine x\n", (1, 4, "Q005")),
        ("a:\n  <<: 1\n", (2, 3, "Q005")),
    ],
)
def test_what_is_wrong_has_its_place(text: str, place: tuple[int, int, str]) -> None:
    assert read(text)[1] == [place]


def test_multiplying_aliases_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    value, codes = read("\n".join(lines))
    assert codes == []
    with pytest.raises(TooLargeError):
        plain(value)


def test_deep_nesting_is_a_problem_not_a_crash() -> None:
    assert read("a: " + "[" * 5000)[1] != []


@given(st.text(alphabet="ab:-[]{}&*!<>|'\"#%@ \n\t0.", max_size=60))
def test_any_text_gives_values_or_problems(text: str) -> None:
    value, codes = read(text)
    assert value is None or codes == [] or isinstance(value, Map | Seq | str | int | float)
