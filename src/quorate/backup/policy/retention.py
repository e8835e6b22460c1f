"""Which copies stay: hourly, daily, weekly, monthly and yearly ones, counted in proven copies.

What can go wrong is what others met: a truncated backup that is counted evicts good ones
(Security-Onion #15896), and copies dated into the future evict all others (restic #22057,
rest-server #292). Hence the rules, which hold whatever the copies are:

1. Nothing goes while there is no proven copy, and the last proven copy never goes.
2. Only a proven copy takes a place that another proven copy could have.
3. What is newer than the last proven copy stays: it is still to be proven.
4. A copy whose time cannot be right takes no place, stays, and is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from quorate.backup.model import Snapshot
from quorate.fleet.backup import Keep

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two servers may be apart."""

LONGEST_RUN = timedelta(days=2)
"""A copy that was received later than this after it was taken did not just take long."""

SPANS: dict[str, Callable[[datetime], tuple[object, ...]]] = {
    # With the offset: the hour that comes twice is two hours.
    "hourly": lambda at: (*at.timetuple()[:4], at.utcoffset()),
    "daily": lambda at: at.timetuple()[:3],
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: at.timetuple()[:2],
    "yearly": lambda at: at.timetuple()[:1],
}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of the copies of one source in one repository.

    Ids with the reason in words. `kept` and `forgotten` have every copy between them;
    `poisoned`: those of the kept whose time cannot be right.
    """

    kept: dict[str, str] = field(default_factory=dict)
    forgotten: dict[str, str] = field(default_factory=dict)
    poisoned: dict[str, str] = field(default_factory=dict)


def decide(
    snapshots: Iterable[Snapshot],
    keep: Keep,
    zone: tzinfo,
    *,
    now: datetime,
    originals: Mapping[str, datetime] | None = None,
    held: Mapping[str, str] | None = None,
) -> Decision:
    """What to keep of one source in one repository.

    Args:
        snapshots: all of them, in any order.
        keep: how many to keep of each span.
        zone: days and weeks are this time zone's.
        now: of the clock of who decides.
        originals: when copies elsewhere were taken, by id: a copy of one has the same time.
        held: ids that must stay for now, with the reason (being restored, not copied off-site yet).

    Raises:
        ValueError: `keep` keeps nothing, or the copies are not of one source in one repository.
    """
    copies = sorted(snapshots, key=lambda one: (one.taken, one.id), reverse=True)
    if keep.nothing:
        raise ValueError("a policy that keeps nothing would forget every copy")
    if len({(one.source, one.repository) for one in copies}) > 1:
        raise ValueError("copies of several sources or repositories are decided on one by one")
    poisoned = {one.id: why for one in copies if (why := wrong_time(one, now, originals or {}))}
    sound = [one for one in copies if one.id not in poisoned]
    last = next((one for one in sound if one.proven), None)
    reasons = _reasons(sound, keep, zone, last)
    reasons |= {key: f"its time cannot be right: {why}" for key, why in poisoned.items()}
    ids = {one.id for one in copies}
    reasons |= {key: why for key, why in (held or {}).items() if key in ids}
    return Decision(
        kept={one.id: reasons[one.id] for one in copies if one.id in reasons},
        forgotten={one.id: _gone(one, keep) for one in copies if one.id not in reasons},
        poisoned=poisoned,
    )


def wrong_time(one: Snapshot, now: datetime, originals: Mapping[str, datetime]) -> str:
    """Why the time of a copy cannot be right; empty when it can."""
    if one.taken > one.received + CLOCK_SKEW:
        return f"taken {_span(one.taken - one.received)} after it was received"
    if one.taken > now + CLOCK_SKEW or one.received > now + CLOCK_SKEW:
        return f"{_span(max(one.taken, one.received) - now)} in the future"
    if one.original is not None:
        # A copy may be made long after; but it says when its original was taken.
        original = originals.get(one.original)
        if original is not None and abs(original - one.taken) > timedelta(seconds=1):
            return f"its original was taken {_span(abs(original - one.taken))} apart from it"
        return ""
    if one.received > one.taken + LONGEST_RUN:
        return f"received {_span(one.received - one.taken)} after it was taken"
    return ""


def places(times: Sequence[datetime], keep: Keep, zone: tzinfo) -> dict[int, list[str]]:
    """Which of some times have a place, and for what: index → `daily 1`, `weekly 3` …

    The newest of each span has its place, for as many spans as are kept; a span in which
    nothing was taken does not count.

    Args:
        times: newest first.
    """
    found: dict[int, list[str]] = {}
    local = [moment.astimezone(zone) for moment in times]
    for span, number in keep.items():
        seen: set[tuple[object, ...]] = set()
        for index, moment in enumerate(local):
            if len(seen) == number:
                break
            if (key := SPANS[span](moment)) not in seen:
                seen.add(key)
                found.setdefault(index, []).append(f"{span} {len(seen)}")
    return found


def _reasons(
    sound: Sequence[Snapshot], keep: Keep, zone: tzinfo, last: Snapshot | None
) -> dict[str, str]:
    """Why copies stay, of those whose time may be right; the newest first."""
    if last is None:
        return {one.id: "no copy is proven yet" for one in sound}
    proven = [one for one in sound if one.proven]
    # Those not proven have places beside these, never instead of them.
    hopeful = [one for one in sound if one.complete and not _failed(one)]
    found: dict[str, str] = {}
    for group, more in ((hopeful, ", not proven"), (proven, "")):
        for index, names in places([one.taken for one in group], keep, zone).items():
            one = group[index]
            found[one.id] = ", ".join(names) + ("" if one.proven else more)
    for one in sound:
        if one.taken > last.taken and not one.proven:
            found.setdefault(one.id, "newer than the last proven copy")
    found.setdefault(last.id, "the last proven copy")
    return found


def _gone(one: Snapshot, keep: Keep) -> str:
    if not one.complete:
        return "it was never completed, and a newer copy is proven"
    if _failed(one):
        return "it does not restore, and a newer copy is proven"
    return f"there are newer ones for each place: {keep.words}"


def _failed(one: Snapshot) -> bool:
    return one.proof is not None and not one.proof.ok


def _span(length: timedelta) -> str:
    seconds = int(abs(length.total_seconds()))
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
