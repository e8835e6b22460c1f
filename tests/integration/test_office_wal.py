"""What the office's evidence runs in containers to write and restore a log, on a Postgres here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.office_data import filled
from benchmarks.office_wal import ASKED, Written, missing, written
from quorate.backup.wal.model import VARIABLE
from tests import real_databases
from tests.integration.backup import ground, wal_ground
from tests.integration.backup.wal_ground import Primary, Receiving

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(3000)]
PASSWORD = "made-for-the-test"


@pytest.fixture
def place() -> Iterator[Path]:
    real_databases.need("postgresql")
    with real_databases.never_started():
        ground.install("barman", "barman")
    with real_databases.place() as made:
        yield made


def write_until_the_cut(primary: Primary, receiver: Receiving, place: Path) -> Written:
    """Rows, two states, another base backup, rows, and the power is cut."""
    told = {"host": "127.0.0.1", "port": primary.port, "user": "gibd", "database": "gibd",
            "password": PASSWORD, "pause": 0.02, "states": [1.0, 4.0]}  # fmt: skip
    said = place / "said"
    path = f"{primary.programs.directory}:{os.environ['PATH']}"
    with said.open("w") as out:
        writer = subprocess.Popen(
            [sys.executable, "-c", filled("wal_writer.py")],
            stdin=subprocess.PIPE, stdout=out, text=True, env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert writer.stdin is not None
        writer.stdin.write(json.dumps(told) + "\n")
        writer.stdin.close()
        real_databases.until(lambda: said.read_text().count("state") == 2, 900)
        environment = {**os.environ, VARIABLE: receiver.told.model_dump_json()}
        base = [sys.executable, "-c", filled("wal_base.py")]
        assert float(subprocess.check_output(base, env=environment, text=True)) > 0
        rows = len(written(said.read_text().splitlines(keepends=True)).rows)
        real_databases.until(lambda: said.read_text().count("row ") > rows + 20, 900)
        primary.destroy()
        writer.wait(300)
    return written(said.read_text().splitlines(keepends=True))


def restored(receiver: Receiving, place: Path, moment: float | None) -> dict[str, Any]:
    asked = {"home": str(receiver.home), "place": str(place), "moment": moment, "user": "gibd",
             "database": "gibd", **ASKED}  # fmt: skip
    argv = [sys.executable, "-c", filled("wal_recovered.py"), json.dumps(asked)]
    return dict(json.loads(subprocess.check_output(argv, text=True)))


def test_rows_are_written_cut_off_and_restored_to_the_last_and_to_chosen_moments(
    place: Path,
) -> None:
    directory = place / "db"
    directory.mkdir(mode=0o711)
    with wal_ground.running(directory) as primary:
        wal_ground.ready(primary)
        primary.ask(f"CREATE ROLE gibd SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        primary.ask("CREATE DATABASE gibd")
        with wal_ground.receiver(primary, place / "wal") as receiver:
            receiver.start()
            receiver.until("h.protected", 1200)
            seen = write_until_the_cut(primary, receiver, place)
            receiver.until("h.state == 'unreachable'")
            time.sleep(1)
            last = restored(receiver, place, None)
            rows, seconds = missing(seen.rows, last["ids"])
            assert len(seen.rows) > 40 and seconds <= 2.0, (rows, seconds)
            assert len(receiver.barman().bases()) == 2
            for moment, state in seen.states:
                assert restored(receiver, place, moment)["state"] == state
