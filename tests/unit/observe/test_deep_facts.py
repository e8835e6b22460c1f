"""What servers print, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from quorate.observe.deep_facts import engine_clock, parse_disk, parse_raft
from quorate.observe.deep_model import Disk

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

DF = """Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda         263174212 25165824  81788928      25% /
-----BEGIN CERTIFICATE-----
"""


def test_a_file_system() -> None:
    assert parse_disk(DF, "/x") == Disk(path="/x", size=263174212 * 1024, free=81788928 * 1024)


@pytest.mark.parametrize("said", ["", "df: /x: Permission denied\n"])
def test_no_file_system(said: str) -> None:
    assert parse_disk(said, "/x") is None


@pytest.mark.parametrize(
    ("said", "size"),
    [
        (DF + "1204\t/var/lib/docker/swarm/raft\n", 1204 * 1024),
        (DF, None),
        ("du: cannot access '/var/lib/docker/swarm/raft': Permission denied\n", None),
    ],
)
def test_the_size_of_a_raft_log(said: str, size: int | None) -> None:
    assert parse_raft(said) == size


class Slow:
    """An engine that needs so many seconds (of the time it keeps) for each answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.asked, self.seconds, self.time = 0, seconds, 0.0
        monkeypatch.setattr("quorate.observe.deep_facts.clock.monotonic", lambda: self.time)

    @property
    def api(self) -> Slow:
        return self

    def info(self) -> dict[str, str]:
        self.asked += 1
        self.time += self.seconds
        return {"SystemTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(("seconds", "asked"), [(0.1, 3), (18.0, 1)])
def test_an_engine_that_answers_slowly_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, seconds: float, asked: int
) -> None:
    engine = Slow(monkeypatch, seconds)
    assert engine_clock(cast("DockerClient", engine), {})[1] is not None
    assert engine.asked == asked
