"""Sizes, durations, shares and rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.fleet import quantities as q

NONSENSE: tuple[Any, ...] = ("", "x", "-1", -1, True, None, [])
PARSERS = (q.parse_size, q.parse_duration, q.parse_share, q.parse_cpus, q.parse_rate)


@pytest.mark.parametrize(
    ("parse", "written", "expected"),
    [
        (q.parse_size, "512M", 512 * 2**20),
        (q.parse_size, "4g", 4 * 2**30),
        (q.parse_size, "31GiB", 31 * 2**30),
        (q.parse_size, "1.5 GB", 3 * 2**29),
        (q.parse_size, "1024", 1024),
        (q.parse_size, 1024, 1024),
        (q.parse_size, "10b", 10),
        (q.parse_duration, "1m30s", 90.0),
        (q.parse_duration, "500ms", 0.5),
        (q.parse_duration, "2h", 7200.0),
        (q.parse_duration, "1.5s", 1.5),
        (q.parse_duration, 45, 45.0),
        (q.parse_duration, "45", 45.0),
        (q.parse_share, "10%", 0.1),
        (q.parse_share, 0.25, 0.25),
        (q.parse_share, "1", 1.0),
        (q.parse_cpus, "0.5", 0.5),
        (q.parse_cpus, 2, 2.0),
        (q.parse_rate, "10M", 10 * 2**20),
        (q.parse_rate, "10MB/s", 10 * 2**20),
        (q.parse_rate, "100Mbit", 12.5e6),
    ],
)
def test_written_forms(parse: Callable[[Any], float], written: Any, expected: float) -> None:
    assert parse(written) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        *((parse, value) for parse in PARSERS for value in NONSENSE),
        (q.parse_size, "5 apples"),
        (q.parse_size, float("inf")),
        (q.parse_duration, "1m30"),
        (q.parse_duration, "s1"),
        (q.parse_share, "150%"),
        (q.parse_share, 10),
        (q.parse_cpus, "1e3"),
    ],
)
def test_what_cannot_be_read_is_said_with_an_example(
    parse: Callable[[Any], float], written: Any
) -> None:
    with pytest.raises(ValueError, match="write"):
        parse(written)


@given(st.integers(min_value=0, max_value=2**50))
def test_a_written_size_reads_back_as_the_same(size: int) -> None:
    assert q.parse_size(q.write_size(size)) == size


@given(st.integers(min_value=0, max_value=10**12))
def test_a_written_duration_reads_back_as_the_same(microseconds: int) -> None:
    seconds = microseconds / 1_000_000
    assert q.parse_duration(q.write_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.sampled_from(PARSERS), st.one_of(st.text(), st.floats(), st.integers(), st.none()))
def test_a_parser_gives_a_number_or_a_value_error(
    parse: Callable[[Any], float], value: Any
) -> None:
    try:
        assert parse(value) >= 0
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1536, "1.5 KiB"), (4 * 2**30, "4 GiB"), (31.2 * 2**30, "31.2 GiB")],
)
def test_sizes_for_people(size: float, shown: str) -> None:
    assert q.show_size(size) == shown
