"""Rehearsed recoveries: which sources, with which copy, what came of them, how it stands. Pure.

A rehearsal restores the copy that `quorate recover database` would take, beside what is in place,
compares it, and measures: RTO, from its beginning until it is compared; RPO, how old the state in
the copy was then. A proof says that a copy is good; a rehearsal, what a loss would have cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from pydantic import Field, TypeAdapter, ValidationError

from quorate.backup.model import Kind, Snapshot
from quorate.backup.policy.sources import Planned
from quorate.backup.policy.times import CLOCK_STEP, last_until
from quorate.fleet.backup import SourcePolicy
from quorate.fleet.base import Model
from quorate.fleet.datasets import data_sets, ids_named
from quorate.fleet.model import Fleet
from quorate.fleet.quantities import show_duration

KINDS = (Kind.POSTGRES, Kind.MARIADB, Kind.REDIS, Kind.GITLAB, Kind.VOLUME)
"""What `quorate recover database` brings back."""

GRACE = timedelta(hours=6)
"""How late one may be before it is called late: all are due at once, and two run on a server."""

KEPT = 5
"""Rehearsals of a source that are remembered: in the swarm, whose state is to stay small."""


class Rehearsal(Model):
    """How one has ended. `rto` and `rpo` in seconds, None where it came to nothing."""

    at: datetime = Field(description="When it ended, UTC.")
    ok: bool = Field(description="It came back, and was what was backed up.")
    rto: float | None = Field(None, description="Seconds from its beginning until it was compared.")
    rpo: float | None = Field(None, description="Seconds of work that a loss would have cost then.")
    copy_id: str = Field("", description="The copy.")
    repository: str = ""
    server: str = Field("", description="Where it was restored.")
    why: str = Field("", description="What was wrong, if anything.")


Rehearsals = Mapping[str, Sequence[Rehearsal]]
"""By source, the newest first."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What is remembered of rehearsals; `since`: when the policy was first seen to ask for any."""

    of: Rehearsals = field(default_factory=dict)
    since: datetime | None = None


_LIST = TypeAdapter(tuple[Rehearsal, ...])


class Standing(Model):
    """How it stands with rehearsing a source. `last` is the newest one, whatever came of it."""

    state: str = Field(description="ok, waiting, late, never, failed.")
    last: Rehearsal | None = None
    rpo_target: float | None = Field(None, description="Seconds that may be lost, if anybody says.")
    problems: tuple[str, ...] = Field((), description="What else is wrong, in words.")


def rehearsed_sources(fleet: Fleet, planned: Iterable[Planned]) -> tuple[Planned, ...]:
    """The sources whose recovery is rehearsed."""
    wish = fleet.backup.rehearsing
    if not wish.on:
        return ()
    named = ids_named(data_sets(fleet))
    wanted = {*wish.sources, *(one for name in wish.sources for one in named.get(name, ()))}
    return tuple(
        one
        for one in planned
        if one.policy is not None
        and not one.unreachable
        and one.source.kind in KINDS
        and (not wish.sources or not wanted.isdisjoint({one.source.id, one.source.service}))
    )


def with_one_more(former: Sequence[Rehearsal], one: Rehearsal) -> tuple[Rehearsal, ...]:
    """The rehearsals of a source after one more; the last good one is never dropped.

    One that failed again takes the place of the one that failed before: it is the same trouble.
    """
    if former and not (one.ok or former[0].ok):
        former = former[1:]
    kept = (one, *former)[:KEPT]
    good = next((each for each in (one, *former) if each.ok), None)
    return kept if good is None or good in kept else (*kept[:-1], good)


def done_since(rehearsals: Iterable[Rehearsal], moment: datetime, now: datetime) -> bool:
    """Whether one went well since; one that a wrong clock has dated into the future is none."""
    return any(one.ok and moment <= one.at <= now + CLOCK_STEP for one in rehearsals)


def stands(
    fleet: Fleet,
    planned: Planned,
    history: History,
    sound: Iterable[Snapshot],
    *,
    zone: tzinfo,
    now: datetime,
) -> Standing:
    """How it stands with a source that is rehearsed.

    Args:
        sound: its complete copies whose time can be right.
    """
    rehearsals = history.of.get(planned.source.id, ())
    deadline = last_until(fleet.backup.rehearsing.schedule, zone, now - GRACE)
    # What was due before anybody asked for it is not held against it.
    if deadline is not None and (history.since is None or deadline < history.since):
        deadline = None
    last = rehearsals[0] if rehearsals else None
    policy = planned.policy
    return Standing(
        state=_state(rehearsals, sound, deadline, now),
        last=last,
        rpo_target=policy.lose_at_most if policy else None,
        problems=tuple(_problems(last, policy)) if last and policy else (),
    )


def _state(
    rehearsals: Sequence[Rehearsal],
    sound: Iterable[Snapshot],
    deadline: datetime | None,
    now: datetime,
) -> str:
    if rehearsals and not rehearsals[0].ok:
        return "failed"
    if deadline is None:
        return "ok" if rehearsals else "waiting"
    if done_since(rehearsals, deadline, now):
        return "ok"
    # What was not there yet could not be rehearsed.
    if not any(one.received <= deadline for one in sound):
        return "ok" if rehearsals else "waiting"
    return "late" if rehearsals else "never"


def _problems(last: Rehearsal, policy: SourcePolicy) -> Iterator[str]:
    if not last.ok:
        yield f"its rehearsal failed: {last.why or 'it did not come back'}"
        return
    if last.rto is not None and last.rto > policy.restore_within:
        within = show_duration(policy.restore_within)
        yield f"its rehearsed recovery took {show_duration(last.rto)}, and may take {within}"
    limit = policy.lose_at_most
    if last.rpo is not None and limit is not None and last.rpo > limit:
        yield (
            f"its rehearsed recovery would have lost {show_duration(last.rpo)}, and may lose "
            f"{show_duration(limit)}"
        )


def written(rehearsals: Sequence[Rehearsal]) -> str:
    """For the controller's notes."""
    return _LIST.dump_json(tuple(rehearsals), exclude_defaults=True).decode()


def read(text: str) -> tuple[Rehearsal, ...]:
    """What was written; what cannot be read is none: then it is rehearsed again."""
    try:
        return _LIST.validate_json(text)
    except ValidationError:
        return ()
