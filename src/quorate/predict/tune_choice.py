"""Which settings to take, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from quorate.fleet.quantities import show_duration
from quorate.predict.tune_model import Candidate, Cost, Settings

MARGIN = 0.5
"""Seconds; what is quicker by less is no reason for sharper settings."""

FACTORS = ("heartbeat", "delay", "start_interval")


def choose(candidates: Sequence[Candidate], *, delay: float) -> Candidate:
    """The quickest candidate that is tolerated; of those about as quick, the calmest.

    Where none is tolerated, of those that stand the longest freeze that any stands, those that
    mislead the managers least.

    Args:
        candidates: how it is now first.
        delay: mean restart delay, in seconds, of those that leave it as it is.
    """
    present = candidates[0]
    may = [one for one in candidates if one.tolerated]
    if not may:
        best = min((-one.stands, one.misled) for one in candidates)
        may = [one for one in candidates if (-one.stands, one.misled) == best]
    if present in may:
        if present.recovery is None:
            return present
        # Calmer is welcome, slower than now is not.
        may = [one for one in may if _mean(one) <= _mean(present)]
    quickest = min(map(_mean, may))
    return max(
        (one for one in may if _mean(one) <= quickest + MARGIN),
        key=lambda one: _calm(one.settings, delay),
    )


def differs_only(one: Settings, other: Settings, factor: str) -> bool:
    """Whether two settings are alike but for this factor."""
    return one.model_copy(update={factor: getattr(other, factor)}) == other


def reasons(
    candidates: Sequence[Candidate], chosen: Candidate, *, tolerate: float, costs: Sequence[Cost]
) -> Iterator[str]:
    """Why it is that one: what it brings, what it stands, and what is wrong with quicker ones."""
    present = candidates[0]
    yield _brings(present, chosen)
    yield (
        f"a server may stand still for {show_duration(chosen.stands)} and is never taken for lost; "
        f"{show_duration(tolerate)} were asked for"
    )
    if chosen is not present and not present.tolerated:
        yield f"as it is, {_against(present, tolerate, costs)}"
    for factor in FACTORS if chosen.recovery is not None else ():
        yield from _of(factor, candidates, chosen, tolerate, costs)


def note(chosen: Candidate) -> str:
    """Why it is that one, in a few words, for a comment."""
    stands = f"stands a freeze of {show_duration(chosen.stands)}"
    if chosen.recovery is None:
        return stands
    return f"all back within {chosen.recovery.mean:.0f} s in the mean, {stands}"


def _of(
    factor: str,
    candidates: Sequence[Candidate],
    chosen: Candidate,
    tolerate: float,
    costs: Sequence[Cost],
) -> Iterator[str]:
    """What one factor brings by itself, and why no sharper value of it was taken."""
    present = candidates[0].settings
    rows = [one for one in candidates if differs_only(one.settings, present, factor)]
    value = getattr(chosen.settings, factor)
    taken = next((one for one in rows if getattr(one.settings, factor) == value), rows[0])
    gain = _mean(rows[0]) - _mean(taken)
    if taken is not rows[0] and gain >= MARGIN:
        yield f"{taken.name} alone is {show_duration(gain)} quicker in the mean"
    for one in rows:
        more = _mean(taken) - _mean(one)
        if more <= 0 or one is rows[0]:
            continue
        if not one.tolerated and taken.tolerated:
            yield f"not {one.name}, {_quicker(more)}: {_against(one, tolerate, costs)}"
        elif more <= MARGIN:
            yield f"not {one.name}, {_quicker(more)}: too little for {PRICES[factor]}"


PRICES = {
    "heartbeat": "more false alarms",
    "delay": "restarting at once, again and again, what cannot start",
    "start_interval": "probing so often",
}


def _brings(present: Candidate, chosen: Candidate) -> str:
    if chosen.recovery is None or present.recovery is None:
        return "no loss of a server stops what comes back by itself: no setting makes it quicker"
    after, before = chosen.recovery, present.recovery
    words = (
        f"after the loss of a server everything that can answers again within {after.mean:.0f} s "
        f"in the mean, {after.high:.0f} s in 95 of 100; at worst ({after.worst}) "
        f"{after.worst_high:.0f} s"
    )
    if chosen is present:
        return f"{words}: none that is tolerated is quicker by more than {show_duration(MARGIN)}"
    return f"{words}; as it is {before.mean:.0f}, {before.high:.0f} and {before.worst_high:.0f} s"


def _against(one: Candidate, tolerate: float, costs: Sequence[Cost]) -> str:
    """Why a candidate is not tolerated."""
    words = []
    alarm = next((f.alarm for f in one.freezes if f.seconds == tolerate), 0.0)
    if one.stands < tolerate:
        words.append(
            f"{_share(alarm)} of the servers that stand still for {show_duration(tolerate)} are "
            f"taken for lost{_price(costs)}"
        )
    if one.misled:
        words.append(
            f"after {_share(one.misled)} of lost managers a server that is there is taken for lost "
            "too, and its tasks restarted"
        )
    return "; ".join(words)


def _price(costs: Sequence[Cost]) -> str:
    if not costs or not costs[0].tasks:
        return ""
    return f", which restarts up to {costs[0].tasks} tasks ({costs[0].server})"


def _quicker(seconds: float) -> str:
    return f"{show_duration(seconds)} quicker"


def _share(share: float) -> str:
    return "less than 1 %" if share < 0.01 else f"{share * 100:.0f} %"


def _mean(one: Candidate) -> float:
    return inf if one.recovery is None else one.recovery.mean


def _calm(settings: Settings, delay: float) -> tuple[float, float, float]:
    return (
        settings.heartbeat,
        delay if settings.delay is None else settings.delay,
        inf if settings.start_interval is None else settings.start_interval,
    )
