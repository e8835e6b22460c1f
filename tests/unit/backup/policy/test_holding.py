"""What a repository holds, by its disk and by the fleet file."""

from __future__ import annotations

from quorate.backup.jobs.model import Holds
from quorate.backup.policy.holding import Held, held, takes
from quorate.fleet.backup import Repository
from quorate.fleet.base import SecretSource

DISK = Holds(stored=30, free=50, disk=100)


def repository(room: int | None = None) -> Repository:
    return Repository(name="near", place="local", room=room, password=SecretSource(environment="P"))


def test_without_a_limit_the_disk_counts() -> None:
    found = held(repository(), DISK)
    assert found == Held(stored=30, free=50, room=100)
    assert takes(found) == 80, "others are on its disk, too"


def test_the_smaller_of_both_is_free() -> None:
    assert held(repository(40), DISK) == Held(stored=30, free=10, room=40)
    assert held(repository(90), DISK) == Held(stored=30, free=50, room=90)
    assert held(repository(20), DISK).free == 0


def test_of_one_elsewhere_only_the_fleet_file_says_what_it_may_take() -> None:
    elsewhere = Holds(stored=30)
    assert held(repository(40), elsewhere) == Held(stored=30, free=10, room=40)
    unknown = held(repository(), elsewhere)
    assert unknown == Held(stored=30) and takes(unknown) is None


def test_what_nobody_measured_is_not_known() -> None:
    assert held(repository(), None) == Held()
    assert takes(held(repository(40), None)) == 40
