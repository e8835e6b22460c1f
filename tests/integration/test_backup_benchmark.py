"""The benchmark of backups at a tiny size: all of it runs, and what it measures is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import backups
from quorate.tools.restic import Restic
from tests.integration.backup import ground, light
from tests.real_databases import need, never_started, place


@pytest.mark.drill  # a minute of one core; nothing else depends on it
@pytest.mark.timeout(3000)
def test_everything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need("postgresql")
    with never_started():
        ground.install("barman", "barman")
    monkeypatch.setenv("QUORATE_BACKUP_MIB", "48")
    monkeypatch.setenv("QUORATE_BACKUP_VOLUME_MIB", "8")
    monkeypatch.setenv("QUORATE_BACKUP_ROUNDS", "1")

    def init(made: Restic) -> None:
        make(made)
        light.lighten(Path(made.access.url), made.access.password_file.read_text())

    make = Restic.init
    monkeypatch.setattr(Restic, "init", init)  # else much of it is the trying of passwords
    with place() as room:
        backups.write(tmp_path, room)
    found = json.loads((tmp_path / "backups.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert len(rows) == 9
    assert all(row["document"] > 0 and row["quorate"] > 0 for row in rows.values())
    assert found["peak"].keys() == found["seconds"].keys()
    assert {name for name, peak in found["peak"].items() if peak == 0} == set()
    # What does not depend on how busy the machine is. New rows lie at the end of a table's file,
    # so that its last piece is stored anew: 8 MiB at most (restic's largest), of 23 MiB here.
    assert rows["second backup, 1 % new rows (beside our first)"]["ratio"] < 0.4
    assert rows["4 weeks of a volume, 2% new each week"]["ratio"] < 0.5
    assert (tmp_path / "backups.md").read_text() in capsys.readouterr().out
