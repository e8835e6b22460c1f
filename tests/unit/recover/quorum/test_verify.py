"""How long a recovery is watched: until all is well, or for as long as patience lasts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from quorate.deploy.progress import Silent
from quorate.fleet.observed import Snapshot
from quorate.recover.quorum import verify
from quorate.recover.quorum.running import Running
from quorate.tools import clock

NOTHING = Snapshot(taken_at=datetime(2026, 11, 28, tzinfo=UTC), nodes=(), services=(), tasks=())


class Place:
    """A site that is only told what goes on."""

    connections: Any = None
    report = Silent()


def watched(monkeypatch: pytest.MonkeyPatch, *seen: Running) -> verify.Verified:
    """What is told of these looks; the last one goes on for ever."""
    now, left = [0.0], list(seen)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    def look(*_: Any) -> verify._Look:
        running = left.pop(0) if len(left) > 1 else left[0]
        return verify._Look(snapshot=NOTHING, running=running)

    monkeypatch.setattr(verify, "_look", look)
    return verify.verify(cast("Any", Place()), cast("Any", None))


def test_a_server_that_is_on_its_way_is_waited_for_though_nothing_else_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What only it may run has nowhere to run until then."""
    late = Running(late=("four",), healthy=("web",), stranded={"db": "on four alone"})
    told = watched(monkeypatch, late, late, late, Running(healthy=("db", "web")))
    assert told.good and told.services == 2 and told.stranded == {} and told.seconds == 3.0


def test_one_that_never_comes_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    told = watched(monkeypatch, Running(late=("four",)))
    assert not told.good and told.late == ("four",)
    assert told.seconds > verify.PATIENCE_SECONDS
