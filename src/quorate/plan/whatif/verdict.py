"""After a loss there is nothing to choose: what goes on, what stands still, what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from quorate.plan.model import LossOutcome
from quorate.plan.whatif.model import Con, Recommendation, Verdict
from quorate.plan.whatif.side import Side
from quorate.plan.words import MIB, listed, size


def after_loss(before: Side, after: Side, outcome: LossOutcome) -> Recommendation:
    """Whether the fleet holds: all that may move runs elsewhere, and the managers decide.

    Args:
        before: the side on which the servers are lost, asked changes made.
    """
    names = listed(outcome.servers)
    down = [name for name in outcome.waits if not after.homes.get(name)]
    fewer = [name for name in outcome.waits if after.homes.get(name)]
    moved = [name for name in outcome.moved if name not in outcome.pending]
    parts = [
        (moved, "services that start elsewhere"),
        (down, f"that wait for {names}"),
        (fewer, "that run with fewer tasks"),
        (outcome.pending, "that find no room"),
        (outcome.at_risk, "that may find no room"),
        (outcome.stops, "that need one that is down"),
    ]
    said = [f"{what}: {len(which)}" for which, what in parts if which]
    if not outcome.quorum:
        said.append("the managers left are no majority, so Swarm replaces nothing")
    held = Verdict.PARTLY if outcome.waits else Verdict.HOLDS
    return Recommendation(
        verdict=held if outcome.holds and outcome.quorum else Verdict.FAILS,
        headline=f"without {names}, {', '.join(said) or 'nothing changes'}",
        decided_by="a replay of the loss through the model of Swarm's scheduler",
        reasons=tuple(
            f"{name} starts on {' or '.join(where)}" for name, where in outcome.moved.items()
        ),
        cons=(*_troubles(before, outcome, names), *_waiting(before, after, outcome, names)),
    )


def _troubles(before: Side, outcome: LossOutcome, names: str) -> Iterator[Con]:
    if not outcome.quorum:
        yield Con(
            what=f"without {names} no majority of the managers is left",
            mitigation="more managers, an odd number, on servers that are not lost together",
        )
    short = [*outcome.pending, *outcome.at_risk] if outcome.quorum else []
    if short:
        memory = sum(before.services[name].reservation_memory for name in short) / MIB
        sure = "no room elsewhere for" if outcome.pending else "perhaps no room elsewhere for"
        yield Con(
            what=f"{sure} {listed(short, most=8)}",
            mitigation="; ".join(outcome.cures)
            or f"{size(memory)} more to reserve on the servers left, or smaller reservations",
        )
    for name, used in outcome.overfull.items():
        yield Con(
            what=f"{name} may have to hold {size(used / MIB)} of memory, more than it has: "
            "Swarm does not see what runs beside it",
            mitigation=f"less beside Swarm on {name}, or larger reservations, which Swarm counts",
        )
    if outcome.stops:
        yield Con(
            what=f"{listed(outcome.stops, most=8)} need a service that is down",
            mitigation="they should retry by themselves until it is back",
        )


def _waiting(before: Side, after: Side, outcome: LossOutcome, names: str) -> Iterator[Con]:
    """One for each service that runs with fewer tasks, and for each stack and reason."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in outcome.waits:
        why = before.pools[name].why
        if not after.homes.get(name):
            alike[before.services[name].stack, why].append(name)
            continue
        tasks, whole = len(after.homes[name]), len(before.homes[name])
        yield Con(
            what=f"{name} runs with {tasks} of {whole} tasks: {why}",
            mitigation="a replica less, or another server it may run on",
        )
    for (stack, why), members in alike.items():
        yield Con(
            what=f"of {stack}, {listed(members, most=6)}: down until {names} is back; {why}",
            mitigation="replication, shared storage, or a restore elsewhere from a backup "
            "that is not on that server",
        )
