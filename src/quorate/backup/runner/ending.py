"""How a job ends before its time: told to, or at its deadline. Cleanly, and within seconds.

The handler of the signal ends every program that the job has started, then lets the job's own
steps clear up behind them. Where they do not come to an end, somebody else ends the job.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from quorate.backup.jobs.model import Trouble
from quorate.tools import process

CHILDREN_SECONDS = 2.5
"""How long programs get to end by themselves."""
CLEARING_SECONDS = 20.0
"""How long all of it may take: a service that was stopped has to be begun again, perhaps."""

SOONEST_SECONDS = 0.001
"""A timer of zero seconds would be none."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
DEADLINE_CODE = 6
TERMINATED_CODE = 143
INTERRUPTED_CODE = 130


class Over(BaseException):
    """The job ends now. No `except Exception` holds it up.

    Args:
        trouble: why, for the answer.
    """

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.what)
        self.trouble = trouble


class Ending:
    """Within the block, SIGTERM, Ctrl-C and the deadline end the job by raising `Over`.

    Args:
        deadline: seconds until it ends itself.
        last_words: told why where the job does not end by itself; then the process exits.
    """

    def __init__(self, deadline: float, last_words: Callable[[Trouble], None]) -> None:
        self._deadline = deadline
        self._last_words = last_words
        self._trouble: Trouble | None = None
        self._backstop: threading.Timer | None = None

    def __enter__(self) -> Ending:
        process.adopt_orphans()
        for number in SIGNALS:
            signal.signal(number, self._told)
        signal.setitimer(signal.ITIMER_REAL, max(self._deadline, SOONEST_SECONDS))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """From now on signals are too late: there is only the answer left to be said."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        process.end_descendants(patience=CHILDREN_SECONDS)
        if self._backstop is not None:
            self._backstop.cancel()

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self._trouble is not None:
            return
        self._trouble = why(number, self._deadline)
        self._backstop = threading.Timer(CLEARING_SECONDS, self._give_up, [self._trouble])
        self._backstop.daemon = True
        self._backstop.start()
        process.end_descendants(patience=CHILDREN_SECONDS)
        raise Over(self._trouble)

    def _give_up(self, trouble: Trouble) -> None:
        """Runs in a thread while the job's own is stuck."""
        process.end_descendants(patience=0.0)
        try:
            self._last_words(trouble)
        finally:
            os._exit(trouble.code)


def why(number: int, deadline: float) -> Trouble:
    """What a signal means. Pure."""
    if number == signal.SIGALRM:
        return Trouble(
            what=f"it was not done within its deadline of {deadline:.0f} s, and was ended",
            cause="the server or the repository is slow, hangs, or has more data than before",
            todo="look at how far it came; raise `deadline` of the source where it needs longer",
            reason="deadline",
            code=DEADLINE_CODE,
        )
    interrupted = number == signal.SIGINT
    return Trouble(
        what="it was told to end before it was done; nothing of it counts",
        cause="Ctrl-C" if interrupted else "its service was removed, or its server goes down",
        todo="run it again",
        reason="ended",
        code=INTERRUPTED_CODE if interrupted else TERMINATED_CODE,
    )
