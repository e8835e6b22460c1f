"""What settings come to on one deployed plan: losses followed, freezes drawn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from statistics import fmean

from quorate.fleet.model import Fleet
from quorate.fleet.quantities import write_duration
from quorate.plan.model import Plan
from quorate.plan.scene import scene
from quorate.predict.behaviours import behaviours, own_delay, timing
from quorate.predict.losses import Losses
from quorate.predict.tune_losses import MOST, every, mean, recovery, see
from quorate.predict.tune_model import Candidate, Cost, Edit, Freeze, Settings
from quorate.swarm.detect import noticed_after
from quorate.swarm.timing import START_INTERVAL_ENGINE, Behaviour, Timing

FREEZES = (1.0, 2.0, 5.0, 10.0)
"""How long a server stands still: a disk that hangs, a machine that is moved, memory that swaps."""

DRAWS = 4000
"""Moments at which a server stops; a share is right within a hundredth or two."""

RARELY = 0.05
"""After so few of the losses of managers a server that is there may be taken for lost too."""

DOCKER = Settings(heartbeat=Timing().heartbeat, delay=Behaviour().delay)
"""What Swarm does where nothing is said."""


class Bench:
    """Settings tried on one deployed plan.

    `found`: all that was tried, each once however it was asked for. `delay`: the services' mean
    restart delay as it is, in seconds. `named`: those whose compose file names theirs.
    """

    def __init__(
        self, fleet: Fleet, plan: Plan, *, tolerate: float, seed: int, courses: int
    ) -> None:
        self.fleet, self.start = fleet, scene(fleet, plan)
        self.tolerate, self.seed, self.courses = tolerate, seed, courses
        self.present = Settings(heartbeat=fleet.swarm.heartbeat)
        self.clock, self.manners = timing(fleet), behaviours(fleet)
        self.named = {s.id for s in fleet.swarm_services() if own_delay(s) is not None}
        delays = [manner.delay for manner in self.manners.values()]
        self.delay = fmean(delays) if delays else Behaviour().delay
        self.costs = tuple(self._costs())
        managers = [server.name for server in fleet.managers]
        most = {cost.server for cost in self.costs[:MOST]}.union(managers)
        names = [server.name for server in fleet.servers]
        self._asked = list(every((name for name in names if name in most), managers))
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
            self._found[key] = self._candidate(settings, self.losses(settings))
        return self._found[key]

    def losses(self, settings: Settings) -> Losses:
        """The plan's losses under these settings."""
        return Losses(
            self.start,
            seed=self.seed,
            courses=self.courses,
            clock=replace(self.clock, heartbeat=settings.heartbeat),
            manners={name: _changed(manner, settings) for name, manner in self.manners.items()},
        )

    def swarm(self, settings: Settings) -> dict[str, str]:
        """What settings write into the fleet file's `swarm:`."""
        found = {}
        if settings.heartbeat != self.present.heartbeat:
            found["heartbeat"] = write_duration(settings.heartbeat)
        if settings.delay is not None and self._late(settings) - self.named:
            found["restart_delay"] = write_duration(settings.delay)
        return found

    def edits(self, settings: Settings) -> Iterator[Edit]:
        """The lines that settings take, for services that a loss was seen to move."""
        ours = self.swarm(settings)
        if ours:
            line = f"swarm: {{{', '.join(f'{key}: {value}' for key, value in ours.items())}}}"
            yield Edit(file=self.fleet.path.name, line=line)
        late = self._late(settings) & self.named
        if settings.delay is not None and late:
            line = f"deploy: {{restart_policy: {{delay: {write_duration(settings.delay)}}}}}"
            yield Edit(file="compose files", line=line, services=self._in_order(late))
        rare = {
            name
            for name in self._moving
            if _changed(self.manners[name], settings).health != self.manners[name].health
        }
        if settings.start_interval is not None and rare:
            line = f"healthcheck: {{start_interval: {write_duration(settings.start_interval)}}}"
            yield Edit(file="compose files", line=line, services=self._in_order(rare))

    def _late(self, settings: Settings) -> set[str]:
        """Services that a loss moves, and whose restart delay is another now."""
        return {
            name
            for name in self._moving
            if _changed(self.manners[name], settings).delay != self.manners[name].delay
        }

    def _in_order(self, names: set[str]) -> tuple[str, ...]:
        return tuple(name for name in self.manners if name in names)

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

    def _candidate(self, settings: Settings, losses: Losses) -> Candidate:
        clock, seen = losses.timing, see(losses, self._asked)
        self._moving |= seen.moving
        # The beat before a freeze is less than a period ago, and no period is shorter.
        stands = max(0.0, (clock.grace - 1) * (clock.heartbeat - clock.spread))
        # Of one role all are alike to the model; what befalls one is what counts, not how many.
        misled = max((mean(shares) for shares in seen.misled.values()), default=0.0)
        return Candidate(
            name=self._name(settings),
            settings=settings,
            noticed=round(fmean(seen.noticed), 2) if seen.noticed else None,
            recovery=recovery(seen),
            stands=round(stands, 2),
            freezes=tuple(self._freezes(clock)),
            misled=round(misled, 3),
            tolerated=stands >= self.tolerate and misled <= RARELY,
        )

    def _freezes(self, clock: Timing) -> Iterator[Freeze]:
        """The share of freezes of each length that raise an alarm."""
        random = Random(f"{self.seed} freezes")
        enough = sorted(noticed_after(random, clock) for _ in range(DRAWS))
        for seconds in sorted({*FREEZES, self.tolerate}):
            share = bisect_left(enough, seconds) / DRAWS
            yield Freeze(seconds=seconds, alarm=round(share, 3))

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
