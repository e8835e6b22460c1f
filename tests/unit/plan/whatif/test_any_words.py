"""Whatever is written after an option: an answer, or an error that says what is wrong."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quorate.errors import QuorateError
from quorate.fleet.model import Engine, Fleet, Mode, Stack
from quorate.plan.whatif.answer import what_if
from quorate.plan.whatif.changes import Asked
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.plan.whatif.asking import planned

SMALL: Fleet = fleet(
    [server("alpha", role="manager"), server("beta"), server("gamma")],
    [
        service("web", replicas=2, needs=("db",)),
        service("db", **data()),
        service("exporter", mode=Mode.GLOBAL),
        service("idle", replicas=0),
        service("mail", stack="post", engine=Engine.COMPOSE, pins=("alpha",)),
    ],
    stacks=[Stack(name="post", files=(), engine=Engine.COMPOSE, server="alpha")],
    survive=1,
)
PRESENT = planned(SMALL)

WORDS = st.sampled_from(
    ["alpha", "beta", "gamma", "web", "db", "exporter", "idle", "mail", "post", "app", "new"]
)
PARTS = st.sampled_from(
    ["=", ",", "memory=", "cpus=", "name=", "4G", "-1", "0", "3", "1e9", "nan", "inf", "½", " "]
)
TEXT = st.lists(st.one_of(WORDS, PARTS, st.text(max_size=4)), max_size=6).map("".join)
PAIR = st.builds(lambda a, b: f"{a}={b}", WORDS, st.one_of(WORDS, TEXT))
ADDED = st.builds(lambda a, b: f"name={a},memory={b},cpus=2", WORDS, st.sampled_from(["4G", "1"]))
OPTION = st.lists(st.one_of(PAIR, WORDS, TEXT, ADDED), max_size=2).map(tuple)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    asked=st.builds(
        Asked,
        move=OPTION,
        origin=OPTION,
        lose=OPTION,
        add=OPTION,
        resize=OPTION,
        scale=OPTION,
        without=OPTION,
        pin=OPTION,
        unpin=OPTION,
    ),
    replan=st.booleans(),
)
def test_no_words_end_in_anything_else(asked: Asked, replan: bool) -> None:
    try:
        answer = what_if(SMALL, asked, PRESENT, replan=replan)
    except QuorateError as error:
        assert error.exit_code in (2, 3)
        assert error.what
        return
    assert answer.recommendation.headline


SINGLE = st.one_of(
    st.builds(lambda text: Asked(move=(text,)), PAIR),
    st.builds(lambda text: Asked(lose=(text,)), WORDS),
    st.builds(lambda text: Asked(add=(text,)), ADDED),
    st.builds(lambda a, n: Asked(scale=(f"{a}={n}",)), WORDS, st.integers(0, 5)),
    st.builds(lambda a, n: Asked(resize=(f"{a}={n}M",)), WORDS, st.integers(1, 20_000)),
    st.builds(lambda text: Asked(without=(text,)), WORDS),
    st.builds(lambda text: Asked(pin=(text,)), PAIR),
    st.builds(lambda text: Asked(unpin=(text,)), WORDS),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(asked=SINGLE, replan=st.booleans())
def test_one_option_alone(asked: Asked, replan: bool) -> None:
    try:
        answer = what_if(SMALL, asked, PRESENT, replan=replan)
    except QuorateError as error:
        assert error.exit_code in (2, 3)
        return
    for change in answer.services:
        assert change.before != change.after or change.pending or change.cause == "asked"
