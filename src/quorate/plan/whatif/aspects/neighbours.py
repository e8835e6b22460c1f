"""Workload isolation: which spiky services share a server with whom, and what a spike takes.

The pairs are the policy's (`isolation`), the measure is the planner's: a burst takes
its share of the server from every thread that protected services use there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.plan.problem import CPU, Ask
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import count, listed, threads


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A spiky service and those to protect on one server.

    `used` is the CPU they use at baseline, `share` the burst's of the whole server,
    `free` what is idle there at baseline; threads.
    """

    spiky: str
    server: str
    victims: tuple[str, ...]
    tasks: int
    used: float
    burst: float
    share: float
    free: float

    @property
    def stake(self) -> float:
        return self.used * self.share


def meetings(side: Side, subjects: tuple[str, ...] = ()) -> Iterator[Meeting]:
    """Every meeting the policy wants to avoid; with subjects, those they take part in."""
    for index, host in enumerate(side.problem.hosts):
        here = side.occupancy.residents(index)
        for isolation in side.fleet.policy.isolation:
            for name, workload_class, ask, _, _ in here:
                if workload_class != isolation.spiky or not _spiky(side, name, ask):
                    continue
                victims = [
                    (other, other_ask.resources[CPU] * tasks / 1000, tasks)
                    for other, other_class, other_ask, _, tasks in here
                    if other_class == isolation.away_from
                    and other != name
                    and (not subjects or name in subjects or other in subjects)
                ]
                if victims:
                    whole = host.total[CPU] / 1000
                    burst = ask.burst / 1000
                    yield Meeting(
                        spiky=name,
                        server=host.server.name,
                        victims=tuple(victim for victim, _, _ in victims),
                        tasks=sum(tasks for *_, tasks in victims),
                        used=sum(used for _, used, _ in victims),
                        burst=burst,
                        share=min(1.0, burst / whole) if whole else 1.0,
                        free=max(0.0, side.uses[host.server.name].cpu.free),
                    )


def isolation(side: Side, scope: Scope) -> Reading:
    """CPU of protected services that have a spiky neighbour, threads, once for each neighbour."""
    if not side.fleet.policy.isolation:
        return Reading(text="the policy names no classes to keep apart", figure=0.0)
    found = list(meetings(side, scope.subjects))
    if not found:
        return Reading(text="nothing spiky beside what it could starve", figure=0.0)
    used = sum(meeting.used for meeting in found)
    spiky = list(dict.fromkeys(meeting.spiky for meeting in found))
    tasks = sum(meeting.tasks for meeting in found)
    protected = listed(list(dict.fromkeys(i.away_from for i in side.fleet.policy.isolation)))
    return Reading(
        text=f"{listed(spiky)} beside {count(tasks, protected + ' task')} "
        f"that use {threads(used * 1000)}",
        figure=used,
        details={"tasks": tasks, "threads": used},
        lines=tuple(_told(meeting) for meeting in found),
    )


def _told(meeting: Meeting) -> str:
    names = listed(meeting.victims, most=len(meeting.victims))
    used = threads(meeting.used * 1000)
    return f"on {meeting.server}: {meeting.spiky} beside {names}, which use {used}"


def _weighed(meeting: Meeting) -> str:
    return (
        f"on {meeting.server} a burst of {meeting.spiky} ({threads(meeting.burst * 1000)}) is "
        f"{meeting.share:.0%} of the server, {threads(meeting.free * 1000)} are idle; "
        f"at stake: {threads(meeting.stake * 1000)}"
    )


def bursts(side: Side, scope: Scope) -> Reading:
    """What bursts can take from protected services at worst, threads."""
    found = list(meetings(side, scope.subjects))
    if not found:
        return Reading(text="no burst reaches what the policy protects", figure=0.0)
    stake = sum(meeting.stake for meeting in found)
    worst = max(found, key=lambda meeting: (meeting.stake, meeting.server))
    short = max(0.0, worst.burst - worst.free)
    left = f", {threads(short * 1000)} more than is idle" if short else ", idle in ordinary times"
    return Reading(
        text=f"a burst of {worst.spiky} is {worst.share:.0%} of {worst.server}{left}; "
        f"at stake: {threads(stake * 1000)}",
        figure=stake,
        details={"burst": worst.burst, "share": worst.share, "idle": worst.free},
        lines=tuple(map(_weighed, found)),
    )


def _spiky(side: Side, name: str, ask: Ask) -> bool:
    return side.services[name].load.spiky and ask.burst > 0
