"""The steps scenarios are written in. Each has a deadline, and looks at the swarm itself."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quorate.deploy.lock import holder
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from tests.scenarios import live

if TYPE_CHECKING:
    import subprocess

    from tests.scenarios.conftest import Office

UP_SECONDS = 240.0
"""An `up` of the shop takes about 20 s on an idle machine."""

INTERRUPTED = 130
RELEASED_SERVICES = 4  # in fleets/shop/shop.yaml


def planned_homes(office: Office) -> live.Homes:
    """Swarm name → servers, as planned."""
    services = office.json("plan", str(office.fleet))["services"].values()
    return {f"{s['stack']}_{s['name']}": tuple(sorted(s["homes"])) for s in services}


def up(
    office: Office, *arguments: str, code: int = 0, environment: dict[str, str] | None = None
) -> str:
    """`quorate up`, and what it said: its progress, preview and result."""
    done = office.quorate(
        *("up", str(office.fleet), "--lab", "--yes", *arguments),
        timeout=UP_SECONDS,
        code=code,
        environment=environment,
    )
    return done.stderr + done.stdout


def given_deployed(office: Office) -> Snapshot:
    """Everything runs at home, in the version the files give."""
    if not is_deployed(office):
        up(office)
    return then_all_at_home(office)


def is_deployed(office: Office) -> bool:
    """Whether a former scenario left it so: all there, of release 1 where there are releases."""
    try:
        seen = live.snapshot(office)
    except QuorateError:  # no swarm yet
        return False
    images = [service.image for service in seen.services]
    texts = [str(service.spec) for service in seen.services]
    return (
        live.running(seen) == planned_homes(office)
        and sum("RELEASE=1'" in text for text in texts) == RELEASED_SERVICES
        and any("shop/api:1.0" in image for image in images)
    )


def then_all_at_home(office: Office) -> Snapshot:
    """Each service runs on its planned servers, and nothing runs twice."""
    seen = live.snapshot(office)
    assert live.running(seen) == planned_homes(office)
    then_nothing_is_duplicated(seen)
    return seen


def then_nothing_is_duplicated(seen: Snapshot) -> None:
    """No service has more tasks that are meant to run than replicas, and no lock is left."""
    running = live.running(seen)
    for name, tasks in live.meant_to_run(seen).items():
        assert len(tasks) == len(running[name]), f"{name}: {tasks}"
    names = [service.name for service in seen.services]
    assert len(names) == len(set(names))


def then_no_lock_is_left(office: Office) -> None:
    """Nobody holds the fleet's lock."""
    with live.connected(office) as connections:
        assert holder(connections.manager().client) is None


def movable_on(fleet: Fleet, seen: Snapshot, server: str) -> dict[str, int]:
    """Swarm name → wanted tasks, of the services with tasks on a server that may run elsewhere."""
    where = live.running(seen)
    return {
        service.swarm_name: len(where[service.swarm_name])
        for service in fleet.swarm_services()
        if server in where[service.swarm_name]
        and not service.mode.value.startswith("global")
        and service.movable
        and set(service.pins) != {server}
    }


@contextmanager
def without_power(office: Office, server: str) -> Iterator[float]:
    """The server is off during the block, and on again after it; gives the moment (monotonic)."""
    office.quorate("lab", "power-off", server, str(office.fleet), timeout=120)
    try:
        yield time.monotonic()
    finally:
        office.quorate("lab", "power-on", server, str(office.fleet), timeout=180)


def then_they_run_elsewhere(
    office: Office, wanted: dict[str, int], *, lost: str, within: float
) -> float:
    """All of them have all their tasks running, none on the lost server; seconds it took."""

    def holds(seen: Snapshot) -> bool:
        where = live.running(seen)
        return all(
            len([place for place in where[name] if place != lost]) >= count
            for name, count in wanted.items()
        )

    return live.wait_until(office, holds, within=within, without=lost)[1]


def when_it_says(process: subprocess.Popen[str], words: str, *, within: float = 120.0) -> str:
    """Read a running verb's progress up to a line with these words; all lines until then."""
    assert process.stderr is not None
    deadline = time.monotonic() + within
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
        assert time.monotonic() < deadline, f"{words!r} was not said within {within} s:\n{said}"
    raise AssertionError(f"it ended with {process.wait()} before it said {words!r}:\n{said}")


def begun(process: subprocess.Popen[str], *, after: int, within: float) -> int | None:
    """Read a running operation's progress up to a step beyond that one; its number, from 1.

    None: it ended without another.
    """
    assert process.stderr is not None
    deadline = time.monotonic() + within
    for line in process.stderr:
        found = re.search(r"step (\d+) of \d+", line)
        if found and int(found[1]) > after:
            return int(found[1])
        assert time.monotonic() < deadline, f"no step after {after} within {within} s"
    return None


def its_end(process: subprocess.Popen[str], *, within: float = UP_SECONDS) -> tuple[int, str]:
    """Wait for a running verb; its exit code and what it still said."""
    assert process.stderr is not None
    # Not `communicate`: it would pass over what the reader of lines has in hand.
    with process.stderr, killed_after(process, within):
        said = process.stderr.read()
        return process.wait(), said


def ended(process: subprocess.Popen[str]) -> None:
    """See that a running verb is gone, stopped or not, however its test ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Fail when the process has not ended by itself within the time."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
        assert timer.is_alive(), f"it had not ended after {seconds:.0f} s"
    finally:
        timer.cancel()
