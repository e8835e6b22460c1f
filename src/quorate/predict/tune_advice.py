"""What is to be said of more replicas and of drained managers, in a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.fleet.quantities import show_duration
from quorate.plan.words import MIB, count, listed, size
from quorate.predict.tune_choice import MARGIN
from quorate.predict.tune_model import Drained, Replicas

NAMED = 4
"""Services named in a line."""


def advice(found: Replicas, drained: Sequence[Drained]) -> Iterator[str]:
    """A line for each, with its figures."""
    yield _replicas(found)
    yield _drained(drained)


def _replicas(found: Replicas) -> str:
    if not found.single:
        return "more replicas: no production service without state has only one"
    if not found.doubled:
        return (
            f"more replicas: two would spare none of {count(len(found.single), 'service')} its gap"
        )
    names = listed([each.service for each in found.doubled], most=NAMED)
    more = size(sum(each.memory for each in found.doubled) / MIB)
    now = _now([each.gap for each in found.doubled])
    return f"two replicas of {names}: no gap when a server is lost, now {now}; {more} more reserved"


def _now(gaps: Sequence[float | None]) -> str:
    """How long gaps are, from the shortest to the longest."""
    known = sorted(gap for gap in gaps if gap is not None)
    if not known:
        return "until somebody helps"
    span = f"{known[0]:.0f} s" if len(known) == 1 else f"{known[0]:.0f} to {known[-1]:.0f} s"
    return span if len(known) == len(gaps) else f"{span} or until somebody helps"


def _drained(found: Sequence[Drained]) -> str:
    present, *others = found
    fit = [each for each in others if not (each.against or each.tight)]
    if present.outage is None or not fit:
        return "drained managers: not all would find a place elsewhere, now or after a loss"
    best = min(fit, key=lambda each: each.outage.mean if each.outage else 0.0)
    if best.outage is None or best.outage.mean > present.outage.mean - MARGIN:
        return (
            "drained managers: not worth it, none makes the loss of a server quicker by "
            f"{show_duration(MARGIN)} in the mean"
        )
    data = f", {count(len(best.data), 'service')} of them with data" if best.data else ""
    now, then = present.outage, best.outage
    return (
        f"{listed(best.managers)} drained: after the loss of a server all back within "
        f"{then.mean:.1f} s in the mean instead of {now.mean:.1f} s, after that of the leader "
        f"{then.leader:.1f} s instead of {now.leader:.1f} s; "
        f"{count(len(best.moves), 'service')} to move{data}, {best.share:.0%} of {best.fullest}'s "
        "memory reserved"
    )
