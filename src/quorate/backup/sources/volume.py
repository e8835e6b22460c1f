"""A volume: its files as they lie, and SQLite files in it as SQLite copies them.

Names, holes, hard links, owners, modes, times and extended attributes are restic's to keep; the
manifest (`backup/filetree.py`) has them all, and a proof compares them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from quorate.backup import filetree
from quorate.backup.model import Kind, Manifest
from quorate.backup.sources import sqlite
from quorate.backup.sources.files import Files
from quorate.errors import MachineError, UsageError
from quorate.tools import clock

COPIES = "sqlite"
"""The directory of the spool that SQLite files are copied into, by their paths in the volume."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume as a source.

    `root` is a directory above both the volume and the spool (of a job: `/`), `data` the
    volume's path below it. `databases` are paths in the volume, or patterns of them: SQLite
    files that must be copied through SQLite. `still`: nothing writes to it meanwhile. Where
    something may, every SQLite file that is found goes through SQLite, named or not.
    """

    root: Path
    data: str
    databases: tuple[str, ...] = ()
    still: bool = False

    def take(self, spool: Path) -> Files:
        """Copy the SQLite files into the spool, and read all others for the manifest.

        Args:
            spool: an empty directory below `root`, with room for the SQLite files.

        Raises:
            UsageError: a database that is named is not a path in the volume.
            MachineError: the volume is not there, a database that is named cannot be copied,
                or a file cannot be read.
        """
        volume = self.root / self.data
        if not volume.is_dir():
            raise MachineError(
                f"there is no volume at {volume}",
                cause="it vanished, or is not mounted here",
                todo="check on which server the volume is now",
            )
        try:
            return self._taken(volume, spool)
        except OSError as error:
            raise MachineError(
                f"the volume at {volume} cannot be read: {error.filename or ''} {error.strerror}",
                todo="look at the file system of the volume and of the spool, then run it again",
            ) from error

    def _taken(self, volume: Path, spool: Path) -> Files:
        named = named_databases(volume, self.databases)
        found = () if self.still else tuple(_unnamed(volume, named))
        taken = clock.now()
        copies = {name: _copied(volume, name, spool) for name in named}
        plain = []
        for name in found:
            try:
                copies[name] = _copied(volume, name, spool)
            except (MachineError, FileNotFoundError):
                plain.append(name)  # made of a template, encrypted, damaged, or gone meanwhile
        left_out = tuple(
            f"{name}{beside}" for name in sorted(copies) for beside in ("", *sqlite.BESIDE)
        )
        parts = filetree.manifest_of(volume, left_out=frozenset(left_out), live=not self.still)
        manifest = self._with_copies(parts, copies)
        return Files(
            manifest=replace(manifest, findings=tuple(_findings(plain))),
            root=self.root,
            paths=(self.data, *([self._below(spool / COPIES)] if copies else ())),
            compared=self.data,
            taken=taken,
            left_out=tuple(f"{self.data}/{name}" for name in left_out),
        )

    def _with_copies(self, manifest: Manifest, copies: dict[str, Path]) -> Manifest:
        return replace(
            manifest,
            kind=Kind.VOLUME,
            parts=manifest.parts | {name: filetree.part_of(path) for name, path in copies.items()},
            put={f"{self.data}/{name}": self._below(path) for name, path in copies.items()},
        )

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def named_databases(volume: Path, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The paths in the volume that are named, or match what is named.

    Raises:
        UsageError: what is named leads out of the volume.
        MachineError: nothing is there under a name.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
            raise UsageError(
                f"`sqlite: {pattern}` leads out of the volume",
                todo="write the path as it is in the volume, `db/app.sqlite3`",
            )
        matching = [pattern] if (volume / pattern).is_file() else list(_matching(volume, pattern))
        for name in matching:
            if not (volume / name).resolve().is_relative_to(volume.resolve()):
                raise UsageError(f"`sqlite: {name}` is a link that leads out of the volume")
        if not matching:
            raise MachineError(
                f"there is no file {pattern} in the volume",
                cause="it was renamed, or its program has not made it yet",
                todo="correct `sqlite:` of this source in the fleet file",
            )
        found |= dict.fromkeys(str(PurePosixPath(name)) for name in matching)
    return tuple(found)


def _matching(volume: Path, pattern: str) -> Iterator[str]:
    for name in _files(volume):
        if fnmatchcase(name, pattern) and not name.endswith(sqlite.BESIDE):
            yield name


def _unnamed(volume: Path, named: tuple[str, ...]) -> Iterator[str]:
    """SQLite files that are not named, by their first bytes."""
    for name in _files(volume):
        if name not in named and sqlite.is_database(volume / name):
            yield name


def _files(volume: Path) -> Iterator[str]:
    for directory, inner, names in os.walk(volume):
        inner.sort()
        for name in sorted(names):
            yield os.path.relpath(Path(directory, name), volume)


def _copied(volume: Path, name: str, spool: Path) -> Path:
    into = spool / COPIES / name
    into.parent.mkdir(parents=True, exist_ok=True)
    sqlite.copy(volume / name, into)
    return into


def _findings(plain: list[str]) -> Iterator[str]:
    for name in plain:
        shown = name.encode("utf-8", "backslashreplace").decode()
        yield (
            f"{shown} looks like a SQLite file, but SQLite could not copy it: "
            "it is stored as it lay, which may be in the middle of a change"
        )
