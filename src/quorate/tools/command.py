"""The one door through which programs are run.

Argument lists only, never a shell string; the executable is resolved first, a
time limit always applies, and values named as secrets are masked in every
error and log line.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from quorate.errors import CommandError

log = logging.getLogger("quorate.command")

MASK = "•••"
KEPT_LINES = 1000
"""How many lines of a followed program's output are kept: it may run for hours."""

Spawned: TypeAlias = subprocess.Popen[bytes]
"""The handle of a long-lived program."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished program left behind; `seconds` is wall-clock time."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.code == 0


def resolve(program: str, *, package: str | None = None) -> str:
    """Return the full path of `program`.

    Raises:
        CommandError: it is not on PATH.
    """
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        hint = f"install the package {package}" if package else f"install {program}"
        raise CommandError(f"{program} is not installed here", todo=f"{hint}, then retry")
    return found


def mask(text: str, secrets: Sequence[str]) -> str:
    """Replace each non-empty secret in `text`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text


def run(
    argv: Sequence[str],
    *,
    input: str | bytes | None = None,
    feed: Path | IO[bytes] | None = None,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
    secrets: Sequence[str] = (),
) -> Result:
    """Run a program to its end and return what it printed.

    Args:
        argv: program and arguments; the program is looked up on PATH.
        input: standard input; None gives an empty one, never the terminal's.
        feed: a file or a pipe as standard input instead, however large.
        timeout: seconds until it is killed.
        env: added to this process's environment.
        cwd: working directory.
        check: raise on a non-zero exit code.
        secrets: values masked in errors and logs.

    Raises:
        CommandError: not installed, timed out, or (with `check`) failed.
    """
    program = resolve(argv[0])
    shown = mask(" ".join(argv), secrets)
    data = input.encode() if isinstance(input, str) else (input or b"")
    started = time.monotonic()
    try:
        with ExitStack() as stack:
            file = stack.enter_context(feed.open("rb")) if isinstance(feed, Path) else feed
            done = subprocess.run(
                [program, *argv[1:]],
                input=None if file else data,
                stdin=file,
                capture_output=True,
                timeout=timeout,
                env={**os.environ, **env} if env else None,
                cwd=cwd,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"`{shown}` did not end within {timeout:.0f} s", cause="it hangs or the machine is busy"
        ) from error
    except OSError as error:
        raise CommandError(f"`{shown}` could not be started: {error.strerror or error}") from error
    result = Result(
        argv=tuple(argv),
        code=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
        seconds=time.monotonic() - started,
    )
    log.debug("%s → %d in %.2f s", shown, result.code, result.seconds)
    if check and not result.ok:
        raise CommandError(
            f"`{shown}` ended with exit code {result.code}",
            cause=mask(last_lines(result.stderr or result.stdout), secrets) or None,
        )
    return result


def follow(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    timeout: float,
    input: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    secrets: Sequence[str] = (),
) -> Result:
    """Run a program to its end and hand over each line of its output as it comes.

    The result, whatever its exit code, holds the last `KEPT_LINES` lines of each
    output. The program is killed when `timeout` (s) is over, and when `on_line`
    raises or Ctrl-C is pressed. `input` is a file whose content it reads.

    Raises:
        CommandError: not installed, or timed out.
    """
    shown = mask(" ".join(argv), secrets)
    started = time.monotonic()
    out: deque[str] = deque(maxlen=KEPT_LINES)
    errors: deque[str] = deque(maxlen=KEPT_LINES)
    with _started(argv, input, env, cwd, shown) as process:
        assert process.stdout is not None and process.stderr is not None
        aside = threading.Thread(target=_keep, args=(process.stderr, errors), daemon=True)
        late = threading.Timer(timeout, process.kill)
        aside.start()
        late.start()
        try:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip("\n")
                out.append(line)
                on_line(line)
            process.wait()
        finally:
            overdue = not late.is_alive()
            late.cancel()
            process.kill()
            process.wait()
            aside.join(timeout=5.0)  # a grandchild may hold the pipe
    seconds = time.monotonic() - started
    log.debug("%s → %d in %.2f s", shown, process.returncode, seconds)
    if overdue and process.returncode < 0:
        raise CommandError(
            f"`{shown}` did not end within {timeout:.0f} s", cause="it hangs or the machine is busy"
        )
    return Result(
        argv=tuple(argv),
        code=process.returncode,
        stdout="\n".join(out),
        stderr="\n".join(list(errors)),
        seconds=seconds,
    )


@contextmanager
def _started(
    argv: Sequence[str],
    input: IO[bytes] | None,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    shown: str,
) -> Iterator[Spawned]:
    program = resolve(argv[0])
    try:
        process = subprocess.Popen(
            [program, *argv[1:]],
            stdin=input if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
        )
    except OSError as error:
        raise CommandError(f"`{shown}` could not be started: {error.strerror or error}") from error
    with process:
        yield process


def _keep(pipe: IO[bytes], lines: deque[str]) -> None:
    for raw in pipe:
        lines.append(raw.decode(errors="replace").rstrip("\n"))


def last_lines(text: str, count: int = 6) -> str:
    """The last non-empty lines of `text`, for an error message."""
    return "\n".join([line for line in text.strip().splitlines() if line.strip()][-count:])


def spawn(
    argv: Sequence[str],
    *,
    log_file: Path | None = None,
    env: Mapping[str, str] | None = None,
    tied: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a long-lived program in a session of its own and return its handle.

    Its output goes to `log_file` (appended) or nowhere. The caller ends it, and
    closes its `stdin` when it is `tied`: then its standard input stays open for
    as long as this process lives, so a program that ends with it never outlives us.

    Raises:
        FileNotFoundError: the directory of `log_file` is gone.
        CommandError: the program is not installed.
    """
    program = resolve(argv[0])
    out = log_file.open("ab") if log_file else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env} if env else None,
            start_new_session=True,
        )
    finally:
        if not isinstance(out, int):
            out.close()


def tell(program: Spawned, line: str) -> None:
    """Write a line to a tied program's standard input.

    Raises:
        CommandError: it has ended.
    """
    try:
        if program.stdin is not None:
            program.stdin.write(line.encode() + b"\n")
            program.stdin.flush()
    except (BrokenPipeError, ValueError) as error:  # ValueError: it was let go
        raise CommandError("a program ended before it was told what to do") from error


def let_go(program: Spawned, *, patience: float) -> None:
    """Close a tied program's standard input and wait for its end.

    After `patience` seconds it is killed, and with it all that it started in its session.
    """
    if program.stdin is not None:
        with suppress(BrokenPipeError):  # it has ended, and left something unread
            program.stdin.close()
    try:
        program.wait(patience)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def replace_process(argv: Sequence[str]) -> None:
    """Become `argv` (for an interactive program such as a remote shell); never returns."""
    program = resolve(argv[0])
    os.execv(program, [program, *argv[1:]])
