"""What a watch makes of snapshots: who was hit, when each was back, and where."""

from __future__ import annotations

from quorate.drill.model import Agreement
from quorate.drill.verdict import agreement
from quorate.drill.watch import Watch, compared
from quorate.predict.model import Failure, Fate, Span
from quorate.swarm.outcomes import Certainty
from tests.unit.drill.shop import seen, shop

SPAN = Span(low=3.0, mean=4.0, high=5.0)


def failure(goes_to: str = "abc") -> Failure:
    places = dict.fromkeys(goes_to, Certainty.SOMETIMES)
    fates = tuple(
        Fate(service=name, workload_class="production", tasks=1, lost=1, whole=SPAN, goes_to=places)
        for name in ("web", "api")
    )
    return Failure(name="w", servers=("w",), leader="a", noticed=SPAN, restored=SPAN, fates=fates)


def test_who_was_hit_and_who_may_move() -> None:
    watch = Watch(shop(), seen(), ("w",))
    assert dict(watch.lost) == {"web": 1, "api": 1}
    assert watch.movable == ("web", "api")
    pinned = Watch(shop(), seen(), ("b",))
    assert list(pinned.affected) == ["db"]
    assert pinned.movable == ()


def test_a_course() -> None:
    watch = Watch(shop(), seen(), ("w",))
    watch.see(seen(), 1.0)
    assert (watch.noticed, watch.running) == (None, {})
    watch.see(seen(down="w"), 3.2)
    assert watch.noticed == 3.2
    watch.see(seen(down="w", replaced={"web": "c"}), 4.0)
    assert watch.running == {"web": 4.0}
    assert not watch.over
    watch.see(seen(down="w", replaced={"web": "c", "api": "b"}), 9.0)
    assert watch.over
    assert [beat.what for beat in watch.beats].count("running") == 2
    web, api = sorted(watch.recovered(failure()), key=lambda item: item.service, reverse=True)
    assert (web.running, web.went_to, web.possible) == (4.0, ("c",), True)
    assert web.phase is not None
    assert web.phase.inside
    assert api.phase is not None
    assert api.phase.inside is False
    phases = {phase.name: phase for phase in watch.phases(failure())}
    assert phases["noticed"].inside
    assert phases["all running"].measured == 9.0
    verdict, off = agreement(watch.phases(failure()), watch.recovered(failure()))
    assert verdict is Agreement.OUTSIDE
    assert off == ("all running: measured 9.0 s, predicted 3.0 to 5.0 s",)


def test_a_place_that_the_model_calls_impossible_is_a_surprise() -> None:
    watch = Watch(shop(), seen(), ("w",))
    watch.see(seen(down="w", replaced={"web": "c", "api": "b"}), 4.0)
    verdict, off = agreement(watch.phases(failure("a")), watch.recovered(failure("a")))
    assert verdict is Agreement.OUTSIDE
    assert len(off) == 2


def test_a_leader_that_is_lost() -> None:
    watch = Watch(shop(), seen({"web": "ab"}), ("a",))
    watch.see(seen({"web": "ab"}, leader=""), 5.0)
    assert watch.new_leader is None
    watch.see(seen({"web": "ab"}, leader="c"), 12.0)
    watch.see(seen({"web": "ab"}, leader="b"), 14.0)
    assert watch.new_leader == 12.0


def test_a_server_that_is_well_and_taken_for_lost_is_a_surprise() -> None:
    watch = Watch(shop(), seen(), ("a",))
    watch.see(seen(down="aw"), 20.0)
    assert (watch.noticed, watch.misled) == (20.0, ("w",))
    verdict, off = agreement((), (), watch.misled)
    assert verdict is Agreement.OUTSIDE
    assert off == ("w, which was well, was taken for lost too",)


def test_one_that_is_often_taken_for_lost_is_told_and_no_surprise() -> None:
    phases = (compared("noticed", SPAN, 5.0),)
    verdict, told = agreement(phases, (), ("w",), {"w": 0.34})
    assert verdict is Agreement.INSIDE
    assert told == (
        "w, which was well, was taken for lost too, as predicted of 34 in 100 such losses",
    )
    verdict, told = agreement(phases, (), ("w",), {"w": 0.004})
    assert verdict is Agreement.OUTSIDE
    assert told == ("w, which was well, was taken for lost too",)


def test_a_measure_may_be_off_by_how_often_is_looked() -> None:
    assert compared("x", SPAN, 5.4).inside
    assert compared("x", SPAN, 5.6).inside is False
    assert compared("x", None, 5.6).inside is None
    assert compared("x", SPAN, None).inside is None
