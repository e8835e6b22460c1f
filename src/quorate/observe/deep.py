"""The faults that a failure may leave behind, from what was seen. Pure.

What may be so for a moment in a swarm that is well counts when a second look sees it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quorate.fleet.model import Fleet
from quorate.observe.deep_engines import hanging
from quorate.observe.deep_model import PASSING, Check, Facts, Finding, Grade
from quorate.observe.deep_names import wrong_names
from quorate.observe.deep_servers import drifted, full_disks, old_certificates, wrong_clocks
from quorate.observe.deep_tasks import (
    on_dead_nodes,
    pending,
    same_addresses,
    shared_volumes,
    skewed,
    strays,
)

ORDER = list(Grade)


def decide(fleet: Fleet, facts: Facts) -> tuple[Finding, ...]:
    """Everything found at one look, faults first."""
    found = [*_of_swarm(fleet, facts), *shared_volumes(facts)]
    found += [*full_disks(fleet, facts), *old_certificates(facts), *wrong_clocks(facts)]
    found += [*_not_checked(facts)]
    return tuple(sorted(found, key=lambda f: (ORDER.index(f.grade), f.check, f.where, f.subject)))


def _of_swarm(fleet: Fleet, facts: Facts) -> Iterator[Finding]:
    if not facts.swarm:
        yield Finding(
            check=Check.SWARM,
            where="swarm",
            what=f"no working swarm: {facts.why}",
            why="nothing is started in place of what fails; what runs goes on",
            mend="power the other managers on",
        )
        return
    yield from on_dead_nodes(facts.snapshot)
    yield from strays(facts.snapshot)
    yield from same_addresses(facts.snapshot)
    yield from pending(facts.snapshot)
    yield from hanging(facts.snapshot)
    yield from skewed(fleet, facts)
    yield from wrong_names(facts)
    yield from drifted(fleet, facts)


def _not_checked(facts: Facts) -> Iterator[Finding]:
    for server, why in facts.snapshot.unreachable.items():
        yield unchecked(Check.STRAY, server, f"its containers were not checked: {why}")
    for server, why in facts.unasked.items():
        yield unchecked(Check.NAMES, server, f"names were not checked: {why}")
    for server, seen in facts.servers.items():
        for check, why in seen.unread.items():
            yield unchecked(check, server, f"not checked: {why}")
    for check, why in facts.unread.items():
        yield unchecked(check, "swarm", f"not checked: {why}")


def unchecked(check: Check, where: str, what: str) -> Finding:
    """That something could not be looked at, and why."""
    return Finding(check=check, grade=Grade.UNCHECKED, where=where, what=what)


def may_pass(found: Iterable[Finding]) -> bool:
    """Whether a second look may find less."""
    return any(finding.check in PASSING and finding.grade is Grade.FAULT for finding in found)


def lasting(first: Iterable[Finding], second: Iterable[Finding]) -> tuple[Finding, ...]:
    """What the second look found, without what may be so for a moment and was not there before."""
    before = {finding.key for finding in first}
    return tuple(
        finding
        for finding in second
        if finding.key in before or finding.check not in PASSING or finding.grade is not Grade.FAULT
    )


def faults(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are so now."""
    return tuple(finding for finding in found if finding.grade is Grade.FAULT)
