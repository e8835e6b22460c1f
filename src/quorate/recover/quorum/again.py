"""Whether a new cluster is still to be forced, right before it is. Pure.

Much may have passed since it was decided: a question that was left open, a kill, a night. Managers
may have been powered on meanwhile, and the swarm may work again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quorate.errors import RefusedError
from quorate.recover.model import Facts
from quorate.recover.quorum.choose import majority
from quorate.recover.quorum.model import LOCKED, Seen, Sight


def to_force(sight: Sight, facts: Facts) -> bool:
    """Whether it is still to be done; false where it was done before a kill.

    Raises:
        RefusedError: what is seen now forbids it.
    """
    if any(one.works and one.forced == facts["forced"] for one in sight.servers):
        return False
    survivor = sight.of(facts["survivor"])
    reasons = "; ".join(_reasons(sight, survivor, facts))
    if reasons:
        raise RefusedError(
            f"no new cluster is forced on {survivor.server}: it is not as it was decided any more",
            cause=reasons,
            todo="`quorate operations abandon`, then `quorate recover quorum`: it looks anew, and "
            "starts the engines that were stopped",
        )
    return not survivor.works


def _reasons(sight: Sight, survivor: Seen, facts: Facts) -> Iterator[str]:
    others = [one for one in sight.servers if one.manager and one.server != survivor.server]
    if working := [one for one in others if one.works]:
        yield f"the swarm works on {_names(working)}"
    if survivor.works:
        if not _alone(survivor):
            yield f"{survivor.server} has a leader, and other managers with it"
        return
    if running := [one for one in others if one.engine and not one.works]:
        yield f"the engine of {_names(running)} runs"
    given_up = facts.get("without", ())
    lost = [n for n in facts.get("lost", ()) if n not in given_up]
    if back := [one for one in others if one.server in lost and one.answers and not one.engine]:
        yield f"{_names(back)} answers again, and may know more"
    managers = [one for one in (survivor, *others) if one.answers]
    usable = [one for one in managers if one.server not in given_up and one.state != LOCKED]
    if len(usable) >= facts.get("needed", majority(managers)):
        yield f"{_names(usable)} answer, enough to elect a leader"
    covered = {*given_up, *facts.get("halted_at", ())}
    for address, who in sorted(sight.alive.items()):
        if address not in covered:
            yield f"{address} answers {who}"


def _alone(survivor: Seen) -> bool:
    """Whether it is the only member of its raft: forced already, and not marked yet."""
    return [one.id for one in survivor.listed if one.member] == [survivor.node]


def _names(seen: Sequence[Seen]) -> str:
    return ", ".join(one.server for one in seen)
