"""After a loss there is nothing to choose: what goes on, what stands still, what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from quorate.plan.whatif.loss import quorate
from quorate.plan.whatif.model import Cause, Con, Recommendation, Verdict
from quorate.plan.whatif.side import Side
from quorate.plan.words import count, listed


def after_loss(before: Side, after: Side, causes: Mapping[str, Cause]) -> Recommendation:
    """Whether the fleet holds: all that may move runs elsewhere and the managers decide."""
    lost = [server.name for server in after.lost]
    names = listed(lost)
    moved = {
        name: after.homes[name]
        for name, cause in causes.items()
        if cause is Cause.SWARM and name not in after.pending
    }
    homeless = [name for name in after.pending if before.homes.get(name)]
    may = [name for name in homeless if name in before.pools and before.pools[name].movable]
    waits = [name for name in homeless if name not in may]
    decides = quorate(before, lost)
    holds = decides and not may
    said = [f"{count(len(moved), 'service')} start elsewhere" if moved else "nothing moves"]
    if waits:
        said.append(f"{count(len(waits), 'service')} wait for {names}")
    if may:
        said.append(f"{count(len(may), 'service')} find no room")
    if not decides:
        said.append("the managers left are no majority, so Swarm replaces nothing")
    reasons = [f"{name} starts on {listed(sorted(set(at)))}" for name, at in moved.items()]
    return Recommendation(
        verdict=Verdict.HOLDS if holds else Verdict.FAILS,
        headline=f"without {names}: {', '.join(said)}",
        decided_by="what Swarm does when servers are lost",
        reasons=tuple(reasons),
        cons=tuple(_cons(before, waits, may, names, decides=decides)),
    )


def _cons(
    before: Side, waits: list[str], may: list[str], names: str, *, decides: bool
) -> list[Con]:
    found = []
    if not decides:
        todo = "more managers, on servers that are not lost together (an odd number)"
        found.append(
            Con(what=f"without {names} no majority of the managers is left", mitigation=todo)
        )
    if may:
        memory = sum(before.services[name].reservation_memory for name in may) / 2**30
        found.append(
            Con(
                what=f"no room elsewhere for {listed(may, most=8)}",
                mitigation=f"{memory:.1f} GiB more to reserve on the servers left, "
                "or smaller reservations",
            )
        )
    by_stack: dict[str, list[str]] = defaultdict(list)
    for name in waits:
        by_stack[before.services[name].stack].append(name)
    for stack, members in by_stack.items():
        why = before.pools[members[0]].why
        found.append(
            Con(
                what=f"{stack}: {listed(members, most=6)} stand still until {names} is back: {why}",
                mitigation="replication, shared storage, or a restore elsewhere from a backup "
                "that is not on that server",
            )
        )
    return found
