"""The document's own question: GitLab on hppavilion or on gmktec.

Its table: hppavilion wins memory, isolation, network, impact of builds and uptime;
gmktec wins CPU power. All of it must come from the figures: other figures, other answers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.fleet.model import Fleet, Isolation, Service
from quorate.fleet.read import read_fleet
from quorate.plan.whatif.model import Verdict, WhatIf, Winner
from tests.unit.plan.whatif.asking import Present, ask, aspect, planned, winners

pytestmark = pytest.mark.slow

OFFICE = Path(__file__).parents[4] / "examples" / "office" / "fleet.yaml"
GIB = 2**30

TABLE = {
    "memory": "hppavilion",
    "cpu": "gmktec",
    "isolation": "hppavilion",
    "network": "hppavilion",
    "bursts": "hppavilion",
    "stability": "hppavilion",
}
"""Aspect → the server the document's table names."""


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE)


@pytest.fixture(scope="module")
def present(office: Fleet) -> Present:
    return planned(office)


@pytest.fixture(scope="module")
def answer(office: Fleet, present: Present) -> WhatIf:
    return ask(office, present, move="gitlab=gmktec")


def changed(fleet: Fleet, name: str, **update: object) -> Fleet:
    """With other figures for one server."""
    servers = tuple(
        server.model_copy(update=update) if server.name == name else server
        for server in fleet.servers
    )
    return fleet.model_copy(update={"servers": servers})


def services(fleet: Fleet, name: str, **update: object) -> Fleet:
    """With other words about one service."""
    found = tuple(s.model_copy(update=update) if s.id == name else s for s in fleet.services)
    return fleet.model_copy(update={"services": found})


def alone(fleet: Fleet) -> Fleet:
    """GitLab free of its wish to be near the databases: only figures speak."""
    return services(fleet, "gitlab", near=())


def test_the_table_of_the_document(answer: WhatIf) -> None:
    sides = {Winner.BEFORE: "hppavilion", Winner.AFTER: "gmktec", Winner.TIE: "neither"}
    found = {name: sides[winner] for name, winner in winners(answer).items()}
    assert {name: found[name] for name in TABLE} == TABLE


def test_the_advice_is_to_stay_and_less_cpu_is_the_counter_argument(answer: WhatIf) -> None:
    advice = answer.recommendation
    assert advice.verdict is Verdict.STAY
    assert advice.headline.startswith("stay with gitlab on hppavilion")
    cpu = next(con for con in advice.cons if con.what.startswith("CPU power"))
    assert "6.19 threads of 8 threads" in cpu.what
    assert "14.79 threads of 20.8 threads" in cpu.what
    assert "enough all the same" in cpu.mitigation
    assert all(con.mitigation for con in advice.cons)


def test_the_pin_is_overridden_in_thought_and_said(answer: WhatIf) -> None:
    assert "its owner pins gitlab to hppavilion" in answer.overridden
    assert answer.broken == (
        "gitlab: near postgres (on the same server)",
        "gitlab: near redis (on the same server)",
    )


def test_its_data_has_to_move(answer: WhatIf) -> None:
    (copy,) = answer.transfers
    assert (copy.service, copy.source, copy.target) == ("gitlab", "hppavilion", "gmktec")
    assert copy.size == 80 * GIB
    # Gigabit Ethernet, nine tenths of it usable; then its health check's 300 s.
    assert copy.seconds == pytest.approx(80 * GIB / (125e6 * 0.9), abs=0.1)
    assert copy.down == pytest.approx(copy.seconds + 300, abs=0.1)
    assert copy.limited_by == "the network"


def test_a_faster_cable_leaves_the_disk_as_the_limit(office: Fleet, present: Present) -> None:
    (copy,) = ask(office, present, move="gitlab=gmktec", link=10e9).transfers
    assert copy.limited_by == "the disk of hppavilion"
    assert copy.seconds == pytest.approx(80 * GIB / 1000e6, abs=0.1)


def test_figures_alone_say_stay_too(office: Fleet, present: Present) -> None:
    answer = ask(alone(office), present, move="gitlab=gmktec")
    assert answer.broken == ()
    assert answer.recommendation.verdict is Verdict.STAY
    assert "planner's goals" in answer.recommendation.decided_by


def test_the_question_the_other_way_round(office: Fleet, present: Present) -> None:
    """As the document asks it: from gmktec to hppavilion."""
    answer = ask(alone(office), present, origin="gitlab=gmktec", move="gitlab=hppavilion")
    assert answer.recommendation.verdict is Verdict.CHANGE
    assert answer.recommendation.headline == "change to gitlab on hppavilion"
    sides = {Winner.AFTER: "hppavilion", Winner.BEFORE: "gmktec", Winner.TIE: "neither"}
    found = {name: sides[winner] for name, winner in winners(answer).items()}
    assert {name: found[name] for name in TABLE} == TABLE
    cons = {con.what.partition(":")[0] for con in answer.recommendation.cons}
    assert {"CPU power", "data to move"} <= cons


def test_more_memory_there_turns_the_memory_aspect(office: Fleet, present: Present) -> None:
    answer = ask(changed(office, "gmktec", memory=64 * GIB), present, move="gitlab=gmktec")
    assert winners(answer)["memory"] is Winner.AFTER
    assert "memory" not in [r.partition(":")[0] for r in answer.recommendation.reasons]


def test_a_longer_uptime_there_turns_stability(office: Fleet, present: Present) -> None:
    answer = ask(changed(office, "gmktec", uptime_days=200.0), present, move="gitlab=gmktec")
    assert winners(answer)["stability"] is Winner.AFTER


def test_a_slower_processor_there_turns_cpu_power(office: Fleet, present: Present) -> None:
    answer = ask(changed(office, "gmktec", cpus=8.0), present, move="gitlab=gmktec")
    assert winners(answer)["cpu"] is Winner.BEFORE
    cons = {con.what.partition(":")[0] for con in answer.recommendation.cons}
    assert "CPU power" not in cons


def test_without_bursts_isolation_says_nothing(office: Fleet, present: Present) -> None:
    gitlab = office.service("gitlab")
    calm = services(office, "gitlab", load=gitlab.load.model_copy(update={"spiky": False}))
    found = winners(ask(calm, present, move="gitlab=gmktec"))
    assert found["isolation"] is found["bursts"] is Winner.TIE


def test_a_policy_that_protects_data_turns_isolation(office: Fleet, present: Present) -> None:
    policy = office.policy.model_copy(
        update={"isolation": (Isolation(spiky="ci", away_from="data"),)}
    )
    other = office.model_copy(update={"policy": policy})
    assert winners(ask(other, present, move="gitlab=gmktec"))["isolation"] is Winner.AFTER


def test_enough_other_figures_turn_the_advice(office: Fleet, present: Present) -> None:
    free = alone(office)
    big = changed(free, "gmktec", memory=96 * GIB, cpus=64.0, uptime_days=400.0)
    answer = ask(big, present, move="gitlab=gmktec")
    assert answer.recommendation.verdict is Verdict.CHANGE
    assert aspect(answer, "data").winner is Winner.BEFORE
    assert any(con.what.startswith("data to move") for con in answer.recommendation.cons)


def test_the_databases_move_with_it_when_nobody_pins_them(office: Fleet, present: Present) -> None:
    def free(service: Service) -> Service:
        return (
            service.model_copy(update={"pins": ()})
            if service.id in ("postgres", "redis")
            else service
        )

    loose = office.model_copy(update={"services": tuple(map(free, office.services))})
    answer = ask(loose, present, move="gitlab=gmktec")
    assert answer.broken == ()
    found = {change.id: change for change in answer.services}
    assert {name for name, c in found.items() if c.cause == "forced"} == {"postgres", "redis"}
    assert found["postgres"].after == ("gmktec",)
    assert "what that forces: postgres and redis" in answer.after_is
