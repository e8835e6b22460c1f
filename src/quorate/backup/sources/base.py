"""What every kind of source can do, and the directory its dump lies in.

A dump is made in a spool and counts only when its manifest is there, which is
written last, after everything has been read back: whoever puts a spool into a
repository asks for the manifest first (`manifest`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy import manifests
from quorate.backup.policy.manifests import Restored
from quorate.errors import MachineError, RefusedError

MANIFEST = "manifest.json"
MARK = ".quorate-spool"
"""Says that a directory is a spool, so that what a killed dump left in it may go."""

DUMP_SECONDS = 6 * 3600.0
"""The longest that one step of a dump or a restore may take, unless told otherwise."""


class DumpedSource(Protocol):
    """A source that is copied by dumping it."""

    @property
    def kind(self) -> Kind: ...

    def dump(self, spool: Path) -> Manifest:
        """Dump into a directory, read it back, publish it.

        Raises:
            MachineError: something failed; then the spool is empty again.
        """
        ...

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Restore a dump into a scratch server, and look at what came of it.

        Args:
            directory: a published dump.
            place: where the scratch server's data goes.

        Raises:
            MachineError: it cannot be restored.
        """
        ...


def prove(source: DumpedSource, directory: Path, place: Path | None = None) -> tuple[str, ...]:
    """Restore a dump into a scratch server and say what is not as when it was dumped.

    Raises:
        MachineError: it is no complete dump, or cannot be restored.
    """
    return manifests.compare(manifest(directory), source.try_out(directory, place))


@contextmanager
def filling(spool: Path) -> Iterator[None]:
    """Have an empty directory for a dump, private to this user; empty it again on a failure.

    Raises:
        RefusedError: something is in it that no dump has left behind.
        MachineError: the directory cannot be made.
    """
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = {path.name for path in spool.iterdir()}
        if there and (MARK not in there or MANIFEST in there):
            raise RefusedError(
                f"{spool} is not empty; nothing was dumped",
                cause="it has a finished dump" if MANIFEST in there else "others may need it",
                todo="name an empty directory to spool the dump in",
            )
        _empty(spool)
        spool.chmod(0o700)
        (spool / MARK).touch()
    except OSError as error:
        raise MachineError(f"{spool} cannot be dumped into: {error.strerror}") from error
    try:
        yield
    except OSError as error:
        _empty(spool)
        raise MachineError(
            f"the dump into {spool} failed: {error.strerror or error}",
            todo="look at the disk of the spool, and dump again",
        ) from error
    except BaseException:
        _empty(spool)
        raise


def _empty(spool: Path) -> None:
    for path in spool.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def publish(spool: Path, made: Manifest) -> None:
    """Put the manifest beside a dump that was read back: from now on it counts.

    Raises:
        MachineError: there is no room, or the disk fails.
    """
    new = spool / f"{MANIFEST}.new"
    try:
        with new.open("w") as file:
            file.write(manifests.to_json(made))
            file.flush()
            os.fsync(file.fileno())
        new.replace(spool / MANIFEST)
    except OSError as error:
        raise MachineError(
            f"the manifest of {spool} could not be written: {error.strerror}"
        ) from error


def manifest(directory: Path) -> Manifest:
    """The manifest of a published dump.

    Raises:
        MachineError: there is none: the dump was never finished.
    """
    path = directory / MANIFEST
    try:
        return manifests.from_json(path.read_text())
    except (OSError, ValueError) as error:
        raise MachineError(
            f"{directory} is not a complete dump: it has no manifest that can be read",
            cause=str(error),
            todo="use another copy",
        ) from error
