"""A server that stands still for a while and goes on: nothing, or a loss that ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from random import Random

from quorate.fleet.quantities import write_duration
from quorate.plan.model import LossOutcome
from quorate.plan.survive import replay
from quorate.predict.jobs import troubles
from quorate.predict.losses import Losses, span_of, without_leader
from quorate.predict.model import Failure, Fate
from quorate.predict.ports import closed
from quorate.predict.words import name_of
from quorate.swarm.failure import Course
from quorate.swarm.outcomes import Certainty
from quorate.swarm.starting import Given, started

FROZEN = (
    "a server that stands still sends the beat it owes as soon as it goes on; a leader that does "
    "may lose its lead, whatever the heartbeat"
)

LEADS_ON = (
    "a leader that stood still and leads on finds its own clocks run out, and takes for lost who "
    "is not back within 0.1 s"
)


def freeze(losses: Losses, server: str, seconds: float, *, leader: str) -> Failure:
    """What comes of a server that stands still for so long, with all that runs there.

    Who goes on before it is taken for lost sends the beat it owes, and nothing has happened but
    that its services stood still. Who goes on later registers anew: what was replaced meanwhile is
    stopped there, what waited for the server is started again, and what went elsewhere stays. A
    leader may lose its lead; where it keeps it, it may take others for lost as it goes on.
    """
    courses = losses.follow((server,), leader=leader, still=seconds)
    outcome = replay(losses.start, (server,))
    lost = [course.detection.down.get(server, inf) < seconds for course in courses]
    random = Random(f"{losses.seed} {leader} {server} {seconds}")
    times = [
        losses.reach(_first(losses, course, server, seconds, taken, random))
        for course, taken in zip(courses, lost, strict=True)
    ]
    leaderless = [without_leader(course) for course in courses]
    deposed = [course.detection.leader != leader for course in courses] if leader == server else []
    down = [course.detection.down.get(server, inf) for course in courses]
    name = name_of((server,), leader, (), quorum=outcome.quorum)
    elected = any(deposed)
    fates = tuple(_fates(losses, server, outcome, courses, seconds, times, lost, elected=elected))
    return Failure(
        name=f"{name}, still for {write_duration(seconds)}",
        servers=(server,),
        leader=leader,
        quorum=outcome.quorum,
        still=seconds,
        alarm=round(sum(lost) / len(lost), 3),
        deposed=round(sum(deposed) / len(deposed), 3) if deposed else None,
        doubled=tuple(sorted(outcome.moved)) if any(lost) else (),
        noticed=span_of(down) if all(lost) else None,
        leaderless=span_of(leaderless) if any(leaderless) else None,
        misled=_misled(courses, seconds),
        fates=fates,
        ports=tuple(closed(losses.start, (server,), fates)),
        courses=losses.courses,
        sampled=outcome.sampled,
    )


def _first(
    losses: Losses, course: Course, server: str, seconds: float, taken: bool, random: Random
) -> dict[str, float]:
    """Service that stands still → when one of its tasks runs; `taken`: the server was for lost."""
    _, stops = losses.struck((server,))
    # Also what Swarm does not replace, or has on every server: it goes on where it is.
    first = dict.fromkeys(stops, seconds)
    if not taken:
        return first
    waiting = []
    for name in stops:
        moved = [t.running for t in course.moved if t.service == name and t.running is not None]
        if moved:
            first[name] = min(moved)
        elif name in losses.start.replaced:
            waiting.append(name)
        elif losses.ends(name):
            first[name] = inf
    return first | _home(losses, waiting, course.detection.down[server], seconds, random)


def _home(
    losses: Losses, names: Sequence[str], down: float, seconds: float, random: Random
) -> dict[str, float]:
    """When what waited for the server runs again there; its agent registers as it goes on."""
    timing, manners = losses.timing, [losses.behaviours[name] for name in names]
    assigned = seconds + random.random() * timing.backoff + timing.debounce + timing.assign
    begun = started(
        [Given(assigned=assigned, due=down + manner.delay, manner=manner) for manner in manners],
        timing,
        random,
    )
    return {
        name: manner.runs(at, random)
        for name, manner, at in zip(names, manners, begun, strict=True)
    }


def _misled(courses: Sequence[Course], seconds: float) -> dict[str, float]:
    """Server that never stood still → in which share of courses it is taken for lost meanwhile."""
    names = sorted({name for course in courses for name in course.detection.misled})
    shares = {
        name: sum(course.detection.down.get(name, inf) <= seconds for course in courses)
        / len(courses)
        for name in names
    }
    return {name: round(share, 3) for name, share in shares.items() if share}


def _fates(
    losses: Losses,
    server: str,
    outcome: LossOutcome,
    courses: Sequence[Course],
    until: float,
    times: Sequence[Mapping[str, float]],
    lost: Sequence[bool],
    *,
    elected: bool,
) -> Iterator[Fate]:
    hit, stops = losses.struck((server,))
    through = losses.through(stops)
    for service in losses.fleet.services:
        name = service.id
        job = troubles(service, losses.fleet, lost=False, elected=elected)
        if name not in losses.start.homes or not (hit[name] or through.get(name) or job):
            continue
        goes = losses.places(name, outcome, courses, until) if any(lost) else ()
        sure = all(lost) and len(goes) == 1 and name not in outcome.at_risk
        yield Fate(
            service=name,
            workload_class=service.workload_class,
            tasks=sum(losses.start.homes[name].values()),
            lost=hit[name],
            stops=name in stops,
            answers=span_of(each.get(name, 0.0) for each in times),
            goes_to={p: Certainty.ALWAYS if sure else Certainty.SOMETIMES for p in goes},
            waits=any(lost) and name in outcome.waits,
            empty=tuple(v.source or v.target for v in service.volumes if v.local_data and goes),
            through=through.get(name, ()),
            after=losses.after(name, outcome) if hit[name] and any(lost) else None,
            job=job,
        )
