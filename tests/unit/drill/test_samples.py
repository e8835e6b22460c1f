"""Lines of a prober into figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.drill.listening import Target
from quorate.drill.samples import Sample, availability, misnamed, parse, probed, silent

WEB = Target(service="web", host="s_web", port=80, kind="http")
API = Target(service="api", host="s_api", port=80, kind="http")


def samples(text: str, *, target: int = 0) -> list[Sample]:
    """One a second from 100 on: `+` answered, `-` not."""
    return [
        Sample(due=100.0 + at, target=target, status="ok" if each == "+" else "connect")
        for at, each in enumerate(text)
    ]


def test_lines_that_are_cut_short_are_left_out() -> None:
    lines = ["101.5 1 dead 1000 10.0.1.7", "100.0 0 ok 3 -", "what", "102.0 0 ok", "x 0 ok 1 -"]
    assert [(each.due, each.target, each.ok, each.address) for each in parse(lines)] == [
        (100.0, 0, True, ""),
        (101.5, 1, False, "10.0.1.7"),
    ]


def test_a_gap_is_from_the_last_good_answer_to_the_next() -> None:
    assert silent(samples("++--+-+"), start=100.0) == [(101.0, 104.0), (104.0, 106.0)]
    assert silent(samples("+---"), start=100.0) == [(100.0, None)]
    assert silent(samples("--+"), start=99.5) == [(99.5, 102.0)]
    assert silent([], start=99.5) == []


def test_the_figures_of_a_run() -> None:
    mixed = sorted(
        [*samples("+++--++++"), *samples("+++++++--", target=1)], key=lambda each: each.due
    )
    web, api = probed(
        mixed,
        (WEB, API),
        vantage="a",
        began=102.0,
        ended=108.0,
        bystanders=frozenset({"api"}),
    )
    assert (web.sent, web.ok, web.failed, web.longest, web.total_bad) == (7, 5, 2, 3.0, 3.0)
    assert (web.first_bad, web.last_bad, web.before, web.bystander) == (1.0, 2.0, 1.0, False)
    assert (api.longest, api.total_bad, api.bystander) == (None, 2.0, True)


def named(text: str) -> list[Sample]:
    """One a second from 100 on: `a`, `b` answer, `A`, `B` do not; `.`: no address; `x`: refused."""
    status = {".": "name", "A": "dead", "B": "dead", "x": "connect"}
    return [
        Sample(
            due=100.0 + at, target=0, status=status.get(each, "ok"), address=each.strip(".").lower()
        )
        for at, each in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aaxxaa", []),  # refused: the name is right, and nobody listens
        ("a..a", [(101.0, 103.0)]),
        ("aAbbAbab", [(101.0, 105.0)]),  # b answers, and the name still gives a dead one
        ("aA..bb", [(101.0, 104.0)]),
        ("aAAa.a", [(101.0, 103.0), (104.0, 105.0)]),
        ("aA..", [(101.0, None)]),
        ("abABab", [(102.0, 104.0)]),
        ("", []),
    ],
)
def test_a_name_is_wrong_while_it_gives_nothing_or_a_dead_address(
    text: str, expected: list[tuple[float, float | None]]
) -> None:
    assert misnamed(named(text)) == expected


@given(st.text("+-", min_size=1, max_size=60))
def test_gaps_follow_each_other_and_hold_every_failure(text: str) -> None:
    seen = samples(text)
    gaps = silent(seen, start=99.0)
    assert bool(gaps) == ("-" in text)
    for sample in seen:
        if not sample.ok:
            assert any(a < sample.due and (b is None or sample.due < b) for a, b in gaps)
    ends = [each for gap in gaps for each in gap if each is not None]
    assert ends == sorted(ends)
    assert availability(seen) == text.count("+") / len(text)
