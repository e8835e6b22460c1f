"""age (https://age-encryption.org, Debian's package, 1.1): files that only key holders can open.

What is secret goes through pipes and stays in memory; what age writes is encrypted. age asks for a
passphrase on a terminal and nowhere else, so it is given one of its own, on which we answer.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quorate.errors import CommandError, MachineError
from quorate.tools.command import last_lines, resolve

SECONDS = 300.0
PIECE = 4096
TERMINAL = 'exec 3<>"$1"; shift; exec "$@" 3>&-'
"""A session's leader that opens a terminal has it as its own (credentials(7)); `/dev/tty` is it."""

ASKS_AGAIN = b"Confirm passphrase"
ASKS = b"Enter passphrase"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who can open a file: holders of these keys, or, with none, who knows the passphrase.

    `recipients` are age's (`age1…`) or ssh public keys. age takes no passphrase beside them.
    """

    recipients: tuple[str, ...] = ()
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Key:
    """What opens a file: a file with a private key, or the passphrase."""

    identity: Path | None = None
    passphrase: str = field(default="", repr=False)


def encrypt(data: bytes, into: Path, lock: Lock, *, timeout: float = SECONDS) -> None:
    """Write `data`, encrypted, into a file of mode 0600, in one move.

    Raises:
        CommandError: age is not installed, refuses a recipient, or failed; then the file is as
            it was.
        MachineError: it cannot be written there.
    """
    try:
        made, name = tempfile.mkstemp(prefix=f".{into.name}.", suffix=".draft", dir=into.parent)
    except OSError as error:
        raise _unwritten(into, error) from error
    draft = Path(name)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(_encrypted(data, lock, timeout))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(into)
    except OSError as error:
        raise _unwritten(into, error) from error
    finally:
        draft.unlink(missing_ok=True)


def sealed(data: bytes, lock: Lock, *, timeout: float = SECONDS) -> bytes:
    """`data`, encrypted, in memory.

    Raises:
        CommandError: age is not installed, refuses a recipient, or failed.
    """
    return _encrypted(data, lock, timeout)


def _encrypted(data: bytes, lock: Lock, timeout: float) -> bytes:
    if lock.recipients:
        argv = ["--encrypt", *(f"--recipient={one}" for one in lock.recipients)]
        return _run(argv, data, "", timeout)
    return _run(["--encrypt", "--passphrase"], data, lock.passphrase, timeout)


def decrypt(path: Path, key: Key, *, timeout: float = SECONDS) -> bytes:
    """What is in a file.

    Raises:
        CommandError: the key does not open it, or it is damaged.
    """
    argv = ["--decrypt"]
    if key.identity is not None:
        argv.append(f"--identity={key.identity}")
    return _run([*argv, "--", str(path)], b"", key.passphrase, timeout)


def _unwritten(path: Path, error: OSError) -> MachineError:
    return MachineError(
        f"{path} cannot be written: {error.strerror or error}",
        todo="name a file in a directory that is there and yours",
    )


def _run(arguments: Sequence[str], data: bytes, passphrase: str, timeout: float) -> bytes:
    """age's output; what it is given and what it gives is in no file and in no argument."""
    argv = [resolve("age", package="age"), *arguments]
    with _terminal(passphrase) as place:
        command = ["/bin/sh", "-c", TERMINAL, "sh", place, *argv] if place else argv
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                out, said = process.communicate(data, timeout=timeout)
            except subprocess.TimeoutExpired as error:
                raise CommandError(f"age did not end within {timeout:.0f} s") from error
            finally:
                process.kill()
    if process.returncode != 0:
        raise CommandError(
            f"age ended with exit code {process.returncode}",
            cause=_plain(said, passphrase) or None,
            todo="check the key, and that the file is whole",
        )
    return out


def _plain(said: bytes, passphrase: str) -> str:
    """age's words, without its advertisement of where to report."""
    lines = last_lines(said.decode(errors="replace")).splitlines()
    text = "; ".join(
        line.removeprefix("age: ") for line in lines if "report unexpected" not in line
    )
    return text.replace(passphrase, "•••") if passphrase else text


@contextmanager
def _terminal(passphrase: str) -> Iterator[str]:
    """A terminal on which each question for a passphrase is answered; its path, empty for none."""
    if not passphrase:
        yield ""
        return
    ours, theirs = pty.openpty()
    ended = threading.Event()
    answering = threading.Thread(target=_answer, args=(ours, passphrase, ended), daemon=True)
    answering.start()
    try:
        yield os.ttyname(theirs)
    finally:
        ended.set()
        answering.join()
        os.close(theirs)
        os.close(ours)


def _answer(ours: int, passphrase: str, ended: threading.Event) -> None:
    """Once when asked, once more when asked to confirm; what is asked then stays unanswered."""
    heard, answered = b"", 0
    deadline = time.monotonic() + SECONDS
    while not ended.is_set() and time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.05)[0]:
            continue
        try:
            heard += os.read(ours, PIECE)
        except OSError:  # the other end is closed
            return
        asked = (ASKS in heard) + (ASKS_AGAIN in heard)
        while answered < asked:
            os.write(ours, passphrase.encode() + b"\n")
            answered += 1
