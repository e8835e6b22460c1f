"""What a Postgres must have so that its write-ahead log can be received; as a diff. Pure.

The role has no rights on tables; the line in pg_hba.conf admits it from networks the server is in
itself (`samenet`), with its password. What was there before stands in the role's comment: whoever
undoes it needs no other record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from quorate.fleet.quantities import show_size

OLDEST = 13
"""The first version that bounds what a slot holds back (max_slot_wal_keep_size)."""
HBA_MARK = "# quorate: write-ahead log"
COMMENT = "quorate: receives the write-ahead log; to undo it: "
MB = 2**20
ENOUGH_LEVELS = ("replica", "logical")


class Step(StrEnum):
    """What is changed."""

    ROLE = "role"
    RIGHTS = "rights"
    ROOM = "room"
    HBA = "hba"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be so. `room`: bytes a slot may hold back. `database`: where the role connects."""

    role: str
    room: int
    database: str = "postgres"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A primary as it is.

    `room`: max_slot_wal_keep_size in bytes, None: without bound; `room_set`: what ALTER SYSTEM
    has of it, as written, None: nothing. `hba`: the text of its file at `hba_path`. `role`:
    whether it is there; `replication`, `login`: what it may; `password`: whether its password is
    the one that is meant; `comment` on it; `rights`: those it lacks, as they are granted.
    `slots`: those in use, that one not counted; `senders`: free places for receivers.
    """

    version: int
    superuser: bool
    in_recovery: bool
    level: str
    max_slots: int
    slots: int
    max_senders: int
    room: int | None
    room_set: str | None
    hba_path: str
    hba: str
    role: bool
    replication: bool = False
    login: bool = False
    password: bool = False
    comment: str = ""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is changed: what is there (empty: nothing), what will be."""

    step: Step
    what: str
    before: str = ""
    after: str = ""

    @property
    def line(self) -> str:
        """For people."""
        sign = "~" if self.before else "+"
        return f"{sign} {self.what}: " + (f"{self.before} → " if self.before else "") + self.after


def hba_line(wanted: Wanted) -> str:
    """What admits the role. `replication` is no database: `all` does not mean it."""
    return f"host replication,{wanted.database} {wanted.role} samenet scram-sha-256"


def with_line(hba: str, wanted: Wanted) -> str:
    """pg_hba.conf with the line, first: the first line that fits decides. Idempotent."""
    return f"{HBA_MARK}\n{hba_line(wanted)}\n{without_line(hba)}"


def without_line(hba: str) -> str:
    """pg_hba.conf without our lines; all others as they were."""
    lines = hba.splitlines(keepends=True)
    kept = [
        line
        for number, line in enumerate(lines)
        if not line.startswith(HBA_MARK) and not (number and lines[number - 1].startswith(HBA_MARK))
    ]
    return "".join(kept)


def lacks(seen: Seen) -> tuple[str, ...]:
    """What stands in the way and is not ours to change, each with what to do."""
    return tuple(_lacks(seen))


def _lacks(seen: Seen) -> Iterator[str]:
    if seen.version < OLDEST:
        yield (
            f"it is Postgres {seen.version}, which cannot bound what a slot holds back: a receiver "
            f"that is away would fill its disk; upgrade it to {OLDEST} or later"
        )
    if not seen.superuser:
        yield "the role that connects is no superuser: connect as one, as the image's POSTGRES_USER"
    if seen.in_recovery:
        yield "it is a standby: connect to its primary"
    if seen.level not in ENOUGH_LEVELS:
        yield f"wal_level is {seen.level}: set it to replica, and restart Postgres"
    if seen.slots >= seen.max_slots:
        yield (
            f"all {seen.max_slots} replication slots are taken: raise max_replication_slots, "
            "and restart Postgres"
        )
    # One for the log, one for a base backup.
    if seen.max_senders < 2:
        yield f"max_wal_senders is {seen.max_senders}: set it to 4, and restart Postgres"


def changes(seen: Seen, wanted: Wanted) -> tuple[Change, ...]:
    """What is to be changed; empty: nothing."""
    return tuple(_changes(seen, wanted))


def _changes(seen: Seen, wanted: Wanted) -> Iterator[Change]:
    if not seen.role:
        after = "may log in and replicate, and read no table"
        yield Change(step=Step.ROLE, what=f"role {wanted.role}", after=after)
    elif not (seen.replication and seen.login and seen.password):
        told = [
            word
            for word, there in (
                ("REPLICATION", seen.replication),
                ("LOGIN", seen.login),
                ("its password", seen.password),
            )
            if not there
        ]
        before = f"without {', '.join(told)}"
        yield Change(step=Step.ROLE, what=f"role {wanted.role}", before=before, after="with")
    if seen.lacking:
        after = ", ".join(seen.lacking)
        yield Change(step=Step.RIGHTS, what=f"rights of {wanted.role}", after=after)
    if seen.room is None or seen.room > wanted.room:
        before = "unbounded" if seen.room is None else show_size(seen.room)
        what, after = "max_slot_wal_keep_size", show_size(wanted.room)
        yield Change(step=Step.ROOM, what=what, before=before, after=after)
    if with_line(seen.hba, wanted) != seen.hba:
        yield Change(step=Step.HBA, what=seen.hba_path, after=hba_line(wanted))


def room_setting(room: int) -> str:
    """max_slot_wal_keep_size as it is written: whole megabytes, one at least."""
    return f"{max(room // MB, 1)}MB"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was there before, and what we have set since; it stands in the role's comment.

    `room_before` and `room_ours` as ALTER SYSTEM has them, None: nothing. `role_before`: the role
    was there already.
    """

    room_before: str | None
    room_ours: str | None
    role_before: bool


def record(seen: Seen, wanted: Wanted) -> Record:
    """What to write down before anything is changed; what was there at first stays."""
    earlier = recorded(seen.comment)
    ours = room_setting(wanted.room)
    bounded = seen.room is not None and seen.room <= wanted.room
    if earlier is None:
        return Record(
            room_before=seen.room_set, room_ours=None if bounded else ours, role_before=seen.role
        )
    return replace(earlier, room_ours=earlier.room_ours if bounded else ours)


def comment(record: Record) -> str:
    """A record as the comment on the role."""
    return COMMENT + json.dumps(asdict(record))


def recorded(said: str) -> Record | None:
    """The record in a comment; None: it is no comment of ours."""
    if not said.startswith(COMMENT):
        return None
    try:
        found = json.loads(said.removeprefix(COMMENT))
        return Record(
            room_before=found["room_before"],
            room_ours=found["room_ours"],
            role_before=found["role_before"],
        )
    except (ValueError, KeyError, TypeError):
        return None


def undoing(seen: Seen, wanted: Wanted) -> tuple[Change, ...]:
    """What undoing changes; what others have changed since stays as they want it."""
    found = []
    before = recorded(seen.comment)
    if without_line(seen.hba) != seen.hba:
        after = "without our line"
        found.append(Change(step=Step.HBA, what=seen.hba_path, before="with", after=after))
    if before is None:
        return tuple(found)
    if before.room_ours is not None and seen.room_set == before.room_ours:
        after = before.room_before or "not set"
        what = "max_slot_wal_keep_size"
        found.append(Change(step=Step.ROOM, what=what, before=seen.room_set, after=after))
    after = "its comment removed" if before.role_before else "gone"
    found.append(Change(step=Step.ROLE, what=f"role {wanted.role}", before="there", after=after))
    return tuple(found)
