"""What a job says: progress and its answer as JSON lines, and words in its log; nothing secret."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from quorate.backup.jobs.model import Answer, Progress
from quorate.tools import clock, command
from quorate.tools.restic_answers import Progress as Seen

log = logging.getLogger("quorate.job")

EVERY_SECONDS = 1.0
"""A job of hours says this often how far it is: some hundred kilobytes of log an hour."""
FREE_TEXT = frozenset(("step", "findings", "differences", "what", "cause", "todo"))
"""Fields that hold words; the others hold names, ids and numbers, none of them secret."""


class Saying:
    """The job's voice. Threads may use it; what it is given as `secrets` is masked."""

    def __init__(self, out: IO[str], secrets: Sequence[str] = ()) -> None:
        self.secrets = tuple(secrets)
        self._out = out
        self._lock = threading.Lock()
        self._last: tuple[str, float] = ("", 0.0)
        self._closed = False

    def step(self, words: str) -> None:
        """A step begins."""
        log.info("%s", words)
        self._progress(Progress(step=words))

    def watch(self, step: str) -> Callable[[Seen], None]:
        """What to hand to restic, to be told of its progress in this step."""

        def heard(seen: Seen) -> None:
            self._progress(Progress(step=step, done=seen.done, total=seen.total, rate=seen.rate))

        return heard

    @contextmanager
    def growing(self, step: str, directory: Path) -> Iterator[None]:
        """Tell how large a directory has become, while a program in the block fills it."""
        self.step(step)
        done = threading.Event()
        began = clock.monotonic()

        def look() -> None:
            while not done.wait(EVERY_SECONDS):
                size = size_of(directory)
                rate = size / (clock.monotonic() - began)
                self._progress(Progress(step=step, done=size, rate=rate))

        watching = threading.Thread(target=look, daemon=True)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()

    def answer(self, answer: Answer) -> None:
        """The last word; what is said after it is not."""
        self._write(answer.model_dump(mode="json"), last=True)

    def _progress(self, said: Progress) -> None:
        step, at = self._last
        now = clock.monotonic()
        if step == said.step and now - at < EVERY_SECONDS:
            return
        self._last = (said.step, now)
        self._write(said.model_dump(mode="json"))

    def _write(self, said: dict[str, Any], *, last: bool = False) -> None:
        text = json.dumps(masked(said, self.secrets))
        with self._lock:
            if not self._closed:
                self._closed = last
                self._out.write(text + "\n")
                self._out.flush()


def size_of(directory: Path) -> int:
    """Bytes of the files below a directory, which may change meanwhile."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total


def masked(said: Any, secrets: Sequence[str], *, words: bool = False) -> Any:
    """The same JSON with every secret in its words replaced. Pure."""
    if isinstance(said, dict):
        return {key: masked(value, secrets, words=key in FREE_TEXT) for key, value in said.items()}
    if isinstance(said, list):
        return [masked(value, secrets, words=words) for value in said]
    return command.mask(said, secrets) if words and isinstance(said, str) else said


class Masked(logging.Formatter):
    """Log lines with secrets replaced, in tracebacks too."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return command.mask(super().format(record), self._secrets)
