"""Writes with ids of their own: which services get them, and what became of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quorate.drill.listening import STORES, Target
from quorate.drill.model import Written
from quorate.drill.samples import OK, Sample, longest, silent
from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Service, State
from quorate.fleet.problems import did_you_mean
from quorate.lab.images_debian import program
from quorate.lab.images_names import parse as parse_image

FAILED, UNKNOWN, REFUSED, MISSING = "failed", "unknown", "refused", "missing"
KINDS = {"postgres": "postgres", "redis": "redis", "valkey": "redis"}
"""What images can be written to, and how; by the last part of their path."""
MOST = 4
"""Services written to by default: each write is one that a disk has to take."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One line of a writer: when it was due (seconds since 1970), of which target, which id."""

    due: float
    target: int
    number: int
    status: str


def writable(service: Service) -> Target | None:
    """Where a service is written to; None where its image is not known to take writes."""
    name = parse_image(service.image).path.rpartition("/")[2]
    if name not in KINDS:
        return None
    _, port = STORES[name]
    return Target(service=service.id, host=service.swarm_name, port=port, kind=KINDS[name])


def chosen(
    fleet: Fleet, asked: Iterable[str] | None, hit: Iterable[str], *, upstream: bool
) -> tuple[Target, ...]:
    """What to write to: what was named; else what keeps such data, what is hit first.

    Args:
        asked: names, or None for the default.
        hit: the services that are hit.
        upstream: the lab runs the real images; else a stand-in is not written to by default.

    Raises:
        UsageError: there is no such service, or it is no Postgres or Redis.
    """
    services = {service.id: service for service in fleet.swarm_services()}
    if asked is not None:
        return tuple(_named(services, name) for name in asked)
    first = [name for name in hit if name in services]
    order = [services[name] for name in dict.fromkeys([*first, *services])]
    keeping = [
        service
        for service in order
        if service.state in (State.POSTGRES, State.REDIS)
        and (upstream or program(parse_image(service.image)) is not None)
    ]
    return tuple([target for each in keeping if (target := writable(each)) is not None][:MOST])


def _named(services: Mapping[str, Service], name: str) -> Target:
    if name not in services:
        raise UsageError(
            f"probes.writes: there is no service `{name}`{did_you_mean(name, services)}",
            todo="name services as `quorate plan` does",
        )
    target = writable(services[name])
    if target is None:
        raise UsageError(
            f"probes.writes: {name} cannot be written to",
            cause=f"its image, {services[name].image}, is no Postgres and no Redis",
            todo="leave it out; `probes.services` asks it all the same",
        )
    return target


def parse(lines: Iterable[str]) -> list[Write]:
    """Writes in the order they were due; what is no line of a writer is left."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) != 5:
            continue
        try:
            due, target, number = float(words[0]), int(words[1]), int(words[2])
        except ValueError:
            continue
        found.append(Write(due=due, target=target, number=number, status=words[3]))
    return sorted(found, key=lambda write: write.due)


def missing(writes: Iterable[Write]) -> dict[int, int]:
    """Target → how many acknowledged ids a writer found gone meanwhile."""
    return {each.target: each.number for each in writes if each.status == MISSING}


def written(
    targets: Sequence[Target],
    writes: Sequence[Sequence[Write]],
    there: Mapping[int, frozenset[str] | None],
    *,
    began: float,
    ended: float,
) -> tuple[Written, ...]:
    """What became of the writes.

    Args:
        writes: of each vantage point, in the order of their numbers.
        there: target → the ids read back; None where that could not be done.
        began, ended: of the fault, in seconds since 1970.
    """
    return tuple(
        _one(target, [[w for w in each if w.target == number] for each in writes],
             there.get(number), began, ended)
        for number, target in enumerate(targets)
    )  # fmt: skip


def _one(
    target: Target,
    writes: Sequence[Sequence[Write]],
    there: frozenset[str] | None,
    began: float,
    ended: float,
) -> Written:
    counts = {status: _ids(writes, status) for status in (OK, FAILED, UNKNOWN)}
    gaps = [_longest(each, began, ended) for each in writes if each]
    known = [gap for gap in gaps if gap is not None]
    return Written(
        service=target.service,
        acknowledged=len(counts[OK]),
        failed=len(counts[FAILED]),
        unknown=len(counts[UNKNOWN]),
        kept=len(counts[UNKNOWN] & (there or frozenset())),
        lost=None if there is None and counts[OK] else len(counts[OK] - (there or frozenset())),
        longest=max(known, default=0.0) if len(known) == len(gaps) else None,
        refused=any(write.status == REFUSED for each in writes for write in each),
    )


def _ids(writes: Sequence[Sequence[Write]], status: str) -> frozenset[str]:
    return frozenset(
        f"{vantage}:{write.number}"
        for vantage, each in enumerate(writes)
        for write in each
        if write.status == status
    )


def _longest(writes: Sequence[Write], began: float, ended: float) -> float | None:
    tried = [
        Sample(due=write.due, target=write.target, status=write.status)
        for write in writes
        if began <= write.due <= ended and write.status in (OK, FAILED, UNKNOWN)
    ]
    return longest(silent(tried, start=began))
