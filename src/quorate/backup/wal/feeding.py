"""Hands a recovering Postgres the segments it asks for: all there are, the last one too.

Barman 3.4 leaves out the segment that was under way (barman#393), and of a point in time it takes
what its files' times say (barman#951). The recovering server runs as another user, who has no
business in the log's directory: it asks through files in a directory of its own.
"""

from __future__ import annotations

import gzip
import re
import shutil
import threading
import zlib
from pathlib import Path
from types import TracebackType

from quorate.backup.scratch import Room
from quorate.backup.wal.config import Places
from quorate.backup.wal.store import POSITION, SEGMENT
from quorate.tools import clock

NAME = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")
GZIP = b"\x1f\x8b"
PART = ".partial"
POLL_SECONDS = 0.01
ATTEMPTS = 3
"""A file may be moved from one place to the next between two looks."""

ASK = """\
#!/bin/sh
# restore_command: the segment $1 into the file $2 of the data directory.
# Ends with 1 where there is none; with 200, which ends the recovery, where nobody can tell.
into=$PWD/$2
cd '{directory}' || exit 200
rm -f segment none
printf %s "$1" >wanted.new && mv wanted.new wanted || exit 200
for each in $(seq 15000); do
    [ -f broken ] && exit 200
    [ -f none ] && exit 1
    if [ -f segment ]; then mv segment "$into" && exit 0; exit 200; fi
    sleep 0.02
done
exit 200
"""


class Feeder:
    """Answers until the block ends; use as a context manager.

    `size`: bytes of a segment. `handed`: the segments that were handed out. `trouble`: why one
    that is there could not be; the recovery has ended then, rather than without it.
    """

    def __init__(self, places: Places, where: Room, size: int) -> None:
        self.places, self.where, self.size = places, where, size
        self.handed: set[str] = set()
        self.trouble: Exception | None = None
        self.directory = where.directory / "feed"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)

    @property
    def command(self) -> str:
        """The server's restore_command."""
        return f"sh '{self.directory}/ask' %f %p"

    def __enter__(self) -> Feeder:
        self.directory.mkdir()
        script = self.directory / "ask"
        script.write_text(ASK.format(directory=self.directory))
        script.chmod(0o755)
        self.where.own(self.directory)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _answer(self) -> None:
        while not self._over.is_set():
            try:
                self._one()
            except (OSError, EOFError, zlib.error) as error:
                self.trouble = error
                (self.directory / "broken").touch()
                return

    def _one(self) -> None:
        """Answer one question, if there is one."""
        wanted = self.directory / "wanted"
        if not wanted.exists():
            clock.sleep(POLL_SECONDS)
            return
        name = wanted.read_text()
        wanted.unlink()
        new = self.directory / "segment.new"
        if not NAME.fullmatch(name) or not fetch(self.places, name, new, self.size):
            (self.directory / "none").touch()
            return
        if SEGMENT.fullmatch(name):
            self.handed.add(name)
        self.where.own(new)
        new.replace(self.directory / "segment")


def fetch(places: Places, name: str, into: Path, size: int) -> bool:
    """Copy a segment (of `size` bytes) or a history file out of the log; False: it is not there."""
    for _ in range(ATTEMPTS):
        for path in where(places, name):
            try:
                # One that was only just begun is not of its full size, and has nothing in it.
                if path.suffix == PART and path.stat().st_size != size:
                    continue
                _unpack(path, into)
            except FileNotFoundError:
                continue
            return True
    return False


def where(places: Places, name: str) -> tuple[Path, ...]:
    """The places a segment may be in, whole before part, received before put away.

    What is put away while one looks is found there after that.
    """
    beneath = places.archived / name[:16] if SEGMENT.fullmatch(name) else places.archived
    found = (places.received, places.aside, beneath)
    return (*(place / name for place in found), *(place / f"{name}{PART}" for place in found))


def only_begun(places: Places, name: str, size: int) -> bool:
    """Whether all there is of a segment is a part that was only just begun."""
    there = [path for path in where(places, name) if path.exists()]
    return bool(there) and all(
        path.suffix == PART and path.stat().st_size != size for path in there
    )


def newest(places: Places) -> str:
    """The last segment there is; empty: there is none.

    What comes after a timeline's end on the next one is later in the log.
    """
    names = [
        path.name.removesuffix(PART)
        for place in (places.received, places.aside, *_directories(places.archived))
        if place.is_dir()
        for path in place.iterdir()
        if SEGMENT.fullmatch(path.name.removesuffix(PART))
    ]
    return max(names, key=lambda name: (name[POSITION], name), default="")


def _directories(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []


def _unpack(path: Path, into: Path) -> None:
    with path.open("rb") as file:
        packed = file.peek(len(GZIP)).startswith(GZIP)
        with gzip.open(file) if packed else file as plain, into.open("wb") as out:
            shutil.copyfileobj(plain, out, 2**20)
