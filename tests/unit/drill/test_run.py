"""Where services are when a drill begins, as the plan it is predicted from; what it would do."""

from __future__ import annotations

from pathlib import Path

from quorate.deploy.progress import Silent
from quorate.drill.file import Drill
from quorate.drill.run import Once, placed
from quorate.drill.setting import Setting
from quorate.plan.solve import make_plan
from quorate.predict.model import Failure
from tests.unit.drill.shop import seen, shop
from tests.unit.drill.test_ground_lab import ground


def test_services_are_where_they_run_and_not_at_home() -> None:
    plan = make_plan(shop())
    found = placed(plan, shop(), seen({"web": "wb", "api": "c", "db": "b"}))
    homes = {name: placement.homes for name, placement in found.services.items()}
    assert homes == {"web": ("b", "w"), "api": ("c",), "db": ("b",)}
    assert found.services["web"].home == "b"
    assert found.services["web"].pool == plan.services["web"].pool


def test_what_runs_nowhere_stays_where_it_was_planned() -> None:
    plan = make_plan(shop())
    found = placed(plan, shop(), seen({"web": "wb", "db": "b"}))
    assert found.services["api"].homes == plan.services["api"].homes


def once(kind: str, **target: str) -> Once:
    """A run on the shop's lab that is about to be done."""
    drill = {"drill": "x", "target": target, "fault": {"kind": kind}}
    setting = Setting(
        fleet=shop(),
        ground=ground(),
        plan=make_plan(shop()),
        drill=Drill.model_validate(drill),
        seed=0,
        directory=Path("nowhere"),
    )
    return Once(setting, 1, seen(), Silent())


def test_what_stands_still_takes_nothing_from_its_server_but_itself() -> None:
    intent = once("freeze-service", service="api").intent()
    assert intent.target == ("w",)
    assert intent.prediction is not None
    assert intent.prediction.name == "api stands still on w"
    assert [fate.service for fate in intent.prediction.fates] == ["api"]
    assert intent.refused == ()


def test_a_drain_moves_what_a_loss_would_and_nobody_has_to_notice() -> None:
    drained = once("drain", server="w").intent().prediction
    lost = once("power-off", server="w").intent().prediction
    assert drained is not None
    assert lost is not None
    assert (drained.noticed, lost.noticed is None) == (None, False)

    def places(found: Failure) -> dict[str, list[str]]:
        return {fate.service: sorted(fate.goes_to) for fate in found.fates}

    assert places(drained) == places(lost) != {}
