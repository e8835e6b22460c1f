"""Looks that hang hold up no others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from quorate.drill import looks
from quorate.drill.looks import Looks
from quorate.errors import EngineError
from quorate.fleet.observed import Snapshot
from tests.unit.drill.shop import seen as snapshot

ENOUGH = 10.0
"""Seconds after which a test gives up."""


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < ends, "in vain"
        time.sleep(0.001)


class Swarm:
    """A stand-in that answers when it is let; its first look hangs."""

    def __init__(self) -> None:
        self.first = threading.Event()
        self.asked = 0
        self.old, self.new = snapshot(), snapshot()

    def look(self) -> Snapshot:
        self.asked += 1
        if self.asked > 1:
            return self.new
        self.first.wait(ENOUGH)
        return self.old


@pytest.fixture
def swarm() -> Iterator[Swarm]:
    made = Swarm()
    yield made
    made.first.set()


def test_a_look_that_hangs_is_overtaken_and_its_late_answer_left_out(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "HANGS_SECONDS", 0.0)
    found = Looks(swarm.look)
    answers: list[Snapshot] = []

    def more(enough: int) -> Callable[[], bool]:
        def taken() -> bool:
            answers.extend(answer for answer, _ in found.more())
            return len(answers) >= enough

        return taken

    until(more(1))
    assert not swarm.first.is_set()
    swarm.first.set()
    until(more(len(answers) + 5))
    assert all(answer is swarm.new for answer in answers)


def test_one_at_a_time_while_they_answer() -> None:
    together, most = 0, 0
    lock = threading.Lock()

    def look() -> Snapshot:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.002)
        with lock:
            together -= 1
        return snapshot()

    found = Looks(look)
    count = 0

    def enough() -> bool:
        nonlocal count
        count += len(list(found.more()))
        return count >= 5

    until(enough)
    assert most == 1


def test_an_engine_that_refuses_is_asked_again() -> None:
    asked = 0

    def look() -> Snapshot:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise EngineError("no leader")
        return snapshot()

    found = Looks(look)
    until(lambda: bool(list(found.more())))
    assert asked >= 3
