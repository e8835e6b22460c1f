"""After a loss there is nothing to choose: what goes on, what stands still, what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from quorate.plan.whatif.loss import quorate
from quorate.plan.whatif.model import Cause, Con, Recommendation, Verdict
from quorate.plan.whatif.side import Side
from quorate.plan.words import listed


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
    verdict = Verdict.PARTLY if waits else Verdict.HOLDS
    verdict = verdict if decides and not may else Verdict.FAILS
    down = [name for name in waits if not after.homes[name]]
    fewer = [name for name in waits if after.homes[name]]
    said = [f"services that start elsewhere: {len(moved)}"]
    if down:
        said.append(f"that wait for {names}: {len(down)}")
    if fewer:
        said.append(f"that run with fewer tasks: {len(fewer)}")
    if may:
        said.append(f"that find no room: {len(may)}")
    if not decides:
        said.append("the managers left are no majority, so Swarm replaces nothing")
    reasons = [f"{name} starts on {listed(sorted(set(at)))}" for name, at in moved.items()]
    return Recommendation(
        verdict=verdict,
        headline=f"without {names}: {', '.join(said)}",
        decided_by="what Swarm does when servers are lost",
        reasons=tuple(reasons),
        cons=(
            *_general(before, may, names, decides=decides),
            *_waiting(before, after, waits, names),
        ),
    )


def _general(before: Side, may: list[str], names: str, *, decides: bool) -> list[Con]:
    found = []
    if not decides:
        found.append(
            Con(
                what=f"without {names} no majority of the managers is left",
                mitigation="more managers, an odd number, on servers that are not lost together",
            )
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
    return found


def _waiting(before: Side, after: Side, waits: list[str], names: str) -> list[Con]:
    """One for each stack and reason."""
    found = []
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in waits:
        if after.homes[name]:
            tasks, whole = len(after.homes[name]), len(before.homes[name])
            found.append(
                Con(
                    what=f"{name} runs with {tasks} of {whole} tasks: {before.pools[name].why}",
                    mitigation="a replica less, or another server it may run on",
                )
            )
        else:
            alike[before.services[name].stack, before.pools[name].why].append(name)
    for (stack, why), members in alike.items():
        found.append(
            Con(
                what=f"of {stack}, {listed(members, most=6)}: down until {names} is back; {why}",
                mitigation="replication, shared storage, or a restore elsewhere from a backup "
                "that is not on that server",
            )
        )
    return found
