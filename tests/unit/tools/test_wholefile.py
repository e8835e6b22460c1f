"""A file is replaced whole or stays as it was: with its mode, and through a symlink."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quorate.tools import wholefile


def test_its_mode_stays_and_a_symlink_is_one_after_it(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "fleet.yaml"
    real.write_text("before\n")
    real.chmod(0o640)
    link.symlink_to(real.name)
    wholefile.replace_text(link, "after ü\n")
    assert link.is_symlink() and real.read_text(encoding="utf-8") == "after ü\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fleet.yaml", "real.yaml"]


def test_what_cannot_be_written_whole_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("before\n")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        wholefile.replace_text(path, "after\n")
    assert path.read_text() == "before\n" and list(tmp_path.iterdir()) == [path]
