"""Partitions: which side goes on, what then runs twice, and how they are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.errors import UsageError
from quorate.fleet.model import Role
from quorate.plan.solve import make_plan
from quorate.predict.predict import predict
from tests.unit.plan.builders import fleet, server, service
from tests.unit.predict.test_predict import OFFICE, shop


def parted(*side: str) -> Any:
    (found,) = predict(shop(), make_plan(shop()), parted=[side], leader="c", courses=40).failures
    return found


def test_what_is_replaced_runs_twice_meanwhile() -> None:
    found = parted("w")
    lost = predict(shop(), make_plan(shop()), lost=[("w",)], leader="c", courses=40).failures[0]
    assert (found.servers, found.apart) == (("w",), ("a", "b", "c"))
    assert found.doubled == tuple(fate.service for fate in lost.fates if fate.goes_to)
    assert "slow" in found.doubled
    assert "db" not in found.doubled
    assert found.noticed == lost.noticed
    assert "|" in found.name


def test_the_side_with_most_of_the_managers_goes_on() -> None:
    assert parted("a", "b", "c").servers == ("w",)
    assert parted("a", "w").servers == ("a", "w")
    assert parted("b", "c").servers == ("a", "w")


def test_two_halves_without_a_majority() -> None:
    two = fleet([server("a", role=Role.MANAGER), server("b", role=Role.MANAGER)], [service("x")])
    (found,) = predict(two, make_plan(two), parted=[("a",)], courses=20).failures
    assert not found.quorum
    assert found.doubled == ()
    assert "network" in found.remedy


def test_nobody_on_the_other_side() -> None:
    with pytest.raises(UsageError, match="nobody on the other side"):
        parted("a", "b", "c", "w")


def test_zones_are_parted_without_being_asked() -> None:
    servers = [
        server("a", role=Role.MANAGER, zone="left"),
        server("b", role=Role.MANAGER, zone="right"),
        server("c", role=Role.MANAGER, zone="right"),
    ]
    made = fleet(servers, [service("x")])
    found = predict(made, make_plan(made), courses=20).failures
    sides = {each.servers for each in found if each.apart}
    assert sides == {("a",)}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("hpr/gmktec", "on neither side"),
        ("hpr,gmktec/gmktec,wsasus,hppavilion", "on both sides"),
        ("hprr", "did you mean `hpr`"),
    ],
)
def test_bad_sides(asked: str, words: str) -> None:
    done = CliRunner().invoke(build(), ["predict", str(OFFICE), "--partition", asked])
    assert done.exit_code != 0
    assert words in str(done.exception)
