"""The evidence of backups: ratios and targets, the page, data that changes as much as is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.backup_ground import Ran, change_volume, fill_volume, tree_memory
from benchmarks.backups import MIB, Measured, Row, Sizes, page, sizes_asked

WHERE: dict[str, object] = {
    "measured": "2026-01-01",
    "threads": 2,
    "system": "Debian",
    "kernel": "6",
    "load": 0.1,
}


def seconds(document: float, quorate: float, least: float | None = None) -> Row:
    return Row(name="x", unit="seconds", document=document, quorate=quorate, least=least)


def stored(document: float, quorate: float, most: float | None = None) -> Row:
    return Row(name="x", unit="bytes", document=document, quorate=quorate, most=most)


@pytest.mark.parametrize(
    ("row", "ratio", "met"),
    [
        (seconds(30.0, 10.0, 3.0), 3.0, True),
        (seconds(30.0, 11.0, 3.0), 30 / 11, False),
        (seconds(30.0, 60.0), 0.5, None),
        (stored(100.0, 5.0, 0.05), 0.05, True),
        (stored(100.0, 6.0, 0.05), 0.06, False),
        (stored(100.0, 50.0), 0.5, None),
    ],
)
def test_ratios_and_targets(row: Row, ratio: float, met: bool | None) -> None:
    assert row.ratio == pytest.approx(ratio)
    assert row.met is met


def test_the_page_says_what_was_missed() -> None:
    found = Measured()
    for took in (4.0, 2.0, 3.0):
        ran = Ran(seconds=took + 1, peak=int(took * MIB), said="")
        found.ran("job | pipe", ran, {"seconds": took, "stored": 7 * MIB})
    rows = [seconds(9.0, 3.0, 3.0), stored(100.0 * MIB, 31.0 * MIB, 0.3)]
    text = page(WHERE, Sizes(), rows, found)
    assert "| x | 9.00 s | 3.00 s | 3.00 times | at least 3 times: met |" in text
    assert "| x | 100.0 MiB | 31.0 MiB | 31.0% | at most 30%: **missed** |" in text
    assert "| job \\| pipe | 3.00 | 7.0 | 4 |" in text
    assert "pgbench's data of 1024 MiB" in text


def test_sizes_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sizes_asked() == Sizes()
    monkeypatch.setenv("QUORATE_BACKUP_MIB", "0.5")
    monkeypatch.setenv("QUORATE_BACKUP_ROUNDS", "1")
    assert sizes_asked() == Sizes(database=MIB // 2, rounds=1)


def test_a_volume_changes_by_the_share_that_is_said(tmp_path: Path) -> None:
    size = 20 * MIB
    fill_volume(tmp_path, size)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(map(len, files.values())) == size
    change_volume(tmp_path, 0.02, 1)
    changed = [path for path, before in files.items() if path.read_bytes() != before]
    share = sum(path.stat().st_size for path in changed) / size
    assert 0.02 <= share <= 0.02 + MIB / size
    assert {path: path.stat().st_size for path in files} == {p: len(b) for p, b in files.items()}


def test_memory_is_that_of_a_process_and_all_below_it() -> None:
    assert tree_memory(os.getpid()) > MIB
    assert tree_memory(os.getppid()) >= tree_memory(os.getpid()) * 0.5
