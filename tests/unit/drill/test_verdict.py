"""How the fleet stood it."""

from __future__ import annotations

import pytest

from quorate.drill.file import Drill
from quorate.drill.model import Probed, Recovered, Resilience, Written
from quorate.drill.verdict import resilience

DRILL = Drill.model_validate(
    {"drill": "x", "target": {"server": "w"}, "fault": {"kind": "power-off"}}
)


@pytest.mark.parametrize(
    ("running", "may_move", "expected"),
    [
        (12.0, True, Resilience.PASSED),
        (61.0, True, Resilience.FAILED),
        (None, True, Resilience.FAILED),
        (None, False, Resilience.PASSED),
    ],
)
def test_what_may_move_must_be_back_in_its_time(
    running: float | None, may_move: bool, expected: Resilience
) -> None:
    service = Recovered(service="web", tasks=1, may_move=may_move, running=running, target=60.0)
    found, why = resilience(DRILL, [service], [], quorum=True)
    assert found is expected
    assert bool(why) == (expected is Resilience.FAILED)


def test_without_a_quorum_nothing_is_meant_to_move() -> None:
    service = Recovered(service="web", tasks=1, may_move=True)
    assert resilience(DRILL, [service], [], quorum=False)[0] is Resilience.PASSED


def test_a_bystander_must_notice_nothing() -> None:
    probes = [
        Probed(service="other", vantage="a", sent=100, ok=90, failed=10, bystander=True),
        Probed(service="web", vantage="a", sent=100, ok=10, failed=90),
    ]
    found, why = resilience(DRILL, [], probes, quorum=True)
    assert found is Resilience.FAILED
    assert why == ("other, which should notice nothing, failed 10.0% of probes",)


@pytest.mark.parametrize(
    ("lost", "said", "expected"),
    [
        (0, "judged", Resilience.PASSED),
        (3, "judged", Resilience.FAILED),
        (3, "any", Resilience.FAILED),
        (3, "allowed", Resilience.PASSED),
        (None, "judged", Resilience.FAILED),
        (None, "allowed", Resilience.PASSED),
    ],
)
def test_a_lost_write_fails_a_drill_unless_it_is_allowed(
    lost: int | None, said: str, expected: Resilience
) -> None:
    drill = DRILL.model_copy(update={"abort": DRILL.abort.model_copy(update={"lost_writes": said})})
    writes = [Written(service="db", acknowledged=9, unknown=4, lost=lost)]
    found, why = resilience(drill, [], [], writes, quorum=True)
    assert found is expected
    if said != "allowed" and lost:
        assert why == ("db lost 3 of 9 acknowledged writes",)
