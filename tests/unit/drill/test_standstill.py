"""A service that stands still, and a drained server: who is concerned, and when it is too long."""

from __future__ import annotations

from quorate.drill.model import Probed
from quorate.drill.standstill import drained, standing, unanswered
from quorate.predict.model import Failure, Fate, Span
from quorate.swarm.outcomes import Certainty
from tests.unit.drill.shop import seen, shop


def test_what_needs_a_service_that_stands_still_is_concerned_and_nobody_moves() -> None:
    found = standing(shop(), seen(), "db", "b")
    fates = {fate.service: fate for fate in found.fates}
    assert list(fates) == ["db", "api"]
    assert fates["db"].stops
    assert fates["db"].waits
    assert fates["api"].through == ("db",)
    assert not any(fate.goes_to for fate in found.fates)
    assert (found.servers, found.leader, found.noticed) == ((), "a", None)


def test_a_service_with_another_replica_does_not_stop() -> None:
    (fate,) = standing(shop(), seen(), "web", "a").fates
    assert (fate.tasks, fate.lost, fate.stops) == (2, 1, False)


def test_a_drain_says_where_and_not_when() -> None:
    span = Span(low=1, mean=2, high=3)
    fate = Fate(
        service="web",
        workload_class="production",
        tasks=1,
        lost=1,
        whole=span,
        starts=span,
        goes_to={"b": Certainty.ALWAYS},
    )
    lost = Failure(name="w", servers=("w",), leader="a", noticed=span, restored=span, fates=(fate,))
    found = drained(lost)
    assert (found.noticed, found.restored, found.fates[0].whole) == (None, None, None)
    assert found.fates[0].goes_to == {"b": Certainty.ALWAYS}


def test_a_service_that_was_silent_for_longer_than_it_may_be_failed() -> None:
    def at(vantage: str, longest: float | None, service: str = "web") -> Probed:
        return Probed(service=service, vantage=vantage, longest=longest)

    probes = [at("a", 3.0), at("b", 61.0), at("c", None), at("a", None, "api")]
    found = unanswered(shop(), "web", probes)
    assert [text.split("; ")[0] for text in found] == [
        "web did not answer at b for 61.0 s",
        "web did not answer at c until it went on",
    ]
