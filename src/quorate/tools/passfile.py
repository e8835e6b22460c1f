"""Passwords go to programs in private files, never as arguments that `ps` shows to everybody."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_file(text: str, name: str = "secret") -> Iterator[Path]:
    """A file with `text` that only this user reads; gone after the block.

    It lies in memory where the system has a place for that.
    """
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="quorate-", dir=place) as directory:
        path = Path(directory) / name
        path.touch(mode=0o600)
        path.write_text(text)
        yield path
