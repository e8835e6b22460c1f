"""What the container where a replica runs remembers of it; real ones are integration tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import MachineError
from quorate.recover.moving import mover, standby
from quorate.recover.moving.mover import Places

REACH = {"user": "keeper"}


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[standby.Standby]:
    """The replicas that were told to end."""
    found: list[standby.Standby] = []
    monkeypatch.setattr(standby, "stop", found.append)
    return found


def tell(places: Places, verb: str, told: Mapping[str, Any]) -> None:
    mover.answer(places, verb, json.dumps({"reach": REACH, **told}))


def begun(places: Places, monkeypatch: pytest.MonkeyPatch, begin: Any) -> None:
    monkeypatch.setattr(standby, "begin", begin)
    (places.data / "0").mkdir(parents=True)
    state = places.data.stat()
    chain = [[state.st_uid, state.st_gid, 0o700]] * 2
    tell(places, "follow", {"below": "pgdata", "chain": chain, "found": {}})


def test_who_knows_nothing_of_a_replica_can_stop_it(
    tmp_path: Path, stopped: list[standby.Standby], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(data=tmp_path / "data", state=tmp_path / "state")
    begun(places, monkeypatch, lambda *told: {"seconds": 1.0})
    tell(places, "unfollow", {})
    (replica,) = stopped
    assert replica.data == places.data / "0" / "pgdata" and replica.user == "keeper"


def test_one_that_could_not_be_made_can_be_stopped_too(
    tmp_path: Path, stopped: list[standby.Standby], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(*told: Any) -> None:
        raise MachineError("no room")

    places = Places(data=tmp_path / "data", state=tmp_path / "state")
    with pytest.raises(MachineError, match="no room"):
        begun(places, monkeypatch, begin)
    tell(places, "unfollow", {})
    assert len(stopped) == 2


def test_in_a_container_that_was_made_anew_nothing_runs(
    tmp_path: Path, stopped: list[standby.Standby]
) -> None:
    """Its process id may be another program's by now."""
    places = Places(data=tmp_path / "data", state=tmp_path / "of the new one")
    (places.data / "0").mkdir(parents=True)
    (places.data / "0" / "postmaster.pid").write_text("1\n")
    tell(places, "unfollow", {"below": "", "chain": [[0, 0, 0o700]]})
    assert not stopped
