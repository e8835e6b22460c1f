"""Whether a write-ahead log is received as it should be: how far behind, how near a lost slot.

Pure. From what its receiver last said of itself; the receiver alone asks the primary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from quorate.backup.policy.wal import Receiver
from quorate.backup.wal.model import Health, State
from quorate.fleet.base import Model
from quorate.fleet.quantities import show_duration, show_size

LATE = 300.0
"""Seconds after which a receiver that has said nothing new counts as gone."""
BEHIND = 60.0
"""Seconds a log may be behind: a receiver looks every five, and where nobody writes it is at once
where the primary is."""
NEAR = 0.25
"""Of the slot's bound: with less room than that left, it may be lost soon."""
GONE, SILENT, NOWHERE = "gone", "silent", "nowhere"
"""States beside `wal.model.State`: no receiver runs; it says nothing; there is no server for it."""


class Log(Model):
    """A write-ahead log that is to be received, and how its receiver has it."""

    source: str
    server: str | None = Field(description="Where it is received; null: nowhere.")
    good: bool
    protected: bool = Field(
        False, description="Whether what is committed now can be restored out of it."
    )
    state: str = Field(
        description="streaming, starting, unreachable, lost, foreign, failing, stopped; gone: no "
        "receiver runs; silent: it says nothing; nowhere: no server is there for it."
    )
    why: str = Field(description="What is wrong, in words; empty: nothing.")
    at: datetime | None = Field(None, description="When its receiver said so, UTC.")
    received: datetime | None = Field(
        None, description="All that was committed until then is received, UTC."
    )
    behind_seconds: float | None = Field(
        None, description="What was committed so long before `at`, or longer, is received."
    )
    behind_bytes: int | None = Field(None, description="What the primary has beyond that.")
    slot: str | None = Field(None, description="reserved, extended, unreserved, lost.")
    slot_room: int | None = Field(
        None, description="Bytes the primary may still write until it gives the slot up."
    )
    slot_bound: int = Field(description="Bytes the slot may hold back, by the fleet file.")
    restorable_from: datetime | None = None
    restorable_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is wrong with a log, and what to do."""

    what: str
    todo: str


def heard(of: Receiver, said: Health, *, now: datetime) -> Log:
    """A log as its receiver says it is.

    Args:
        now: by the clock of whoever asks.
    """
    silent = abs((now - said.at).total_seconds()) > LATE
    why = f"its receiver has said nothing since {said.at:%Y-%m-%d %H:%M:%S} UTC" if silent else ""
    found = Log(
        source=of.source,
        server=of.server,
        good=True,
        protected=said.protected and not silent,
        state=SILENT if silent else said.state.value,
        why=why or said.why,
        at=said.at,
        received=said.until,
        behind_seconds=said.lag_seconds,
        behind_bytes=said.lag_bytes,
        slot=said.slot.status if said.slot else None,
        slot_room=said.slot.room if said.slot else None,
        slot_bound=of.slot_room,
        restorable_from=said.windows[0].begin if said.windows else None,
        restorable_until=said.windows[-1].end if said.windows else None,
    )
    return found.model_copy(update={"good": not list(troubles(found))})


def unheard(of: Receiver, state: str, why: str) -> Log:
    """A log whose receiver says nothing."""
    return Log(
        source=of.source,
        server=of.server,
        good=False,
        state=state,
        why=why,
        slot_bound=of.slot_room,
    )


def troubles(one: Log) -> Iterator[Trouble]:
    """What is wrong with a log, the worst first."""
    if one.state != State.STREAMING:
        yield Trouble(
            what=f"the log is not received: {one.why or one.state}",
            todo=ADVICE.get(one.state, LOOK),
        )
    elif one.why:
        yield Trouble(what=one.why, todo=LOOK)
    yield from _slot(one)
    if one.state == State.STREAMING:
        yield from _lag(one)


def _slot(one: Log) -> Iterator[Trouble]:
    if one.slot is None or one.slot == "lost":  # which its state says
        return
    if one.slot_room is None:
        yield Trouble(
            what="nothing bounds what its slot holds back: where nobody receives, the primary's "
            "disk fills up",
            todo="`quorate up` sets max_slot_wal_keep_size again",
        )
    elif one.slot == "unreserved" or one.slot_room < NEAR * one.slot_bound:
        yield Trouble(
            what=f"its slot is given up when {show_size(one.slot_room)} more are written (of "
            f"{show_size(one.slot_bound)}); then the log has a hole",
            todo="see why its receiver is behind; or let the slot hold back more "
            "(`wal: {slot_room: …}`)",
        )


def _lag(one: Log) -> Iterator[Trouble]:
    if one.behind_seconds is not None and one.behind_seconds > BEHIND:
        more = f", {show_size(one.behind_bytes)}" if one.behind_bytes else ""
        yield Trouble(
            what=f"it is {show_duration(one.behind_seconds)} behind its primary{more}: a loss "
            "would cost as much",
            todo="see whether its server's disk and network keep up with what the primary writes",
        )


LOOK = "`docker service logs` of its receiver says more"
ADVICE = {
    GONE: "`quorate up` starts it again",
    SILENT: f"`quorate status` shows its server; {LOOK}",
    NOWHERE: "name a server: `wal: {server: …}` of the source under `backup.sources`",
    State.UNREACHABLE: "see whether the database runs (`quorate status`), and what is said here",
    State.FOREIGN: "move the log's directory away where the other Postgres is meant",
    State.LOST: "nothing: it makes a new slot and a base backup; let the slot hold back more "
    "(`wal: {slot_room: …}`) if that happens again",
    State.STARTING: "nothing, if it was just started; else look at its service's log",
}
