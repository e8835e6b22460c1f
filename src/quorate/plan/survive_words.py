"""What a survivability check found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.plan.model import LossOutcome, Survival
from quorate.plan.words import MIB, count, listed, size

MOST_WARNINGS = 6
"""Losses told one by one; of the others, how many."""


def verdict(survival: Survival) -> str:
    """The whole in one sentence, with what it rests on."""
    losses, whole = survival.losses, survival.possible
    if not losses:
        return "there is one server: its loss stops everything"
    at_once = len(losses[0].servers)
    what = f"the loss of any {count(at_once, 'server')}" + (" at once" if at_once > 1 else "")
    tried = f"{len(losses):,} of {whole:,} losses" if whole > len(losses) else "all"
    if any(loss.sampled for loss in losses):
        tried += ", of each many but not all of the orders in which Swarm may go on"
    replayed = f"(replayed as Swarm would act: {tried})"
    failing = sum(not loss.holds for loss in losses)
    if not failing:
        return f"what may move finds room after {what} {replayed}"
    some = f"after {failing:,} of {len(losses):,} losses of {count(at_once, 'server')}"
    return f"{some}, not all that may move is sure to find room {replayed}"


def warnings(survival: Survival | None) -> Iterator[str]:
    """A sentence for each loss after which not everything that may move fits."""
    failing = [loss for loss in survival.losses if not loss.holds] if survival else []
    for loss in failing[:MOST_WARNINGS]:
        text = f"without {listed(loss.servers)}, {'; '.join(troubles(loss))}"
        yield text + (f"; what would help: {', or '.join(loss.cures)}" if loss.cures else "")
    if survival and len(survival.losses) < survival.possible:
        yield (
            f"{len(survival.losses)} of {survival.possible:,} possible losses were replayed, half "
            "of them of the fullest servers; of the others nothing is known"
        )
    if len(failing) > MOST_WARNINGS:
        rest = len(failing) - MOST_WARNINGS
        losses = "1 more loss is" if rest == 1 else f"{rest} more losses are"
        yield f"{losses} not survived either: `quorate plan --json` has them all"


def troubles(loss: LossOutcome) -> Iterator[str]:
    """What is wrong after a loss."""
    if not loss.quorum:
        yield "there is no majority of managers, so nothing that was there is replaced"
    if loss.pending and loss.quorum:
        names = listed(loss.pending, most=6)
        yield f"{count(len(loss.pending), 'service')} that may move would stay pending: {names}"
    if loss.at_risk:
        names = listed(loss.at_risk, most=6)
        yield f"{names} may stay pending, by the order in which Swarm happens to place services"
    for name, used in loss.overfull.items():
        yield (
            f"{name} may have to hold {size(used / MIB)} of memory, more than it has: Swarm does "
            "not see what runs beside it"
        )
