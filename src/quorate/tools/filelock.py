"""A lock between processes of this machine, held through an open file.

The kernel lets go of it when its holder ends, however it ends, so a killed
command never leaves the next one waiting.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.errors import LockedError

POLL_SECONDS = 0.1


@contextmanager
def hold(path: Path, *, what: str, timeout: float = 600.0) -> Iterator[None]:
    """Hold the lock `path` for the block; wait up to `timeout` seconds for it.

    Args:
        path: the lock file; made (with its directory) when missing, never removed.
        what: what the lock guards, for the error.

    Raises:
        LockedError: another process kept it for longer than `timeout`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise LockedError(
                        f"another quorate command is busy with {what}",
                        cause=f"it has held {path} for longer than {timeout:.0f} s",
                        todo="wait for it to end, then retry",
                    ) from error
                time.sleep(POLL_SECONDS)
        yield
