"""The script that a recovering Postgres runs for each segment, and what answers it."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from quorate.backup.scratch import Room
from quorate.backup.wal.config import Places
from quorate.backup.wal.feeding import Feeder

PACKED, PART, DAMAGED, NEVER = (f"00000001000000000000000{n}" for n in range(1, 5))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(home=tmp_path / "wal")
    beneath = made.archived / PACKED[:16]
    for each in (made.received, made.aside, beneath):
        each.mkdir(parents=True)
    (beneath / PACKED).write_bytes(gzip.compress(b"abcd"))
    (made.received / f"{PART}.partial").write_bytes(b"efgh")
    (beneath / DAMAGED).write_bytes(gzip.compress(os.urandom(10_000))[:500])
    return made


def ask(feeder: Feeder, name: str, data: Path) -> tuple[int, bytes | None]:
    """As Postgres asks: the exit code, and what came."""
    command = feeder.command.replace("%f", name).replace("%p", "segment")
    code = subprocess.run(["sh", "-c", command], cwd=data, timeout=120).returncode
    came = data / "segment"
    return code, came.read_bytes() if came.exists() else None


def test_segments_are_handed_over_and_missing_ones_are_said_to_be(
    places: Places, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with Feeder(places, Room(directory=tmp_path), 4) as feeder:
        for name in (NEVER, "00000002.history", "nonsense"):
            assert ask(feeder, name, data) == (1, None)
        assert ask(feeder, PACKED, data) == (0, b"abcd")
        assert ask(feeder, PART, data) == (0, b"efgh")
    assert feeder.handed == {PACKED, PART} and feeder.trouble is None


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected="a damaged segment of the log",
    seen="the recovery ends with an error: it is not taken for the end of the log",
)
def test_a_damaged_segment_ends_the_recovery_instead_of_being_taken_for_the_end(
    places: Places, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with Feeder(places, Room(directory=tmp_path), 4) as feeder:
        assert ask(feeder, DAMAGED, data) == (200, None)
    assert isinstance(feeder.trouble, EOFError)
