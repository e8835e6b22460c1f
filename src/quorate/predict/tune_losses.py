"""The loss of each server of a fleet followed, and what all of them come to together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from quorate.fleet.model import Role
from quorate.predict.losses import Losses
from quorate.predict.predict import leaders
from quorate.predict.tune_model import Recovery
from quorate.swarm.failure import Course

MOST = 16
"""Servers lost, one after the other; of a larger fleet those with most tasks, and the managers."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A server, who leads when it is lost, and how likely that is."""

    server: str
    leader: str
    weight: float

    @property
    def leads(self) -> bool:
        return self.server == self.leader

    @property
    def name(self) -> str:
        return f"{self.server}, leading" if self.leads else self.server


@dataclass(kw_only=True)
class Seen:
    """Of all losses: until all answers, each with its weight; each failure's 95th percentile.

    `quiet`: the weight of those after which nothing comes back by itself, mostly as nothing stops.
    `noticed`: until a server is taken for lost that did not lead. `misled`: by role, for each
    course of a manager's loss which share of the servers that are there is taken for lost, each
    with its weight. `moving`: the services of which a task was replaced.
    """

    times: list[tuple[float, float]] = field(default_factory=list)
    highs: dict[str, float] = field(default_factory=dict)
    quiet: float = 0.0
    noticed: list[float] = field(default_factory=list)
    misled: dict[Role, list[tuple[float, float]]] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)


def fullest(losses: Losses) -> list[str]:
    """The servers with most services, of a small fleet all."""
    number = {name: len(at) for name, at in zip(losses.nodes, losses.start.at, strict=True)}
    return sorted(number, key=lambda name: -number[name])[:MOST]


def every(servers: Iterable[str], managers: Sequence[str]) -> Iterator[Lost]:
    """Each of these servers, lost while it leads and while another does; each server as likely."""
    share = 1 / max(1, len(managers))
    for name in servers:
        for leader in leaders(managers, (name,)):
            follows = 1 - share if name in managers else 1.0
            yield Lost(server=name, leader=leader, weight=share if leader == name else follows)


def see(losses: Losses, asked: Iterable[Lost]) -> Seen:
    """Follow each of these losses."""
    seen = Seen()
    for one in asked:
        courses = losses.follow((one.server,), leader=one.leader)
        answers = [each.values() for each in losses.answers((one.server,), courses)]
        times = [max(back) for each in answers if (back := [at for at in each if at < inf])]
        seen.quiet += one.weight * (len(answers) - len(times))
        if times:
            seen.highs[one.name] = high([(at, 1.0) for at in times], 0.95)
            seen.times += [(at, one.weight) for at in times]
        _look(seen, courses, one, losses)
        seen.moving |= {
            task.service
            for course in courses
            for task in course.moved
            if task.to and task.lost_on == one.server
        }
    return seen


def _look(seen: Seen, courses: list[Course], one: Lost, losses: Losses) -> None:
    """What the managers saw of a loss, rightly or not."""
    roles = {s.name: s.role for s in losses.fleet.servers if s.name != one.server}
    number = Counter(roles.values())
    for course in courses:
        found = course.detection
        if found.leader is None:
            continue
        if not one.leads and one.server in found.down:
            seen.noticed.append(found.down[one.server])
        wrong = Counter(roles[name] for name in found.misled)
        for role in number if one.server in losses.managers else ():
            seen.misled.setdefault(role, []).append((wrong[role] / number[role], one.weight))


def mean(values: Sequence[tuple[float, float]]) -> float:
    """The mean of values that have a weight each."""
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


def high(values: Sequence[tuple[float, float]], share: float) -> float:
    """The value that this share of the weight stays below."""
    enough, passed = share * sum(weight for _, weight in values), 0.0
    for value, weight in sorted(values):
        passed += weight
        if passed >= enough:
            return value
    return max(value for value, _ in values)


def recovery(seen: Seen) -> Recovery | None:
    """How long the loss of a server takes that stops something; None where none does."""
    if not seen.times:
        return None
    worst = max(seen.highs, key=lambda name: seen.highs[name])
    return Recovery(
        mean=round(mean(seen.times), 2),
        high=round(high(seen.times, 0.95), 2),
        worst=worst,
        worst_high=round(seen.highs[worst], 2),
    )
