"""A part of a file, with something before and after it, as a program's standard input."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

MOST = 1 << 30
"""Bytes that one call may move."""


@contextmanager
def fed(
    path: Path, begin: int, end: int, *, before: bytes = b"", after: bytes = b""
) -> Iterator[IO[bytes]]:
    """What to give to a program: `before`, the file's bytes from `begin` to `end`, `after`.

    The kernel moves the bytes from the file into the pipe. A program that ends early is no error
    here: its own exit code tells.

    Raises:
        OSError: the file cannot be read, or is shorter than that; at the block's end.
    """
    ours, theirs = os.pipe()
    errors: list[OSError] = []

    def bring() -> None:
        try:
            with os.fdopen(theirs, "wb") as pipe, path.open("rb") as file:
                pipe.write(before)
                pipe.flush()
                _move(pipe, file, begin, end)
                pipe.write(after)
        except BrokenPipeError:
            pass
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=bring, daemon=True)
    with os.fdopen(ours, "rb", buffering=0) as pipe:
        thread.start()
        yield pipe
    # The last reader is gone: what still writes ends now.
    thread.join()
    if errors:
        raise errors[0]


def _move(pipe: IO[bytes], file: IO[bytes], begin: int, end: int) -> None:
    while begin < end:
        moved = os.sendfile(pipe.fileno(), file.fileno(), begin, min(MOST, end - begin))
        if moved == 0:
            raise OSError(f"{file.name} ends before byte {end}")
        begin += moved


def cuts(path: Path, end: int, count: int, mark: bytes = b"\n", *, begin: int = 0) -> list[int]:
    """Where to cut the bytes of a file from `begin` to `end` into about equal parts.

    Each cut is behind a mark; fewer where marks are far apart. `begin` and `end` are included.
    """
    found = [begin]
    with path.open("rb") as file:
        for number in range(1, count):
            at = begin + number * (end - begin) // count
            file.seek(max(at - len(mark), begin))
            with suppress(ValueError):
                found.append(_behind(file, mark, end))
    return sorted({*(at for at in found if at < end), end})


def _behind(file: IO[bytes], mark: bytes, end: int) -> int:
    """The first place behind a mark.

    Raises:
        ValueError: there is none before `end`.
    """
    while file.tell() < end:
        begin = file.tell()
        block = file.read(1 << 16)
        at = block.find(mark)
        if at >= 0:
            return begin + at + len(mark)
        if len(block) < len(mark):
            break
        # A mark may begin in this block and end in the next.
        file.seek(1 - len(mark), os.SEEK_CUR)
    raise ValueError
