"""A job's directory in the spool, and what killed jobs left."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.runner.room import alone, room
from quorate.errors import LockedError, MachineError


def test_a_room_is_new_and_goes(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with room(spool) as own:
        (own / "dump").mkdir()
        (own / "dump" / "file").touch()
        assert own.parent == spool
        # Scratch servers pass through; nobody lists what is there.
        assert own.stat().st_mode & 0o777 == 0o711
    assert [path.name for path in spool.iterdir()] == [".lock"]


def test_a_private_spool_is_opened_for_passing_through(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with room(tmp_path):
        assert tmp_path.stat().st_mode & 0o777 == 0o711


def test_what_killed_jobs_left_goes_and_what_is_used_stays(tmp_path: Path) -> None:
    left = tmp_path / "run-dead"
    left.mkdir()
    (left / "dump").touch()
    (tmp_path / "others").mkdir()
    with room(tmp_path) as one:
        assert not left.exists()
        with room(tmp_path) as other:
            assert one.exists() and other.exists() and one != other
        assert one.exists() and not other.exists()
    assert (tmp_path / "others").exists()


def test_a_spool_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    with pytest.raises(MachineError, match="cannot be used"), room(tmp_path / "spool"):
        pass


def test_one_job_at_a_source(tmp_path: Path) -> None:
    with alone(tmp_path, "volume/wiki", "run-1", 60.0), alone(tmp_path, "other", "run-2", 60.0):
        with (
            pytest.raises(LockedError, match="another job is at volume/wiki") as caught,
            alone(tmp_path, "volume/wiki", "run-3", 60.0),
        ):
            pass
        said = str(caught.value.cause)
        assert '"run-1"' in said and '"since"' in said and '"deadline"' in said and '"host"' in said
    with alone(tmp_path, "volume/wiki", "run-4", 60.0):
        pass
