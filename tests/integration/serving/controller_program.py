"""The real loop of `quorate serve` with fake jobs and a clock that runs ahead; run by tests.

Arguments: the fleet file, the mode (`plain`, `hang`: a round never ends, `wait`: another controller
holds the lock for ever, `lost`: it takes the lock over after a second).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quorate.errors import LockedError
from quorate.fleet.read import read_fleet
from quorate.serving.loop import Check, Say, Settings, serve
from tests.fakes.serving import FakeClock, FakeSwarm

START = datetime(2026, 6, 28, 18, tzinfo=UTC)


def main(fleet: str, mode: str) -> int:
    desired = read_fleet(Path(fleet), environment={"P": "x"})
    swarm = FakeSwarm(fleet=desired, clock=FakeClock(START, timedelta(minutes=10)))
    began = time.monotonic()
    if mode == "hang":
        swarm.hangs.set()

    def say(text: str) -> None:
        print(text, flush=True)

    def check() -> None:
        if mode == "lost" and time.monotonic() - began > 1:
            raise LockedError("the lock on this fleet was lost while working")

    @contextmanager
    def hold(tell: Say) -> Iterator[Check]:
        while mode == "wait":
            tell("waiting: somebody else decides")
            time.sleep(0.2)
        yield check

    parts = swarm.parts(say=say)
    try:
        serve(desired, parts, hold, Settings(port=0, every=0.05, stands=2.0))
    except LockedError as error:
        say(f"error: {error.what}")
        return error.exit_code
    say(f"ended after {len(swarm.started)} jobs")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
