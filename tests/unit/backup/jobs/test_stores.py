"""The network of backup work: made once, whenever the swarm was looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.names import NETWORK
from quorate.backup.jobs.stores import ensure_network
from quorate.deploy.networks import INTERNAL_OPTION
from quorate.fleet.observed import Snapshot


class FakeNetworks:
    """A swarm that has networks, and refuses a second one of the same name."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def networks(self) -> list[dict[str, Any]]:
        return self.made

    def create_network(self, name: str, *, options: dict[str, str], **said: Any) -> None:
        assert name not in [one["Name"] for one in self.made], f"{name} already exists"
        self.made.append(
            {
                "Id": name,
                "Name": name,
                "Driver": said["driver"],
                "Scope": said["scope"],
                "Attachable": said["attachable"],
                "Options": {**options, INTERNAL_OPTION: "4097"},
                "Labels": said["labels"],
            }
        )


def test_a_second_round_on_the_same_look_does_not_make_it_again() -> None:
    swarm = FakeNetworks()
    client: Any = SimpleNamespace(api=swarm)
    door = Door(lambda: client, print)
    before = Snapshot(taken_at=datetime(2026, 3, 1, tzinfo=UTC))
    for _ in range(2):
        ensure_network(door, before, fleet="office", encrypt=True)
    assert [one["Name"] for one in swarm.made] == [NETWORK]
