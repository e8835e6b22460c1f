"""What settings come to on one deployed plan: losses followed, freezes drawn."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from statistics import fmean

from quorate.fleet.model import Fleet, Role
from quorate.fleet.quantities import write_duration
from quorate.plan.model import Plan
from quorate.plan.scene import scene
from quorate.predict.behaviours import behaviours, timing
from quorate.predict.losses import Losses
from quorate.predict.predict import leaders
from quorate.predict.tune_model import Candidate, Cost, Edit, Freeze, Recovery, Settings
from quorate.swarm.detect import noticed_after
from quorate.swarm.failure import Course
from quorate.swarm.timing import START_INTERVAL_ENGINE, Behaviour, Timing

FREEZES = (1.0, 2.0, 5.0, 10.0)
"""How long a server stands still: a disk that hangs, a machine that is moved, memory that swaps."""

DRAWS = 4000
"""Moments at which a server stops; a share is right within a hundredth or two."""

RARELY = 0.05
"""After so few of the losses of managers a server that is there may be taken for lost too."""

MOST = 16
"""Servers lost, one after the other; of a larger fleet those with most tasks, and the managers."""

DOCKER = Settings(heartbeat=Timing().heartbeat, delay=Behaviour().delay)
"""What Swarm does where nothing is said."""


@dataclass(kw_only=True)
class _Seen:
    """Of all losses: until all answers, each with its weight; each failure's 95th percentile.

    `misled`: by role, for each course of a manager's loss which share of the servers that are there
    is taken for lost, each with its weight.
    """

    times: list[tuple[float, float]] = field(default_factory=list)
    highs: dict[str, float] = field(default_factory=dict)
    noticed: list[float] = field(default_factory=list)
    misled: dict[Role, list[tuple[float, float]]] = field(default_factory=dict)


class Bench:
    """Settings tried on one deployed plan.

    `found`: all that was tried, each once however it was asked for. `delay`: the services' mean
    restart delay as it is, in seconds.
    """

    def __init__(
        self, fleet: Fleet, plan: Plan, *, tolerate: float, seed: int, courses: int
    ) -> None:
        self.fleet, self.start = fleet, scene(fleet, plan)
        self.tolerate, self.seed, self.courses = tolerate, seed, courses
        self.present = Settings(heartbeat=fleet.swarm.heartbeat)
        self.clock, self.manners = timing(fleet), behaviours(fleet)
        delays = [manner.delay for manner in self.manners.values()]
        self.delay = fmean(delays) if delays else Behaviour().delay
        self.costs = tuple(self._costs())
        self._failures = list(self._losses())
        self._found: dict[tuple[float, tuple[Behaviour, ...]], Candidate] = {}
        self._moving: set[str] = set()

    @property
    def found(self) -> tuple[Candidate, ...]:
        return tuple(self._found.values())

    def measure(self, settings: Settings) -> Candidate:
        """What settings come to; those that come to the same are one candidate."""
        manners = {name: _changed(manner, settings) for name, manner in self.manners.items()}
        key = (settings.heartbeat, tuple(manners.values()))
        if key not in self._found:
            clock = replace(self.clock, heartbeat=settings.heartbeat)
            self._found[key] = self._candidate(settings, clock, manners)
        return self._found[key]

    def edits(self, settings: Settings) -> Iterator[Edit]:
        """The lines that settings take, for services that a loss was seen to move."""
        if settings.heartbeat != self.present.heartbeat:
            line = f"swarm: {{heartbeat: {write_duration(settings.heartbeat)}}}"
            yield Edit(file=self.fleet.path.name, line=line)
        moving = {name: self.manners[name] for name in self.manners if name in self._moving}
        changed = {name: _changed(manner, settings) for name, manner in moving.items()}
        late = tuple(name for name in moving if changed[name].delay != moving[name].delay)
        if settings.delay is not None and late:
            line = f"deploy: {{restart_policy: {{delay: {write_duration(settings.delay)}}}}}"
            yield Edit(file="compose files", line=line, services=late)
        rare = tuple(name for name in moving if changed[name].health != moving[name].health)
        if settings.start_interval is not None and rare:
            line = f"healthcheck: {{start_interval: {write_duration(settings.start_interval)}}}"
            yield Edit(file="compose files", line=line, services=rare)

    def assumed(self) -> Iterator[str]:
        """What was left out of the comparison, in words."""
        if len(self.fleet.servers) > MOST:
            yield (
                f"only the {MOST} servers with most tasks and the managers are lost, of "
                f"{len(self.fleet.servers)}"
            )
        checked = any(m.health and m.health.start_period for m in self.manners.values())
        if checked and not self.knows_start_interval:
            first = ".".join(map(str, START_INTERVAL_ENGINE))
            yield (
                f"health checks stay as they are: `start_interval` needs engines from {first} on "
                "(`swarm.minimum_engine`)"
            )

    @property
    def knows_start_interval(self) -> bool:
        return self.fleet.swarm.engine >= START_INTERVAL_ENGINE

    def _candidate(
        self, settings: Settings, clock: Timing, manners: Mapping[str, Behaviour]
    ) -> Candidate:
        seen = self._see(
            Losses(self.start, seed=self.seed, courses=self.courses, clock=clock, manners=manners)
        )
        # The beat before a freeze is less than a period ago, and no period is shorter.
        stands = max(0.0, (clock.grace - 1) * (clock.heartbeat - clock.spread))
        # Of one role all are alike to the model; what befalls one is what counts, not how many.
        misled = max((_mean(shares) for shares in seen.misled.values()), default=0.0)
        return Candidate(
            name=self._name(settings),
            settings=settings,
            noticed=round(fmean(seen.noticed), 2) if seen.noticed else None,
            recovery=_recovery(seen),
            stands=round(stands, 2),
            freezes=tuple(self._freezes(clock)),
            misled=round(misled, 3),
            tolerated=stands >= self.tolerate and misled <= RARELY,
        )

    def _see(self, losses: Losses) -> _Seen:
        seen = _Seen()
        for server, leader, weight in self._failures:
            courses = losses.follow((server,), leader=leader)
            times = [
                max(back)
                for each in losses.answers((server,), courses)
                if (back := [at for at in each.values() if at < inf])
            ]
            if times:
                name = server if leader != server else f"{server}, leading"
                seen.highs[name] = round(_high([(at, 1.0) for at in times], 0.95 * len(times)), 2)
                seen.times += [(at, weight) for at in times]
            self._look(seen, courses, server, weight, leads=leader == server)
            self._moving |= {
                task.service
                for course in courses
                for task in course.moved
                if task.to and task.lost_on == server
            }
        return seen

    def _look(
        self, seen: _Seen, courses: list[Course], lost: str, weight: float, *, leads: bool
    ) -> None:
        """What the managers saw of a loss, rightly or not."""
        is_manager = self.fleet.server(lost).role is Role.MANAGER
        roles = {server.name: server.role for server in self.fleet.servers if server.name != lost}
        number = Counter(roles.values())
        for course in courses:
            found = course.detection
            if found.leader is None:
                continue
            if not leads and lost in found.down:
                seen.noticed.append(found.down[lost])
            wrong = Counter(roles[name] for name in found.misled)
            for role in number if is_manager else ():
                seen.misled.setdefault(role, []).append((wrong[role] / number[role], weight))

    def _freezes(self, clock: Timing) -> Iterator[Freeze]:
        """The share of freezes of each length that raise an alarm."""
        random = Random(f"{self.seed} freezes")
        enough = sorted(noticed_after(random, clock) for _ in range(DRAWS))
        for seconds in sorted({*FREEZES, self.tolerate}):
            share = bisect_left(enough, seconds) / DRAWS
            yield Freeze(seconds=seconds, alarm=round(share, 3))

    def _losses(self) -> Iterator[tuple[str, str, float]]:
        """A server, who leads when it is lost, and how likely that is."""
        managers = max(1, len(self.fleet.managers))
        most = {cost.server for cost in self.costs[:MOST]}
        for server in self.fleet.servers:
            if server.name not in most and server.role is not Role.MANAGER:
                continue
            for leader in leaders(self.fleet, (server.name,)):
                follows = 1 - 1 / managers if server.role is Role.MANAGER else 1.0
                yield server.name, leader, 1 / managers if leader == server.name else follows

    def _costs(self) -> Iterator[Cost]:
        start = self.start
        tasks = {
            server.name: sum(
                start.homes[name][number]
                for name in start.at[number]
                if name in start.replaced or name in start.everywhere
            )
            for number, server in enumerate(self.fleet.servers)
        }
        for server in sorted(tasks, key=lambda name: -tasks[name]):
            yield Cost(server=server, tasks=tasks[server])

    def _name(self, settings: Settings) -> str:
        if settings == self.present:
            return "as it is"
        calm = all(_changed(m, settings).delay == DOCKER.delay for m in self.manners.values())
        if (settings.heartbeat, settings.start_interval) == (DOCKER.heartbeat, None) and calm:
            return "Docker's defaults"
        words = []
        if settings.heartbeat != self.present.heartbeat:
            words.append(f"heartbeat {write_duration(settings.heartbeat)}")
        if settings.delay is not None:
            words.append(f"restart delay {write_duration(settings.delay)}")
        if settings.start_interval is not None:
            words.append(f"probes every {write_duration(settings.start_interval)}")
        return ", ".join(words)


def _changed(manner: Behaviour, settings: Settings) -> Behaviour:
    """A service's manner with other settings; a quicker probe of its own is left to it."""
    if settings.delay is not None:
        manner = replace(manner, delay=settings.delay)
    health, every = manner.health, settings.start_interval
    if every is not None and health and health.start_period and health.start_interval > every:
        manner = replace(manner, health=replace(health, start_interval=every))
    return manner


def _mean(shares: list[tuple[float, float]]) -> float:
    """The mean of values that have a weight each."""
    return sum(value * weight for value, weight in shares) / sum(weight for _, weight in shares)


def _recovery(seen: _Seen) -> Recovery | None:
    if not seen.times:
        return None
    total = sum(weight for _, weight in seen.times)
    worst = max(seen.highs, key=lambda name: seen.highs[name])
    return Recovery(
        mean=round(_mean(seen.times), 2),
        high=round(_high(seen.times, 0.95 * total), 2),
        worst=worst,
        worst_high=seen.highs[worst],
    )


def _high(times: list[tuple[float, float]], share: float) -> float:
    """The time that as much weight as `share` stays below."""
    passed = 0.0
    for at, weight in sorted(times):
        passed += weight
        if passed >= share:
            return at
    return max(at for at, _ in times)
