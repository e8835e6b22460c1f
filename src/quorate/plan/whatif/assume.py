"""Every figure the answer used that nobody gave."""

from __future__ import annotations

from collections.abc import Iterator

from quorate.plan.whatif.aspects.talk import rate
from quorate.plan.whatif.compare import Pair
from quorate.plan.whatif.model import Cause
from quorate.plan.whatif.scope import (
    CHANGED_MEANWHILE,
    DISK_RATES,
    LINK_USABLE,
    START_SECONDS,
    Scope,
)
from quorate.plan.whatif.transfer import given_start, moved, transfers
from quorate.plan.words import listed


def assumptions(pair: Pair, scope: Scope) -> tuple[str, ...]:
    """In words, the most important first."""
    return tuple(_assumptions(pair, scope))


def _assumptions(pair: Pair, scope: Scope) -> Iterator[str]:
    copies = transfers(pair.after, scope)
    if copies:
        rates = ", ".join(f"{kind} {each / 1e6:.0f} MB/s" for kind, each in DISK_RATES.items())
        yield f"one copy reads and writes at: {rates} (by kind of disk; an unlisted disk is an ssd)"
        if not scope.link_given:
            yield (
                f"servers are joined by gigabit Ethernet, of which one copy gets {LINK_USABLE:.0%} "
                f"({rate(scope.link * LINK_USABLE)}); --link says otherwise"
            )
        yield f"{CHANGED_MEANWHILE:.0%} of the data changes while it is copied in use"
        unknown = [copy.service for copy in copies if copy.size is None]
        if unknown:
            yield f"no data_size is given for {listed(unknown)}: counted as nothing to copy"
    starts = [s.id for s, *_ in moved(pair.after, scope) if given_start(s) is None]
    if starts and Cause.SWARM not in pair.causes.values():
        yield f"{listed(list(dict.fromkeys(starts)))}: {START_SECONDS:.0f} s until it answers"
    names = [
        service.id
        for service in pair.after.fleet.services
        if service.id in scope.subjects and len(service.needs) + len(service.near) > 1
    ]
    if names:
        yield (f"the traffic of {listed(names)} goes in equal parts to what it needs or is near")
    for server in pair.changes.added:
        if server.uptime_days is None and server.reliability is None:
            yield f"nothing is known of how stable {server.name} is: half the worst risk"
