"""`quorate serve`: the controller's rounds, one after the other, until it is told to end.

APScheduler ticks: no two rounds at once, and after a standstill one, not all that were missed. A
round that hangs holds up neither the end nor `/healthz`, which tells of it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC

from quorate.alerts.controller_metrics import ACTIVE
from quorate.alerts.metrics import Sample
from quorate.errors import MachineError, QuorateError
from quorate.exporter import families
from quorate.fleet.model import Fleet
from quorate.fleet.own import PORT
from quorate.serving.controller import Controller
from quorate.serving.parts import Parts
from quorate.serving.samples import SHOWN
from quorate.tools import clock, exposition, web

LOOPBACK = "127.0.0.1"
EVERY_SECONDS = 15.0
STANDS_SECONDS = 300.0
"""A round asks engines that may be slow to answer; one that takes longer has hung."""
END_SECONDS = 5.0
"""How long a round may go on when told to end."""
LOOK_SECONDS = 0.5

Say = Callable[[str], None]
Check = Callable[[], None]
Hold = Callable[[Say], AbstractContextManager[Check]]
"""Waits until no other controller decides; what it gives raises LockedError once one does."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where it listens, and its times in seconds."""

    host: str = LOOPBACK
    port: int = PORT
    every: float = EVERY_SECONDS
    stands: float = STANDS_SECONDS


def serve(fleet: Fleet, parts: Parts, hold: Hold, settings: Settings) -> None:
    """Decide for a fleet until Ctrl-C or SIGTERM.

    Raises:
        LockedError: another controller has taken over.
        MachineError: nothing can listen there.
    """
    board = exposition.Board()
    pulse = Pulse(settings.stands)

    def show(found: tuple[Sample, ...]) -> None:
        board.put(families(found, SHOWN))

    pages = {
        "/metrics": lambda: web.Page(body=board.text(), kind=exposition.KIND),
        "/healthz": pulse.page,
    }
    show((ACTIVE.sample(fleet.name, value=0),))
    with _ends_like_ctrl_c(), web.served(pages, settings.host, settings.port) as port:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        parts.say(f"serving {fleet.name} at http://{host}:{port}: /metrics, /healthz")
        with hold(parts.say) as check:
            pulse.begin()
            _repeat(Controller(fleet, parts, show), pulse, settings, check)


class Pulse:
    """Whether rounds end: what `/healthz` tells."""

    def __init__(self, stands: float) -> None:
        self.stands = stands
        self._last: float | None = None
        self._how = "waits for another controller to end"

    def begin(self) -> None:
        """Rounds begin now."""
        self.beat("has begun")

    def beat(self, how: str) -> None:
        """A round has ended; `how`, in words."""
        self._last, self._how = clock.monotonic(), how

    def page(self) -> web.Page:
        """200 while rounds end, or another controller decides; else 503."""
        last = self._last
        if last is None:
            return web.Page(body=f"ok: {self._how}\n")
        age = clock.monotonic() - last
        if age <= self.stands:
            return web.Page(body=f"ok: {self._how} {age:.0f} s ago\n")
        return web.Page(body=f"stands: no round has ended for {age:.0f} s\n", status=503)


class _Ticker:
    """Does rounds; `idle` is set between them."""

    def __init__(self, controller: Controller, pulse: Pulse) -> None:
        self.controller, self.pulse = controller, pulse
        self.ending = False
        self.idle = threading.Event()
        self.idle.set()

    def tick(self) -> None:
        """One round. A defect is raised: APScheduler writes its traceback and goes on."""
        if self.ending:
            return
        self.idle.clear()
        try:
            self.controller.round()
            self.pulse.beat("the last round ended")
        except QuorateError as error:
            self.controller.failed(error)
            self.pulse.beat(f"a round failed ({error.what})")
        finally:
            self.idle.set()


def _repeat(controller: Controller, pulse: Pulse, settings: Settings, check: Check) -> None:
    """Rounds in a thread of their own, until interrupted or the lock is lost."""
    from apscheduler.executors.debug import DebugExecutor
    from apscheduler.schedulers.base import SchedulerNotRunningError
    from apscheduler.schedulers.blocking import BlockingScheduler

    ticker = _Ticker(controller, pulse)
    # In the scheduler's own thread: its pools would be waited for when the program ends.
    scheduler = BlockingScheduler(timezone=UTC, executors={"default": DebugExecutor()})
    scheduler.add_job(
        ticker.tick,
        "interval",
        seconds=settings.every,
        next_run_time=clock.now(),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    thread = threading.Thread(target=scheduler.start, name="rounds", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            check()
            clock.sleep(LOOK_SECONDS)
        raise MachineError("the controller's rounds have ended by themselves", todo="restart it")
    finally:
        ticker.ending = True
        # The scheduler's lock is held during a round: one that hangs is left behind.
        if ticker.idle.wait(END_SECONDS):
            with contextlib.suppress(SchedulerNotRunningError):
                scheduler.shutdown(wait=False)
            thread.join(END_SECONDS)


@contextlib.contextmanager
def _ends_like_ctrl_c() -> Iterator[None]:
    """A service manager's SIGTERM ends the block as Ctrl-C does; neither is an error."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
