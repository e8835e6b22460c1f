"""A base backup copied to where it is recovered, as `barman recover --get-wal` does it, by cp.

Barman looks for what may be there already and compares it: rsync takes four times as long as a
plain copy (docs/evidence/backups.md). Looked up in Barman 3.4: what is left out, what becomes of
the settings. What is beside the data directory (tablespaces), or lies otherwise, is left to Barman.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from quorate.tools import command

FIRST_WITH_SIGNALS = 12
"""Before, a recovery was told in a file of its own: https://www.postgresql.org/docs/12/release-12.html"""
COPY_SECONDS = 24 * 3600.0
EMPTIED = ("log", "pg_log", "pg_wal")
GONE = ("postmaster.pid", "recovery.conf", "tablespace_map", "backup_manifest")
"""The manifest is of the files as they were, without what is changed in them here."""
ARCHIVING = re.compile(r"^[ \t]*archive_command\b.*$", re.IGNORECASE | re.MULTILINE)
FORMER = "#quorate: as it was: "


def copied(base: Path, into: Path) -> bool:
    """Copy it into an empty directory; False where that is left to Barman.

    Raises:
        CommandError: it could not be copied, as where there is no room.
    """
    version = base / "PG_VERSION"
    if not version.is_file() or int(version.read_text().partition(".")[0]) < FIRST_WITH_SIGNALS:
        return False
    into.mkdir(parents=True, exist_ok=True)
    # cp's own exit code says whether all was copied; shutil's copy reads file by file in Python.
    argv = ["cp", "--archive", "--reflink=auto", f"{base}/.", str(into)]
    command.run(argv, timeout=COPY_SECONDS)
    for name in EMPTIED:
        empty(into / name)
    for name in GONE:
        (into / name).unlink(missing_ok=True)
    (into / "pg_wal" / "archive_status").mkdir(parents=True, exist_ok=True)
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        silence(into / name)
    (into / "recovery.signal").touch(mode=0o600)
    return True


def silence(settings: Path) -> None:
    """Let a file of settings not send the log of the copy where that of the source goes."""
    if settings.is_file():
        text = settings.read_text("utf-8", "surrogateescape")
        changed = ARCHIVING.sub(lambda found: f"{FORMER}{found[0]}\narchive_command = false", text)
        if changed != text:
            settings.write_text(changed, "utf-8", "surrogateescape")


def empty(directory: Path) -> None:
    """Remove what is in a directory, not itself: it may be a mount."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
