"""What lived on a server that is lost, and what stands still until it is back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.backup.model import Kind
from quorate.backup.policy.sources import Planned, planned
from quorate.fleet.model import Fleet
from quorate.recover.runbook import still
from quorate.recover.runbook.projects import data_of
from quorate.recover.runbook.still import Still

SYSTEM = "system/"


@dataclass(frozen=True, kw_only=True)
class Lived:
    """`alone`: what lived there and nowhere else; `perhaps`: what nothing pins there."""

    fleet: Fleet
    server: str
    alone: tuple[Planned, ...]
    perhaps: tuple[Planned, ...]

    @classmethod
    def of(cls, fleet: Fleet, server: str) -> Lived:
        """By the fleet's files."""
        there = [one for one in planned(fleet) if server in one.source.servers]
        return cls(
            fleet=fleet,
            server=server,
            alone=tuple(
                one
                for one in there
                if len(one.source.servers) == 1 and not one.source.id.startswith(SYSTEM)
            ),
            perhaps=tuple(one for one in there if _loose(fleet, one)),
        )

    @property
    def held(self) -> tuple[Still, ...]:
        """What Swarm has stand still: what uses the data, and what needs it."""
        return still.by_swarm(self._held())

    @property
    def composed(self) -> tuple[str, ...]:
        """What runs by compose on servers that are left, and needs the data."""
        there = {one.name for one in self.fleet.stacks if one.server == self.server}
        return tuple(
            dict.fromkeys(
                one.service.id
                for one in self._held()
                if one.composed and one.service.stack not in there
            )
        )

    @property
    def kinds(self) -> dict[str, Kind]:
        """The databases among it, by their services."""
        return still.databases(self.fleet, [one.source for one in self.alone])

    @property
    def back(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What step 3 has of it, but for stacks by compose: before its databases run, and after."""
        composed = data_of(self.fleet)
        mine = [one.source for one in self.alone if one.policy is not None]
        mine = [one for one in mine if one.id not in composed]
        return (
            tuple(one.id for one in mine if one.kind not in still.RUNNING),
            tuple(one.id for one in mine if one.kind in still.RUNNING),
        )

    def _held(self) -> Iterator[Still]:
        for one in self.alone:
            yield from still.held(self.fleet, one.source, lost=True)


def _loose(fleet: Fleet, one: Planned) -> bool:
    users = [fleet.service(name) for name in still.users_of(fleet, one.source)]
    return len(one.source.servers) > 1 and any(still.loose(fleet, user) for user in users)
