"""What holds for every what-if."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate.fleet.model import Fleet, Isolation, State, VolumeUse
from quorate.plan.verify import violations
from quorate.plan.whatif.aspects.kinds import BY_ID, aspects
from quorate.plan.whatif.changes import Changes
from quorate.plan.whatif.compare import sides
from quorate.plan.whatif.model import Verdict, Winner
from quorate.plan.whatif.recommend import decide
from quorate.plan.whatif.scope import scope_of
from tests.unit.plan.builders import GIB, fleet, server, service
from tests.unit.plan.whatif.asking import Present, ask

OTHER = {Winner.BEFORE: Winner.AFTER, Winner.AFTER: Winner.BEFORE, Winner.TIE: Winner.TIE}
VOLUME = (VolumeUse(kind="volume", source="v", target="/v"),)
DATA: list[dict[str, Any]] = [
    {},
    {"state": State.VOLUME, "volumes": VOLUME, "data_size": 3 * GIB},
]
CLASSES = st.sampled_from(["production", "ci", "data"])


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Two to four servers and one to five services in any figures, some of them impossible."""
    servers = [
        server(
            f"s{index}",
            memory=draw(st.integers(4, 32)),
            cpus=draw(st.integers(1, 16)),
            speed=draw(st.sampled_from([0.5, 1.0, 1.5])),
            uptime_days=draw(st.sampled_from([None, 1.0, 60.0])),
        )
        for index in range(draw(st.integers(2, 4)))
    ]
    names = [f"x{index}" for index in range(draw(st.integers(1, 5)))]
    services = [
        service(
            name,
            memory=draw(st.integers(1, 6)),
            cpu=draw(st.sampled_from([0.1, 0.5, 2.0])),
            workload_class=draw(CLASSES),
            needs=tuple(draw(st.sets(st.sampled_from(names), max_size=2)) - {name}),
            near=tuple(draw(st.sets(st.sampled_from(names), max_size=1)) - {name}),
            apart=tuple(draw(st.sets(st.sampled_from(names), max_size=1)) - {name}),
            load={
                "cpu_peak": draw(st.sampled_from([0.5, 3.0])),
                "network": draw(st.sampled_from([0.0, 1e6])),
                "spiky": draw(st.booleans()),
            },
            **draw(st.sampled_from(DATA)),
        )
        for name in names
    ]
    isolation = (Isolation(spiky="ci", away_from="production"),)
    return fleet(servers, services, isolation=isolation, survive=1)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Fleet, Present, str, str]:
    """A fleet with every service somewhere, and a move to another server."""
    one = draw(fleets())
    names = [s.name for s in one.servers]
    present: Present = {s.id: (draw(st.sampled_from(names)),) for s in one.services}
    moved = draw(st.sampled_from([s.id for s in one.services]))
    to = draw(st.sampled_from([n for n in names if n not in present[moved]]))
    return one, present, moved, to


QUIET = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=60
)


@QUIET
@given(questions())
def test_exchanging_the_sides_exchanges_the_winners(
    question: tuple[Fleet, Present, str, str],
) -> None:
    one, present, moved, to = question
    pair = sides(one, Changes(moves={moved: (to,)}), present)
    scope = scope_of(pair)
    forward = aspects(pair.before, pair.after, scope)
    back = aspects(pair.after, pair.before, scope)
    for there, again in zip(forward, back, strict=True):
        assert again.winner is OTHER[there.winner], there.id
        assert again.before == there.after
    price = {"all": (pair.before.price.total(), pair.after.price.total())}
    turned = {"all": (price["all"][1], price["all"][0])}
    assert decide(back, turned)[0] is OTHER[decide(forward, price)[0]]


@QUIET
@given(questions())
def test_no_advice_to_break_a_rule(
    question: tuple[Fleet, Present, str, str],
) -> None:
    one, present, moved, to = question
    answer = ask(one, present, move=f"{moved}={to}")
    rules = next(aspect for aspect in answer.aspects if aspect.id == "rules")
    if (rules.after.figure or 0) > (rules.before.figure or 0):
        assert answer.recommendation.verdict is Verdict.STAY
    if answer.recommendation.verdict is Verdict.CHANGE:
        assert all(a.winner is not Winner.BEFORE for a in answer.aspects[:1])
    assert all(con.mitigation for con in answer.recommendation.cons)
    must = [a for a in answer.aspects if BY_ID[a.id].must]
    first = next((a.winner for a in must if a.winner is not Winner.TIE), None)
    if first is not None:
        wanted = Verdict.STAY if first is Winner.BEFORE else Verdict.CHANGE
        assert answer.recommendation.verdict is wanted


@QUIET
@given(questions())
def test_what_is_asked_is_done_and_rules_said_to_be_kept_are(
    question: tuple[Fleet, Present, str, str],
) -> None:
    """Judged by the check of plans that shares no code with the planner."""
    one, present, moved, to = question
    pair = sides(one, Changes(moves={moved: (to,)}), present)
    assert pair.after.homes[moved] == (to,)
    assert pair.before.homes == present
    found = violations(pair.after.fleet, pair.after.plan)
    assert bool(found) == bool(pair.after.broken), (found, pair.after.broken)
