"""What a receiver is told, keeps, and says of itself. Pure; JSON on the way."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from quorate.backup.jobs.model import Reach
from quorate.backup.policy.wal import Base, Break, Window
from quorate.fleet.base import Model
from quorate.fleet.schedules import Schedule

VARIABLE = "QUORATE_WAL"
"""The environment variable of its service that has `Told`."""
HOME = "/wal"
"""The directory of the log inside the receiver: one of the server's, private to root."""


class Told(Model):
    """All that a receiver is told; nothing secret is in it.

    `reach` is the database, as the role that receives. `keep`: seconds. `every`: seconds between
    two looks at the primary; `archive_every`: until whole segments are put away.
    """

    fleet: str
    source: str
    reach: Reach
    slot: str
    home: str = HOME
    schedule: Schedule
    keep: float
    timezone: str = "UTC"
    every: float = 5.0
    archive_every: float = 30.0


class Kept(Model):
    """What a receiver must not forget, in a file beside the log.

    `system`: which Postgres this log is of. `since`: since when it has no hole; None: it has one
    now. `breaks`: the holes. `failed`: when base backups failed since the last good one.
    """

    system: str = ""
    since: datetime | None = None
    breaks: tuple[Break, ...] = ()
    failed: tuple[datetime, ...] = ()


class State(StrEnum):
    """How a receiver is."""

    STARTING = "starting"
    STREAMING = "streaming"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    FOREIGN = "foreign"
    FAILING = "failing"
    STOPPED = "stopped"


class Slot(Model):
    """The slot as the primary has it. `room`: bytes until it is lost; None: unbounded, or lost.

    `status` is `wal_status` of pg_replication_slots: reserved, extended, unreserved, lost.
    """

    active: bool
    status: str
    room: int | None = None


class Health(Model):
    """How it is, at a moment; written every few seconds.

    `until`: all that was committed until then is received. `lag_bytes`, `lag_seconds`: what the
    primary has beyond that. `why` is in words, empty while all is well. `base_backup`: why one is
    being made now; empty: none is.
    """

    source: str
    state: State
    why: str = ""
    at: datetime
    since: datetime | None = None
    until: datetime | None = None
    lag_bytes: int | None = None
    lag_seconds: float | None = None
    slot: Slot | None = None
    bases: tuple[Base, ...] = ()
    windows: tuple[Window, ...] = ()
    base_backup: str = ""
    restarts: int = 0

    @property
    def protected(self) -> bool:
        """Whether what is committed now can be restored."""
        whole = any(self.since is not None and one.begin >= self.since for one in self.bases)
        return self.state is State.STREAMING and whole

    @property
    def line(self) -> str:
        """It as one line of the service's log: what is judged by, without all that lies between."""
        ends = self.windows[:1] + self.windows[1:][-1:]
        brief = self.model_copy(update={"bases": self.bases[-1:], "windows": ends})
        return brief.model_dump_json(exclude_defaults=True)
