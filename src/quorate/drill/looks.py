"""Looking at a swarm over and over, where any one look may hang."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from quorate.errors import EngineError
from quorate.fleet.observed import Snapshot

HANGS_SECONDS = 1.0
"""A look that takes longer has another one beside it."""
MOST = 24
"""Looks at the same time: without a leader each takes 20 s."""

Seen = tuple[Snapshot, float]


class Looks:
    """Looks begun one after the other; a new one does not wait for one that hangs."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look
        self._seen: queue.Queue[tuple[float, Snapshot, float]] = queue.Queue()
        self._going: list[tuple[threading.Thread, float]] = []
        self._latest = 0.0

    def more(self) -> Iterator[Seen]:
        """What was seen since the last call, and when (seconds since 1970); begins the next look.

        Of two looks the later begun is the newer: what an older one says after it is left out.
        """
        with suppress(queue.Empty):
            while True:
                begun, seen, at = self._seen.get_nowait()
                if begun > self._latest:
                    self._latest = begun
                    yield seen, at
        self._going = [each for each in self._going if each[0].is_alive()]
        now = time.monotonic()
        hangs = bool(self._going) and now - self._going[-1][1] >= HANGS_SECONDS
        if not self._going or (hangs and len(self._going) < MOST):
            thread = threading.Thread(target=self._once, args=(now,), daemon=True)
            self._going.append((thread, now))
            thread.start()

    def _once(self, begun: float) -> None:
        # While the managers elect a leader nothing can be seen.
        with suppress(EngineError):
            self._seen.put((begun, self._look(), time.time()))
