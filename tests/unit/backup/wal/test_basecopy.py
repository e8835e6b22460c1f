"""A copied base backup does not send its log where the source's goes; what is left to Barman."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.wal import basecopy


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("archive_mode = on\n", "archive_mode = on\n"),
        (
            "a = 1\n  Archive_Command = 'cp %p /x'\nb = 2\n",
            "a = 1\n#quorate: as it was:   Archive_Command = 'cp %p /x'\n"
            "archive_command = false\nb = 2\n",
        ),
        ("#archive_command = ''\n", "#archive_command = ''\n"),
        ("archive_command_x.y = 1\n", "archive_command_x.y = 1\n"),
    ],
)
def test_only_the_command_is_silenced(was: str, now: str, tmp_path: Path) -> None:
    settings = tmp_path / "postgresql.conf"
    settings.write_text(was)
    basecopy.silence(settings)
    assert settings.read_text() == now


@pytest.mark.parametrize("version", [None, "11\n", "9.6\n"])
def test_what_has_no_signal_files_is_left_to_barman(version: str | None, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    if version:
        (base / "PG_VERSION").write_text(version)
    assert not basecopy.copied(base, tmp_path / "into")
    assert not (tmp_path / "into").exists()
