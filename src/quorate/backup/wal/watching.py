"""How the primary has it with its receiver, asked as the role that receives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from quorate.backup.wal.model import Slot
from quorate.backup.wal.primary import literal
from quorate.tools import pg

SAMPLES = 600
POINT = "quorate"
"""The name of restore points, which put something into the log where nothing is written."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The primary at a moment of its own clock.

    `system` is its identifier. `flushed`, `received`: bytes of log that are on its disk, and that
    the receiver has written; `received` None: nobody receives.
    """

    now: datetime
    system: str
    standby: bool
    flushed: int
    received: int | None = None
    slot: Slot | None = None


def look(server: pg.Server, slot: str, programs: pg.Programs) -> Look:
    """The primary as it is.

    Raises:
        CommandError: it does not answer, or refuses the role.
    """
    (found,) = pg.query(server, server.database, LOOK.format(slot=literal(slot)), programs)
    mine: dict[str, Any] | None = found.pop("slot")
    return Look(
        now=datetime.fromtimestamp(found.pop("now"), UTC),
        slot=Slot(**mine) if mine else None,
        **found,
    )


def mark(server: pg.Server, programs: pg.Programs) -> None:
    """Put a restore point into the log, so that there is a segment to close.

    Raises:
        CommandError: it failed.
    """
    script = f"SELECT to_json(pg_create_restore_point({literal(POINT)})::text)"
    pg.query(server, server.database, script, programs)


@dataclass(kw_only=True)
class Progress:
    """Until when all is received: by what the primary had written at moments before."""

    until: datetime | None = None
    _samples: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def add(self, seen: Look) -> None:
        """Learn from a look."""
        self._samples.append((seen.now, seen.flushed))
        while seen.received is not None and self._samples:
            moment, flushed = self._samples[0]
            if flushed > seen.received:
                break
            self.until = moment
            self._samples.popleft()

    def forget(self) -> None:
        """What was written until now may never be received: there is a hole."""
        self._samples.clear()


LOOK = """
SELECT json_build_object(
  'now', extract(epoch FROM clock_timestamp()),
  'system', (SELECT system_identifier::text FROM pg_control_system()),
  'standby', pg_is_in_recovery(),
  'flushed', CASE WHEN pg_is_in_recovery() THEN 0
             ELSE pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') END,
  'received', (SELECT pg_wal_lsn_diff(r.write_lsn, '0/0') FROM pg_stat_replication r
               JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = {slot}),
  'slot', (SELECT json_build_object('active', active, 'status', coalesce(wal_status, 'reserved'),
                                    'room', CASE WHEN safe_wal_size < 0 THEN 0
                                            ELSE safe_wal_size END)
           FROM pg_replication_slots WHERE slot_name = {slot}));
"""
