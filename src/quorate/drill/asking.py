"""All that asks and writes during one run: chosen, started, judged before, ended, read back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from quorate.drill import samples, vantage, writers, written
from quorate.drill.file import Steady
from quorate.drill.listening import Target, chosen
from quorate.drill.model import Probed, Written
from quorate.drill.setting import Setting
from quorate.drill.vantage import HOST, Plan, Probers
from quorate.drill.writers import Writers
from quorate.fleet.observed import Snapshot

WRITES_PER_SECOND = 5.0
"""To each service from each place, at most: each is one that a disk has to take."""
AFTER_SECONDS = 300.0
"""Probes go on for as long after the lease's end, unless they are ended."""

UNREAD = "unread.txt"
"""Beside the samples: why writes could not be read back."""


class Asking:
    """The probers and the writers of one run."""

    def __init__(
        self,
        setting: Setting,
        before: Snapshot,
        *,
        stay: Sequence[str],
        hit: Sequence[str],
        directory: Path,
    ) -> None:
        """Choose what is asked and from where.

        Args:
            before: the swarm before the run.
            stay: servers that are not hit.
            hit: services that are, the first to be asked first.
            directory: for what they see.

        Raises:
            UsageError: the drill names a service that cannot be asked or written to.
        """
        fleet, probes = setting.fleet, setting.drill.probes
        ground = setting.ground
        # Somebody's own databases are written to only where the drill says so.
        wanted = probes.writes if probes.writes is not None or ground.writes else ()
        stores = written.chosen(fleet, wanted, hit, upstream=ground.upstream)
        targets = chosen(fleet, probes.services, hit)
        asked = _plan(setting, before, targets, stay, probes.per_second)
        slower = min(probes.per_second, WRITES_PER_SECOND)
        wrote = _plan(setting, before, stores, stay, slower)
        reached = {number for server in wrote.vantages for number in wrote.asked(server)}
        self.unreached = tuple(t.service for n, t in enumerate(stores) if n not in reached)
        if self.unreached:
            left = tuple(target for target in stores if target.service not in self.unreached)
            wrote = _plan(setting, before, left, stay, slower)
        self.ground = ground
        self.directory = directory
        self.probers = Probers(self.ground, asked, directory)
        run = f"{setting.directory.name}:{directory.name}"
        self.writers = Writers(self.ground, wrote, directory, run)
        self._there: dict[int, frozenset[str] | None] = {}

    @property
    def stores(self) -> tuple[Target, ...]:
        """What is written to."""
        return self.writers.plan.targets

    @property
    def attached(self) -> dict[str, int]:
        """Server → how often its probers and writers join a network of the swarm's."""
        joined: dict[str, int] = {}
        for plan in (self.probers.plan, self.writers.plan):
            for server in plan.vantages:
                networks = [name for name in plan.networks[server] if name != HOST]
                joined[server] = joined.get(server, 0) + len(networks)
        return joined

    def start(self) -> None:
        """Start everything, and wait for first answers.

        Raises:
            LabError, MachineError: something does not start, or a server cannot have its image.
        """
        for plan in (self.probers.plan, self.writers.plan):
            self.ground.ready(plan.vantages, plan.image)
        self.probers.start()
        self.writers.start()

    def end(self) -> None:
        """End everything; read back what was written, and remove it."""
        self.probers.stop()
        self.writers.stop()
        self._there = writers.collect(self.ground, self._not_read)

    def _not_read(self, why: str) -> None:
        with (self.directory / UNREAD).open("a") as text:
            text.write(f"{why}\n")

    def unsteady(self, steady: Steady, *, since: float) -> list[str]:
        """What has not answered, or acknowledged, as it must before anything is broken."""
        found = []
        for server in self.probers.servers:
            seen = self.probers.recent(server, since=since)
            for number in self.probers.plan.asked(server):
                target = self.probers.plan.targets[number]
                share = samples.availability([s for s in seen if s.target == number])
                if share < steady.availability:
                    asked = f"{target.kind} {target.host}:{target.port} from {server}"
                    found.append(f"{target.service} answered {share:.0%} of probes ({asked})")
        return found + [
            f"{each.service} acknowledged {each.share:.0%} of writes"
            for each in self.written(began=since, ended=time.time(), only=since)
            if each.share < steady.availability
            and not (each.refused or each.service in self.unreached)
        ]

    def probed(self, *, began: float, ended: float, touched: frozenset[str]) -> tuple[Probed, ...]:
        """What probes saw; `touched` are the services that may notice something."""
        targets = self.probers.plan.targets
        bystanders = frozenset(target.service for target in targets) - touched
        return tuple(
            each
            for server in self.probers.servers
            for each in samples.probed(
                self.probers.samples(server),
                targets,
                vantage=server,
                began=began,
                ended=ended,
                bystanders=bystanders,
            )
            if each.sent
        )

    def written(self, *, began: float, ended: float, only: float = 0.0) -> tuple[Written, ...]:
        """What became of the writes due at `only` or later, as far as they are read back."""
        seen = [
            [write for write in self.writers.writes(server) if write.due >= only]
            for server in self.writers.servers
        ]
        found = written.written(self.stores, seen, self._there, began=began, ended=ended)
        return (*found, *(Written(service=name) for name in self.unreached))


def _plan(
    setting: Setting,
    before: Snapshot,
    targets: tuple[Target, ...],
    stay: Sequence[str],
    rate: float,
) -> Plan:
    drill, ground = setting.drill, setting.ground
    wanted = drill.probes.image or ground.image
    images = {service.id: service.image for service in setting.fleet.services}
    return Plan(
        targets=targets,
        networks=vantage.networks_of(before, targets, stay),
        image=wanted or (images[targets[0].service] if targets else ""),
        rate=rate,
        seconds=drill.steady.window + drill.lease + AFTER_SECONDS,
        drill=drill.drill,
        addresses=ground.addresses(before),
    )
