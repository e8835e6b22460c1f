"""What is asked before a move is chosen; the engines are fakes, the planner is the real one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.deploy import record
from quorate.deploy.progress import Silent
from quorate.deploy.record import RecordContent
from quorate.errors import LockedError, RefusedError, UsageError
from quorate.observe.connect import Answers
from quorate.recover.carrying import begin
from quorate.recover.journal import FileStore
from quorate.recover.model import Operation, Step
from quorate.recover.moving.gather import Options, chosen, wishes
from quorate.recover.moving.model import of_facts
from quorate.recover.site import Site, journals
from tests.unit.fleet.helpers import fleet_of
from tests.unit.recover.moving.test_choose import COMPOSE, FLEET, seen

SIZES = {"app_d": 5 * 10**9, "app_odd": -1}


class Engines:
    """Fakes of two servers' engines: their volumes, and how large they are."""

    def __init__(self, volumes: dict[str, list[str]]) -> None:
        self.volumes = volumes

    def each(self, ask: Any, servers: set[str]) -> Answers[Any]:
        return Answers(results={name: self._answer(ask, name) for name in servers})

    def _answer(self, ask: Any, name: str) -> Any:
        listed = {"Volumes": [{"Name": one} for one in self.volumes.get(name, [])]}
        used = [{"Name": key, "UsageData": {"Size": size}} for key, size in SIZES.items()]
        api = SimpleNamespace(volumes=lambda: listed, df=lambda: {"Volumes": used})
        return ask(SimpleNamespace(name=name), SimpleNamespace(api=api))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET, "compose.yaml": COMPOSE})
    content = RecordContent(fleet="test", stacks={}, homes=dict(seen().homes))
    monkeypatch.setattr(record, "last_applied", lambda client, *, fleet: content)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = SimpleNamespace(
        fleet=fleet,
        report=Silent(),
        connections=Engines({"one": ["app_d"], "two": []}),
        snapshot=lambda: seen().snapshot,
        client=lambda: None,
        lab=None,
    )
    return cast(Site, made)


def test_all_that_was_seen_is_in_the_move(place: Site) -> None:
    made = chosen(place, wishes(place, ["app/db"], "two"), Options())
    assert made.facts["sizes"] == {"one:app_d": 5 * 10**9}
    move = of_facts(made.facts)
    assert move.run.startswith("move:db@") and move.homes == {"db": ("one",)}
    assert Operation.model_validate_json(made.model_dump_json()) == made


def test_a_volume_that_is_there_is_seen(place: Site) -> None:
    cast(Any, place.connections).volumes["two"] = ["app_d"]
    with pytest.raises(RefusedError, match="has the volume app_d already"):
        chosen(place, wishes(place, ["db"], "two"), Options())
    assert chosen(place, wishes(place, ["db"], "two"), Options(over=("app_d",))).steps


def test_before_anything_was_deployed_nothing_moves(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "last_applied", lambda client, *, fleet: None)
    with pytest.raises(RefusedError, match="nothing of this fleet was deployed"):
        chosen(place, wishes(place, ["db"], "two"), Options())


def test_while_another_operation_is_not_over_none_is_chosen(place: Site) -> None:
    step = Step(id="a", says="look")
    other = Operation(kind="drain", subject="one", fleet="test", steps=(step,))
    begin(FileStore(journals("test", None)), other)
    with pytest.raises(LockedError, match="drain one"):
        chosen(place, wishes(place, ["db"], "two"), Options())


def test_names_that_are_none(place: Site) -> None:
    with pytest.raises(UsageError, match="named twice"):
        wishes(place, ["db", "app_db"], "two")
    with pytest.raises(UsageError, match="no service dbb"):
        wishes(place, ["dbb"], "two")
