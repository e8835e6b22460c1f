"""SQLite files, copied through SQLite itself while programs write to them.

A file copied as it lies may be half of one transaction and half of the next, and what is in its
`-wal` is missing. SQLite's own backup API reads one state, under its locks.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from quorate.errors import MachineError
from quorate.tools import clock

MAGIC = b"SQLite format 3\x00"
SMALLEST = 512
BESIDE = ("-wal", "-shm", "-journal")
WAL = 2
"""In the two bytes from 18 on: the file is written through a write-ahead log."""

STUCK = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED."""
STEP_PAGES = 2048
STEP_SECONDS = 20.0
"""How long a copy in steps may be begun anew by writers before it is made in one piece."""
BUSY_SECONDS = 60.0


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    try:
        state = path.lstat()
        if path.is_symlink() or not path.is_file() or state.st_size < SMALLEST:
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except FileNotFoundError:
        return False


def copy(live: Path, into: Path, *, busy: float = BUSY_SECONDS) -> None:
    """Copy a database in one state, check the copy, and give it the file's owner, mode and time.

    Args:
        live: the file that programs write to; its directory may be read-only.
        into: where the copy goes; its directory must be there.
        busy: seconds to wait for programs that lock the file.

    Raises:
        MachineError: it is no database, is locked for longer, or is damaged.
    """
    state = live.stat()
    try:
        _copy(live, into, busy)
        _check(live, into)
    except (sqlite3.Error, OSError) as error:
        into.unlink(missing_ok=True)
        raise MachineError(
            f"the SQLite file {live} could not be copied",
            cause=f"SQLite says: {error}",
            todo="see whether its program can open it, and whether it is a SQLite file that is "
            "not encrypted; stop the program meanwhile with `quiesce: stop`",
        ) from error
    shutil.copystat(live, into)
    if os.geteuid() == 0:
        os.chown(into, state.st_uid, state.st_gid)
        into.chmod(state.st_mode & 0o7777)  # a change of owner takes the special bits away


def _copy(live: Path, into: Path, busy: float) -> None:
    logged = _in_wal(live)
    if logged and not Path(f"{live}-wal").exists():
        _copy_closed(live, into)
        return
    with (
        closing(_opened(live, "mode=ro", busy)) as source,
        closing(sqlite3.connect(into)) as target,
    ):
        if not logged:
            with suppress(_TooOften):
                _in_steps(source, target)
                return
        source.backup(target, pages=-1, progress=_patience(busy))


def _copy_closed(live: Path, into: Path) -> None:
    """A database without its log, so that nobody has it open: read as it lies.

    Opened as others are, SQLite would make a log beside it, or could not.
    """
    before = live.stat()
    with (
        closing(_opened(live, "immutable=1", 0.0)) as source,
        closing(sqlite3.connect(into)) as target,
    ):
        source.backup(target, pages=-1)
    after = live.stat()
    if Path(f"{live}-wal").exists() or after.st_mtime_ns != before.st_mtime_ns:
        raise sqlite3.OperationalError("a program has opened it meanwhile; try again")


def _in_steps(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy piece by piece, so that writers get in between; each of their commits begins it anew.

    Raises:
        _TooOften: they did so for too long.
    """
    deadline, before = clock.monotonic() + STEP_SECONDS, sys.maxsize

    def look(status: int, remaining: int, total: int) -> None:
        nonlocal before
        if (status in STUCK or remaining >= before) and clock.monotonic() > deadline:
            raise _TooOften
        before = remaining

    source.backup(target, pages=STEP_PAGES, sleep=0.01, progress=look)


class _TooOften(Exception):
    """Writers left no pause that was long enough."""


def _patience(busy: float) -> Callable[[int, int, int], None]:
    """Told of each attempt: raises once the file was locked for longer."""
    deadline = clock.monotonic() + busy

    def look(status: int, remaining: int, total: int) -> None:
        if status in STUCK and clock.monotonic() > deadline:
            raise sqlite3.OperationalError(f"the file was locked for {busy:.0f} s")

    return look


def _in_wal(live: Path) -> bool:
    with live.open("rb") as file:
        head = file.read(20)
    return len(head) == 20 and WAL in (head[18], head[19])


def _opened(path: Path, how: str, busy: float) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(os.fsencode(path))}?{how}", uri=True, timeout=busy)


def _check(live: Path, made: Path) -> None:
    """Raises sqlite3.DatabaseError where the copy is not whole."""
    with closing(sqlite3.connect(made)) as opened:
        said = [str(row[0]) for row in opened.execute("PRAGMA integrity_check(3)")]
    if said != ["ok"]:
        raise sqlite3.DatabaseError(f"its own check finds damage: {'; '.join(said)}")
    for beside in BESIDE:
        Path(f"{made}{beside}").unlink(missing_ok=True)
