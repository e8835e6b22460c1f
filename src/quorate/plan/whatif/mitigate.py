"""What lessens each thing that speaks against the recommended side, from that side's figures."""

from __future__ import annotations

from collections.abc import Callable

from quorate.plan.whatif.aspects.capacity import CPU, MEMORY, Resource
from quorate.plan.whatif.aspects.data import lasting
from quorate.plan.whatif.aspects.neighbours import meetings
from quorate.plan.whatif.aspects.talk import lines, rate
from quorate.plan.whatif.model import Aspect, Reading
from quorate.plan.whatif.scope import LINK_USABLE, Scope
from quorate.plan.whatif.side import Side
from quorate.plan.whatif.transfer import transfers
from quorate.plan.words import count, listed, threads


def mitigation(aspect: Aspect, reading: Reading, side: Side, scope: Scope) -> str:
    """In words. `reading` is the recommended side's, `side` that side."""
    return _BY_ASPECT[aspect.id](reading, side, scope)


def _rules(reading: Reading, side: Side, scope: Scope) -> str:
    return "lift or change these rules in the files first; or ask with --replan for another way"


def _running(reading: Reading, side: Side, scope: Scope) -> str:
    return "make room on the servers they may run on: smaller reservations, a replica less"


def _needs(reading: Reading, side: Side, scope: Scope) -> str:
    return "take out the need, or keep what it names"


def _survivability(reading: Reading, side: Side, scope: Scope) -> str:
    return "smaller reservations, or more memory on the other servers, until the rest fits"


def _enough(resource: Resource) -> Callable[[Reading, Side, Scope], str]:
    def said(reading: Reading, side: Side, scope: Scope) -> str:
        if not scope.subjects:
            return "move what may move off the fullest server, or give it more"
        server, free, peak = _tightest(resource, side, scope)
        asks = f"{resource.words(free)} are free on {server} for a peak of {resource.words(peak)}"
        if free >= peak:
            return f"enough all the same: {asks}"
        heavy = _heaviest(resource, side, scope, server)
        more = f", or move {heavy} off {server}" if heavy else ""
        return (
            f"not enough at its peak ({asks}): limit it to {resource.words(max(0.0, free))}{more}"
        )

    return said


def _tightest(resource: Resource, side: Side, scope: Scope) -> tuple[str, float, float]:
    """The server with the least room beyond the subjects' peak: (name, room, that peak)."""

    def mine(server: str, figure: Callable[[Resource], Callable[..., float]]) -> float:
        return sum(side.homes[s.id].count(server) * figure(resource)(s) for s in scope.of(side))

    found = []
    for server in scope.servers(side):
        free = resource.bar(side.uses[server]).free + mine(server, lambda r: r.baseline)
        found.append((free - mine(server, lambda r: r.peak), server, free))
    _, server, free = min(found)
    return server, free, mine(server, lambda r: r.peak)


def _heaviest(resource: Resource, side: Side, scope: Scope, server: str) -> str | None:
    """The largest other service there that may run elsewhere."""
    free = [
        service
        for service in side.fleet.services
        if service.id not in scope.subjects
        and server in side.homes[service.id]
        and side.pools[service.id].movable
    ]
    return max(free, key=lambda s: (resource.baseline(s), s.id)).id if free else None


def _peaks(reading: Reading, side: Side, scope: Scope) -> str:
    return (
        "all peaks seldom come at once; limits (deploy.resources.limits) on the largest "
        "keep the worst hour within the server"
    )


def _bursts(reading: Reading, side: Side, scope: Scope) -> str:
    found = list(meetings(side, scope.subjects)) or list(meetings(side))
    if not found:
        return "nothing to do"
    worst = max(found, key=lambda meeting: (meeting.stake, meeting.server))
    service = side.services[worst.spiky]
    allowed = worst.free + service.load.cpu
    if allowed >= service.load.cpu + worst.burst:
        return (
            f"{threads(worst.free * 1000)} are idle on {worst.server} at baseline, enough for a "
            f"burst of {threads(worst.burst * 1000)}; a CPU limit on {worst.spiky} makes it certain"
        )
    return f"limit {worst.spiky} to {threads(allowed * 1000)} there (deploy.resources.limits.cpus)"


def _stability(reading: Reading, side: Side, scope: Scope) -> str:
    return "back its data up to another server and prove the copies; watch the server's restarts"


def _network(reading: Reading, side: Side, scope: Scope) -> str:
    usable = scope.link * LINK_USABLE
    used = sum(line.crossing for line in lines(side))
    given = "" if scope.link_given else " (assumed)"
    return (
        f"{rate(used)} between all servers is {used / usable:.1%} of one cable's "
        f"{rate(usable)}{given}; calls take a network round trip longer"
    )


def _busy(reading: Reading, side: Side, scope: Scope) -> str:
    usable = scope.link * LINK_USABLE
    share = (reading.figure or 0.0) / usable
    given = "" if scope.link_given else " (assumed)"
    return f"that is {share:.1%} of a cable's {rate(usable)}{given}"


def _disk(reading: Reading, side: Side, scope: Scope) -> str:
    whole = reading.details.get("capacity") or 1.0
    return f"{(reading.figure or 0.0) / whole:.0%} of it stays free; watch it"


def _concentration(reading: Reading, side: Side, scope: Scope) -> str:
    return "copies of that data on another server, or replication, so that its loss is not the end"


def _redundancy(reading: Reading, side: Side, scope: Scope) -> str:
    return "further replicas on other servers (--scale), where the service allows it"


def _data(reading: Reading, side: Side, scope: Scope) -> str:
    copies = transfers(side, scope)
    if not copies:
        return "restart in a quiet hour; start-first updates would spare the pause"
    cold, warm = sum(c.down for c in copies), sum(c.down_warm for c in copies)
    names = listed([copy.service for copy in copies])
    return (
        f"copy {names} while running and the rest after a stop: {lasting(warm)} down "
        f"instead of {lasting(cold)}, in a quiet hour"
    )


def _mounts(reading: Reading, side: Side, scope: Scope) -> str:
    points = count(int(reading.figure or 0), "point")
    return f"go through the {points} before the change; back up first"


_BY_ASPECT: dict[str, Callable[[Reading, Side, Scope], str]] = {
    "rules": _rules,
    "running": _running,
    "needs": _needs,
    "survivability": _survivability,
    "memory": _enough(MEMORY),
    "memory-peaks": _peaks,
    "cpu": _enough(CPU),
    "cpu-peaks": _peaks,
    "isolation": _bursts,
    "bursts": _bursts,
    "stability": _stability,
    "co-location": _network,
    "network": _busy,
    "traffic": _network,
    "disk": _disk,
    "concentration": _concentration,
    "redundancy": _redundancy,
    "data": _data,
    "mounts": _mounts,
}
