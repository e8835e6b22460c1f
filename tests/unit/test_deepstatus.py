"""The steps of `status --deep`: one look or two, and which mends are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quorate import deepstatus, workflows
from quorate.backup.policy import quiesce
from quorate.backup.policy.quiesce import Record
from quorate.deploy.progress import Silent
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.observe.deep_model import Action, Check, Finding, Grade, Kind
from quorate.observe.standing import Standing
from quorate.workflows import Opened
from tests.unit.observe.deep_made import fleet

BLANK = Standing(
    fleet="shop", taken_at="2026-01-01T00:00:00+00:00", swarm=True, servers=(), services=()
)
STRAY = Finding(
    check=Check.STRAY,
    where="a",
    subject="c1",
    what="x",
    action=Action(kind=Kind.REMOVE, target="c1", server="a"),
)
DRIFT = Finding(check=Check.SETTINGS, where="swarm", what="x", action=Action(kind=Kind.TUNE))
SKEW = Finding(check=Check.SKEW, where="a", what="x", action=Action(kind=Kind.UP))
CLOCK = Finding(check=Check.CLOCK, where="a", what="x")
NOTE = Finding(check=Check.VOLUME, where="a", what="x", grade=Grade.NOTE)

Found = tuple[Finding, ...]


def standing(*found: Finding) -> Standing:
    return BLANK.model_copy(update={"findings": found})


class Play:
    """What the looks see, one after the other (the last for ever), and what was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: Found) -> None:
        self.looks = list(looks)
        self.done: list[str] = []

        def once(connections: object) -> Any:
            found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            self.done.append("look")
            return deepstatus._Seen(standing=standing(*found), findings=found)

        @contextmanager
        def scene(opened: object, report: object) -> Iterator[object]:
            yield None

        @contextmanager
        def connections(fleet: object) -> Iterator[object]:
            yield None

        monkeypatch.setattr(deepstatus, "_once", once)
        monkeypatch.setattr(deepstatus, "_scene", scene)
        monkeypatch.setattr(deepstatus, "Connections", connections)
        monkeypatch.setattr(deepstatus, "AGAIN_SECONDS", 0.0)
        monkeypatch.setattr(
            deepstatus, "mend", lambda action, scene: self.done.append(action.kind.name)
        )
        monkeypatch.setattr(workflows, "up", lambda *given, **named: self.done.append("up"))


OPENED = Opened(fleet=fleet())


@pytest.mark.parametrize(
    ("looks", "found", "count"),
    [
        (((),), (), 1),
        (((DRIFT, NOTE),), (DRIFT, NOTE), 1),
        (((STRAY,), ()), (), 2),
        (((STRAY,), (STRAY,)), (STRAY,), 2),
    ],
)
def test_looks(
    monkeypatch: pytest.MonkeyPatch, looks: tuple[Found, ...], found: Found, count: int
) -> None:
    play = Play(monkeypatch, *looks)
    assert deepstatus.deep_status(OPENED, report=Silent()).findings == found
    assert play.done == ["look"] * count


def mended(play: Play, *found: Finding, refused: Found = ()) -> Standing:
    return deepstatus.mend_all(
        OPENED, standing(*found), report=Silent(), confirm=lambda item: item not in refused
    )


def test_what_is_confirmed_is_mended_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, (STRAY,), ())
    after = mended(play, STRAY, DRIFT, CLOCK, NOTE, refused=(DRIFT,))
    assert play.done == ["REMOVE", "look", "look", "look"]
    assert (after.findings, after.mended) == ((), (STRAY,))


def test_up_is_done_once_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, ())
    again = SKEW.model_copy(update={"subject": "other"})
    assert mended(play, SKEW, again, DRIFT).mended == (SKEW, again, DRIFT)
    assert play.done[:2] == ["TUNE", "up"]


@pytest.mark.parametrize("refused", [(STRAY,), ()])
def test_nothing_to_mend_changes_nothing(monkeypatch: pytest.MonkeyPatch, refused: Found) -> None:
    play = Play(monkeypatch, ())
    found = (*refused, CLOCK, NOTE)
    assert mended(play, *found, refused=refused) == standing(*found)
    assert play.done == []


def test_a_service_that_a_dead_backup_has_stopped() -> None:
    """Found with the command that ends it; one whose run may be alive is none."""
    spec = {
        "Name": "shop_app",
        "Labels": {"a": "b"},
        "Mode": {"Replicated": {"Replicas": 3}},
    }
    deadline = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
    record = Record(run="r1", source="volume/app", replicas=0, deadline=deadline)
    down = quiesce.stopped(spec, record)
    service = ObservedService(
        id="i", name="shop_app", replicas=0, labels=quiesce.labels_of(down), spec=down
    )
    before = Snapshot(taken_at=deadline - timedelta(minutes=1), services=(service,))
    assert list(deepstatus.left_stopped(before)) == []
    late = replace(before, taken_at=deadline + timedelta(minutes=1))
    (found,) = deepstatus.left_stopped(late)
    assert found.check is Check.QUIESCE and found.subject == "shop_app"
    assert found.mend.startswith(
        "`docker service update --detach --replicas 3 --label-rm quorate.quiesce.deadline "
        "--label-rm quorate.quiesce.replicas --label-rm quorate.quiesce.run "
    )
