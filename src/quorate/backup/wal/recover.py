"""A Postgres out of its log: the last moment there is, or any one before it.

A base backup of Barman's is copied; Postgres itself, of the source's own major version, replays
the log. Into a scratch server to look at (`tried`), or into an empty directory that any server of
that version starts from (`restored`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.policy.wal import ROLE, Base, candidates, hole_after
from quorate.backup.scratch import Room
from quorate.backup.wal import basecopy, config, health, store
from quorate.backup.wal.cluster import (
    Elsewhere,
    control,
    last_commit,
    log_of,
    programs_of,
    replayed,
)
from quorate.backup.wal.config import Places
from quorate.backup.wal.feeding import Feeder, newest, only_begun
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock, command, pg
from quorate.tools.barman import Barman

SYNC_SECONDS = 3600.0
TOO_LATE = "recovery ended before configured recovery target was reached"
TOO_EARLY = "requested recovery stop point is before consistent recovery point"
OURS = re.compile(r"^(restore_command|recovery_target\w*|# The 'barman get-wal' command).*\n", re.M)
"""What Barman writes into postgresql.auto.conf for the recovery."""


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What a recovery came to.

    `base`: what it began with. `moment`: what was asked for; None: the last. `last`: when the
    last commit was made that it has; None: none since the base backup. `seconds` it took, of
    which `copying` for the base backup; `segments` replayed.
    """

    base: Base
    moment: datetime | None
    last: datetime | None
    seconds: float
    copying: float
    segments: int


@contextmanager
def tried(
    home: Path, moment: datetime | None, place: Path | None = None, *, role: str = ROLE
) -> Iterator[tuple[pg.Server, Recovered]]:
    """A scratch server with the state of a moment (None: the last), until the block ends.

    Args:
        home: the log's directory.
        place: where the data goes.
        role: any that was there when the base backup was made.

    Raises:
        MachineError: that moment cannot be reached, or the server does not start.
    """
    with scratch.room("postgres", place) as where, _recovering(home, moment, where, role) as found:
        yield found


def restored(
    home: Path, into: Path, moment: datetime | None, *, role: str = ROLE, owner: str | None = None
) -> Recovered:
    """Put the state of a moment (None: the last) into an empty directory, tablespaces beside it.

    What lies there afterwards was shut down cleanly and is on the disk: a server of the same
    major version starts from it.

    Args:
        owner: whom the files belong to in the end, `UID:GID`; those of this machine's own
            Postgres by default.

    Raises:
        RefusedError: the directory is not empty.
        MachineError: that moment cannot be reached, or there is no room.
    """
    for each in (into, tablespaces_of(into)):
        if each.exists() and any(each.iterdir()):
            raise RefusedError(
                f"{each} is not empty; nothing was restored",
                cause="somebody may need what is in it",
                todo="name an empty directory",
            )
    into.mkdir(parents=True, exist_ok=True)
    try:
        done = _into(home, into, moment, role)
    except BaseException:
        basecopy.empty(into)
        basecopy.empty(tablespaces_of(into))
        raise
    if owner is not None:
        made = [str(each) for each in (into, tablespaces_of(into)) if each.exists()]
        command.run(["chown", "-R", owner, *made], timeout=SYNC_SECONDS)
    return done


def _into(home: Path, into: Path, moment: datetime | None, role: str) -> Recovered:
    with scratch.room("postgres") as where:
        elsewhere = Elsewhere(directory=where.directory, user=where.user, target=into)
        with _recovering(home, moment, elsewhere, role) as (server, done):
            programs = programs_of(into)
            pg.query(server, "postgres", "CHECKPOINT", programs, timeout=SYNC_SECONDS)
        state = control(programs, into)["Database cluster state"]
        if state != "shut down":
            raise MachineError(
                f"the restored server in {into} was not shut down cleanly: it is {state}",
                cause="the machine was too busy, or its disk is full",
                todo="restore again",
            )
        settings = into / "postgresql.auto.conf"
        settings.write_text(OURS.sub("", settings.read_text()))
        sync = [programs.argv("initdb"), "--sync-only", "-D", str(into)]
        command.run(where.as_user(*sync), timeout=SYNC_SECONDS, cwd=where.directory)
    return done


@contextmanager
def _recovering(
    home: Path, moment: datetime | None, where: Room, role: str
) -> Iterator[tuple[pg.Server, Recovered]]:
    places = Places(home=home)
    barman = _barman(places, where)
    begun = clock.monotonic()
    until, bases = _bases(places, barman, moment)
    base = _copied(places, barman, bases.pop(0), where)
    copying = clock.monotonic() - begun
    size = int(control(programs_of(where.data), where.data)["Bytes per WAL segment"])
    target = moment
    with Feeder(places, where, size) as feeder, ExitStack() as stack:
        while True:
            try:
                server = stack.enter_context(replayed(where, feeder.command, target, role))
                break
            except MachineError as error:
                said = log_of(where)
                if feeder.trouble is not None:
                    raise _unreadable(feeder) from error
                if TOO_LATE in said and target is not None and target <= until:
                    # All was received until then, and nothing was committed since.
                    target = None
                elif TOO_LATE in said:
                    raise _never_received(moment, until, last_commit(where)) from error
                elif TOO_EARLY in said and bases:
                    base = _copied(places, barman, bases.pop(0), where)
                else:
                    raise
        if target is None:
            hole = hole_after(base, health.read_kept(places.state).breaks)
            _require_all(feeder, hole.segment if hole else newest(places))
        done = Recovered(
            base=base,
            moment=moment,
            last=last_commit(where),
            seconds=clock.monotonic() - begun,
            copying=copying,
            segments=len(feeder.handed),
        )
        yield server, done


def _require_all(feeder: Feeder, last: str) -> None:
    """Refuse what ended early: where a segment is missing, Postgres takes that for the end."""
    if feeder.trouble is not None:
        raise _unreadable(feeder)
    if last and last not in feeder.handed and not only_begun(feeder.places, last, feeder.size):
        reached = max(feeder.handed, default="none")
        raise MachineError(
            f"the log has a segment {last}, and was replayed to {reached} only",
            cause="one between the two is missing or damaged",
            todo="ask for a moment before that, or use a dump",
        )


def _unreadable(feeder: Feeder) -> MachineError:
    return MachineError(
        "a segment of the log could not be handed to the recovering server",
        cause=str(feeder.trouble),
        todo="look at the disks of the log and of the place that is restored into",
    )


def _barman(places: Places, where: Room) -> Barman:
    """Barman to read with, beside a receiver that may run: it needs no database."""
    if not places.state.exists():
        raise MachineError(
            f"there is no write-ahead log in {places.home}",
            todo="name the directory of the server that receives it",
        )
    nowhere = pg.Server(host="/nonexistent", user="nobody")
    text = config.barman_conf(places, nowhere, "reading", store.who())
    path = where.directory / "barman.conf"
    path.write_text(text)
    return Barman(config=path, name=config.NAME)


def _bases(places: Places, barman: Barman, moment: datetime | None) -> tuple[datetime, list[Base]]:
    """Until when all is known to be received, and the base backups that lead to the moment.

    Raises:
        MachineError: there is none.
    """
    kept, seen = health.read_kept(places.state), health.read_health(places.health)
    found = store.bases(barman)
    until = seen.until if seen else None
    if until is None:
        until = max((one.end for one in found), default=clock.now())
    try:
        return until, list(candidates(found, kept.breaks, until, moment))
    except ValueError as error:
        asked = f"the state of {_clock(moment)}" if moment else "the last state"
        raise MachineError(f"{asked} cannot be restored", cause=str(error)) from error


def _never_received(
    moment: datetime | None, until: datetime, last: datetime | None
) -> MachineError:
    known = max(until, last) if last else until
    return MachineError(
        f"the state of {_clock(moment)} cannot be restored" if moment else "it cannot be restored",
        cause=f"the log was received until {_clock(known)}",
        todo="ask for that moment, or for the last one there is",
    )


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _copied(places: Places, barman: Barman, base: Base, where: Room) -> Base:
    """A base backup in the data directory, given to the server's user."""
    beside = tablespaces_of(where.data)
    basecopy.empty(where.data)
    basecopy.empty(beside)
    if base.tablespaces or not basecopy.copied(places.bases / base.id / "data", where.data):
        barman.recover(base.id, where.data, {name: beside / name for name in base.tablespaces})
    if where.user is not None:
        owner = f"{where.user}:{scratch.group_of(where.user)}"
        made = [str(each) for each in (where.data, beside) if each.exists()]
        command.run(["chown", "-R", owner, *made], timeout=SYNC_SECONDS)
    where.data.chmod(0o700)
    return base


def tablespaces_of(data: Path) -> Path:
    """Where the tablespaces of a cluster go that is restored into a directory."""
    return data.with_name(f"{data.name}-tablespaces")
