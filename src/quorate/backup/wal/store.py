"""The directory of one Postgres' log, and Barman in it."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quorate.backup.policy.wal import Base
from quorate.backup.wal import config, watching
from quorate.backup.wal.config import Places
from quorate.errors import MachineError
from quorate.tools import command, filelock, pg
from quorate.tools.barman import Barman

SEGMENT = re.compile(r"[0-9A-F]{24}")
ANY = re.compile(r"[0-9A-F]{24}(\.partial)?|[0-9A-F]{8}\.history")
POSITION = slice(8, 24)
"""Of a segment's name: where it is in the log, whatever its timeline."""
RECEIVE_LOG = "receive.log"
BASE_LOG = "base-backup.log"


@dataclass(frozen=True, kw_only=True)
class Store:
    """A log's directory while one process has it. `server`: as the role that receives."""

    places: Places
    server: pg.Server
    programs: pg.Programs
    barman: Barman

    def receive(self) -> command.Spawned:
        """Begin to receive."""
        log = self.places.home / RECEIVE_LOG
        log.unlink(missing_ok=True)
        return self.barman.receive(log)

    def backup(self, *, fast: bool) -> command.Spawned:
        """Begin a base backup."""
        log = self.places.home / BASE_LOG
        log.unlink(missing_ok=True)
        return self.barman.backup(log, fast=fast)

    def last_words(self) -> str:
        """What the receiving program said at its end."""
        return _errors(self.places.home / RECEIVE_LOG)

    def base_words(self) -> str:
        """What the last base backup said at its end."""
        return _errors(self.places.home / BASE_LOG)

    def bases(self) -> tuple[Base, ...]:
        """The base backups that are whole, the oldest first."""
        return bases(self.barman)

    def segments(self) -> tuple[Path, ...]:
        """Received segments that are whole and can be put away: Barman leaves the last file."""
        found = sorted(path for path in _files(self.places.received) if ANY.fullmatch(path.name))
        return tuple(path for path in found[:-1] if SEGMENT.fullmatch(path.name))

    def has_archived(self) -> bool:
        """Whether any segment was put away."""
        return any(
            SEGMENT.fullmatch(path.name)
            for directory in _files(self.places.archived)
            if directory.is_dir()
            for path in directory.iterdir()
        )

    def close_segment(self) -> None:
        """Have the primary begin a new segment, so that the one under way is whole.

        Raises:
            CommandError: it did not.
        """
        watching.mark(self.server, self.programs)
        self.barman.switch_wal()
        # Something in the new one, or it is not received yet.
        watching.mark(self.server, self.programs)

    def set_aside(self) -> None:
        """Move what was received and not put away where a restore finds it, out of the way.

        Receiving begins where the files end: after a hole, that would be before it.
        """
        self.places.aside.mkdir(exist_ok=True, mode=0o700)
        for path in _files(self.places.received):
            path.replace(self.places.aside / path.name)

    def clear_aside(self, kept: Sequence[Base]) -> None:
        """Remove what was set aside and no base backup needs any more."""
        first = min((one.wal[POSITION] for one in kept), default="")
        for path in _files(self.places.aside):
            if SEGMENT.match(path.name) and path.name[POSITION] < first:
                path.unlink()

    def clear_failed(self) -> None:
        """Remove base backups that were begun and never finished."""
        for id in self.barman.failed():
            self.barman.delete(id)


def bases(barman: Barman) -> tuple[Base, ...]:
    """The base backups that are whole, the oldest first."""
    return tuple(
        Base(
            id=one.id,
            begin=one.begin,
            end=one.end,
            wal=one.wal,
            size=one.size,
            tablespaces=one.tablespaces,
        )
        for one in barman.bases()
    )


@contextmanager
def opened(home: Path, server: pg.Server, slot: str) -> Iterator[Store]:
    """A log's directory, made where there is none; for the block, nobody else receives in it.

    Raises:
        LockedError: another receiver runs in it.
        MachineError: it cannot be written, or Postgres' programs are not here.
    """
    places = Places(home=home)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "conf.d").mkdir(exist_ok=True)
        places.programs.mkdir(exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"{home} cannot hold the write-ahead log: {error.strerror}",
            todo="mount a directory there that can be written",
        ) from error
    with (
        filelock.hold(home / ".lock", what=f"the write-ahead log in {home}", timeout=0.0),
        pg.environment(server) as environment,
    ):
        programs = _programs()
        _write_programs(places, programs)
        places.config.write_text(config.barman_conf(places, server, slot, who()))
        barman = Barman(config=places.config, name=config.NAME, environment=environment)
        yield Store(places=places, server=server, programs=programs, barman=barman)


def who() -> str:
    """The user who runs this, as Barman asks for him: by his real name, not by $LOGNAME."""
    return pwd.getpwuid(os.geteuid()).pw_name


def _programs() -> pg.Programs:
    """The newest that are here: they receive from servers of their own version and older ones."""
    found = [one for one in pg.installed() if (one.directory / config.RECEIVER).exists()]
    return pg.choose(found, None)


def _write_programs(places: Places, programs: pg.Programs) -> None:
    receiver = places.programs / config.RECEIVER
    receiver.write_text(config.receiver_script(programs))
    receiver.chmod(0o755)
    for name in config.OTHERS:
        link = places.programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(programs.argv(name))


def shorten(log: Path, most: int) -> None:
    """Begin a log file anew when it is too long; the last one stays beside it."""
    if log.exists() and log.stat().st_size > most:
        log.replace(log.with_suffix(".log.1"))


def _files(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _errors(log: Path) -> str:
    said = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in said.splitlines() if "error" in line.lower()]
    return command.last_lines("\n".join(lines) or said, 3)
