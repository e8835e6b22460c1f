"""How far along its course a chain goes in a round: as planned, or with the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.plan.search.run import ahead


@given(planned=st.integers(2, 300), part=st.floats(0, 1))
def test_in_time_it_goes_as_planned(planned: int, part: float) -> None:
    done = int(part * (planned - 1))
    assert ahead(done, planned, part * done / planned) == (done + 1) / planned


@given(planned=st.integers(20, 300), slower=st.floats(1.2, 20))
def test_late_it_reaches_the_end_with_the_clock_and_skips_nothing(
    planned: int, slower: float
) -> None:
    reached, spent, steps = 0.0, 0.0, []
    for done in range(planned):
        if reached >= 1.0:
            break
        end = ahead(done, planned, spent)
        assert end > reached
        steps.append(end - reached)
        reached = end
        spent = (done + 1) * slower / planned
    assert reached == 1.0
    assert spent == pytest.approx(1.0, abs=(5 * slower + 1) / planned)
    # All but the leap with which it finds that it is late are as long as its rounds take.
    assert sorted(steps)[-2] <= 1.7 * slower / planned


def test_where_rounds_are_few_being_late_shows_soon_and_leaves_no_leap() -> None:
    planned, slower, late = 14, 2.0, 1.0
    reached, steps = 0.0, []
    for done in range(planned):
        if reached >= 1.0:
            break
        end = ahead(done, planned, done * slower / planned, late)
        steps.append(end - reached)
        reached = end
    assert reached == 1.0
    assert max(steps) <= 2.0 * slower / planned
