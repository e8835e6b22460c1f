"""A client program that is kept open and asked line by line, its answers read from a file.

What it holds (a transaction, a lock) it holds until it is closed: its input is
tied to this process, so that nothing is held any longer than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from quorate.errors import CommandError
from quorate.tools import command

POLL_SECONDS = 0.02
END_SECONDS = 10.0


class Session:
    """A program that reads statements and prints answers; use as a context manager."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        name: str,
        answers: Path,
        mark: Callable[[str], str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            name: what people call it, for errors.
            answers: the file for what it prints.
            mark: a statement that prints the word it is given, on a line of its own.

        Raises:
            CommandError: the program is not installed.
        """
        self.name, self.answers, self._mark = name, answers, mark
        answers.touch(mode=0o600)
        self._program = command.spawn(argv, log_file=answers, env=env, tied=True)
        self._asked = 0
        self._read = 0

    def ask(self, statements: str, *, timeout: float) -> list[str]:
        """The lines that `statements` print.

        Raises:
            CommandError: it ended (as clients do after an error, in their own words),
                or did not answer within `timeout` seconds.
        """
        self._asked += 1
        word = f"quorate-{self._asked}"
        try:
            command.tell(self._program, f"{statements}\n{self._mark(word)}")
        except CommandError:
            raise self._ended() from None
        deadline = time.monotonic() + timeout
        while True:
            over = self._program.poll() is not None
            lines = self.answers.read_bytes()[self._read :].decode(errors="replace").splitlines()
            if word in lines:
                self._read = self.answers.stat().st_size
                return lines[: lines.index(word)]
            if over:
                raise self._ended()
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{self.name} did not answer within {timeout:.0f} s",
                    cause="the server is busy, waits for a lock, or is gone",
                )
            time.sleep(POLL_SECONDS)

    def _ended(self) -> CommandError:
        said = self.answers.read_bytes()[self._read :].decode(errors="replace")
        return CommandError(f"{self.name} was ended", cause=command.last_lines(said) or None)

    def close(self) -> None:
        """Let it go, and with it what it held."""
        command.let_go(self._program, patience=END_SECONDS)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
