"""What a run comes to, on two axes: how the fleet stood it, and whether it was foreseen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from quorate.drill.file import Drill
from quorate.drill.model import Agreement, Phase, Probed, Recovered, Resilience, Written

RARE = 0.05
"""A smaller share (0 to 1) of courses is a surprise: spans leave out as much at each end."""


def resilience(
    drill: Drill,
    services: Sequence[Recovered],
    probes: Sequence[Probed],
    writes: Sequence[Written] = (),
    *,
    quorum: bool,
) -> tuple[Resilience, tuple[str, ...]]:
    """How a fault that was made and not cut short was stood, and why not well.

    `quorum`: enough managers were left; without them nothing is meant to move.
    """
    why = list(_late(services) if quorum else ())
    for each in probes:
        bad = each.failed / each.sent if each.sent else 0.0
        if each.bystander and bad > drill.abort.bystander_errors:
            why.append(f"{each.service}, which should notice nothing, failed {bad:.1%} of probes")
    if drill.abort.lost_writes != "allowed":
        why += _lost(writes)
    if why:
        return Resilience.FAILED, tuple(why)
    alone = ("without a quorum nothing was meant to move; what ran went on",)
    return Resilience.PASSED, () if quorum else alone


def _late(services: Sequence[Recovered]) -> Iterator[str]:
    for each in services:
        if each.may_move and each.running is None:
            yield f"{each.service} was not back while the fault lasted"
        elif each.may_move and each.running is not None and each.running > each.target:
            late = f"{each.service} was back after {each.running:.1f} s"
            yield f"{late}; its target is {each.target:g} s"


def _lost(writes: Sequence[Written]) -> Iterator[str]:
    for each in writes:
        if each.lost is None:
            yield f"{each.service}: its acknowledged writes could not be read back"
        elif each.lost:
            yield f"{each.service} lost {each.lost} of {each.acknowledged} acknowledged writes"


def agreement(
    phases: Sequence[Phase],
    services: Sequence[Recovered],
    misled: Sequence[str] = (),
    foreseen: Mapping[str, float] | None = None,
) -> tuple[Agreement, tuple[str, ...]]:
    """Whether it went as predicted, what was off, and what is worth telling all the same.

    Args:
        misled: servers that were well and were taken for lost.
        foreseen: server → the predicted share of courses in which it is.
    """
    shares = foreseen or {}
    off = [
        f"{phase.name}: measured {phase.measured:.1f} s, predicted "
        f"{phase.predicted.low:.1f} to {phase.predicted.high:.1f} s"
        for phase in phases
        if phase.inside is False and phase.predicted is not None and phase.measured is not None
    ]
    off += [f"{each.service} went to {', '.join(each.went_to)}" for each in services
            if not each.possible]  # fmt: skip
    told = []
    for server in misled:
        share, text = shares.get(server, 0.0), f"{server}, which was well, was taken for lost too"
        if share < RARE:
            off.append(text)
        else:
            told.append(f"{text}, as predicted of {share * 100:.0f} in 100 such losses")
    if off:
        return Agreement.OUTSIDE, (*off, *told)
    compared = any(phase.inside for phase in phases)
    return (Agreement.INSIDE if compared else Agreement.NONE), tuple(told)
