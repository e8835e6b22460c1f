"""A volume: its files as they lie, and SQLite files in it as SQLite copies them.

Names, holes, hard links, owners, modes, times and extended attributes are restic's to keep; the
manifest (`backup/filetree.py`) has them all, and a proof compares them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from quorate.backup import filetree
from quorate.backup.model import Kind, Manifest
from quorate.backup.proving_files import put_in_place
from quorate.backup.sources import sqlite
from quorate.backup.sources.files import Files
from quorate.errors import MachineError, UsageError
from quorate.tools import clock

COPIES = "sqlite"
"""The directory of the spool that SQLite files are copied into, by their paths in the volume."""
STAGE = ".quorate-restore-"
"""So begins, at the top of a volume, what restores keep in it: it is not the volume's own."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """Volumes as a source, mounted as the directories `names` in the directory `root`.

    `databases` are paths in a volume, or patterns of them: SQLite files that must be copied
    through SQLite. `still`: nothing writes meanwhile. Where something may, every SQLite file
    that is found goes through SQLite, named or not.
    """

    root: Path
    names: tuple[str, ...]
    databases: tuple[str, ...] = ()
    still: bool = False

    def take(self, spool: Path) -> Files:
        """Copy the SQLite files into the spool, and read all others for the manifest.

        Args:
            spool: a directory with room for the SQLite files.

        Raises:
            UsageError: a database that is named is not a path in a volume.
            MachineError: a volume is not there, a database that is named cannot be copied,
                or a file cannot be read.
        """
        for name in self.names:
            if not (self.root / name).is_dir():
                raise MachineError(
                    f"there is no volume at {self.root / name}",
                    cause="it vanished, or is not mounted here",
                    todo="check on which server the volume is now",
                )
        try:
            return self._taken(spool)
        except OSError as error:
            raise MachineError(
                f"a volume cannot be read: {error.strerror or error} ({error.filename})",
                cause="a file may not be read, vanished although nothing should write to the "
                "volume, or the disk of the volume or of the spool fails or is full",
                todo="look at that file, then run it again",
            ) from error

    def _taken(self, spool: Path) -> Files:
        taken = clock.now()
        copies, plain = self._copies(spool)
        kept = tuple(_kept(self.root, self.names))
        left_out = kept + tuple(
            f"{name}{beside}" for name in sorted(copies) for beside in ("", *sqlite.BESIDE)
        )
        read = tree(self.root, self.names, left_out=frozenset(left_out), live=not self.still)
        manifest = replace(
            read,
            parts=read.parts | {name: filetree.part_of(path) for name, path in copies.items()},
            put={name: _as_stored(path) for name, path in copies.items()},
            findings=tuple(_findings(plain, kept)),
        )
        return Files(
            manifest=manifest,
            root=self.root,
            paths=(*self.names, *([str(spool / COPIES)] if copies else ())),
            taken=taken,
            left_out=left_out,
        )

    def _copies(self, spool: Path) -> tuple[dict[str, Path], list[str]]:
        """SQLite files by their paths below `root`, and what only looks like one."""
        named = named_databases(self.root, self.names, self.databases)
        copies = {name: self._copied(name, spool) for name in named}
        plain: list[str] = []
        for name in () if self.still else _unnamed(self.root, self.names, named):
            try:
                copies[name] = self._copied(name, spool)
            except MachineError:
                plain.append(name)  # made of a template, encrypted, or damaged
            except FileNotFoundError:
                continue
        return copies, plain

    def _copied(self, name: str, spool: Path) -> Path:
        into = spool / COPIES / name
        into.parent.mkdir(parents=True, exist_ok=True)
        sqlite.copy(self.root / name, into)
        return into


def tree(
    root: Path,
    names: tuple[str, ...],
    kind: Kind = Kind.VOLUME,
    *,
    left_out: Collection[str] = (),
    live: bool = False,
) -> Manifest:
    """Several trees in a directory as one manifest, each part below the name of its tree.

    Raises:
        OSError: something cannot be read.
    """
    parts = {}
    for name in names:
        own = frozenset(
            path.removeprefix(f"{name}/") for path in left_out if path.startswith(f"{name}/")
        )
        found = filetree.manifest_of(root / name, kind, left_out=own, live=live)
        for path, part in found.parts.items():
            parts[name if path == "." else f"{name}/{path}"] = part
    return Manifest(kind=kind, parts=parts, live=live)


def tops(manifest: Manifest) -> tuple[str, ...]:
    """The trees that a manifest is of."""
    return tuple(sorted({path.partition("/")[0] for path in manifest.parts}))


def settle(restored: Path, manifest: Manifest) -> tuple[str, ...]:
    """Put the SQLite files of a copy where they belong; what of the copy is not there, in words."""
    names = tops(manifest)
    lacking = tuple(f"{name} was not restored" for name in names if not (restored / name).exists())
    lacking = lacking or put_in_place(restored, manifest)
    for lies in manifest.put.values():
        top = lies.partition("/")[0]
        if not lacking and top not in names:
            shutil.rmtree(restored / top, ignore_errors=True)
    return lacking


def compare(restored: Path, manifest: Manifest) -> tuple[str, ...]:
    """How what was restored is not what the volumes were, in words.

    Raises:
        OSError: what was restored cannot be read.
    """
    lacking = settle(restored, manifest)
    return lacking or filetree.differences(manifest, tree(restored, tops(manifest), manifest.kind))


def named_databases(
    root: Path, names: tuple[str, ...], patterns: tuple[str, ...]
) -> tuple[str, ...]:
    """The paths below `root` that are named, or match what is named, in any of the volumes.

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
        matching = [path for name in names for path in _matching(root / name, name, pattern)]
        for path in matching:
            volume = root / path.partition("/")[0]
            if not (root / path).resolve().is_relative_to(volume.resolve()):
                raise UsageError(f"`sqlite: {pattern}` is a link that leads out of the volume")
        if not matching:
            raise MachineError(
                f"there is no file {pattern} in the volume",
                cause="it was renamed, or its program has not made it yet",
                todo="correct `sqlite:` of this source in the fleet file",
            )
        found |= dict.fromkeys(matching)
    return tuple(found)


def _matching(volume: Path, top: str, pattern: str) -> Iterator[str]:
    if (volume / pattern).is_file():
        yield f"{top}/{PurePosixPath(pattern)}"
        return
    for name in _files(volume):
        if fnmatchcase(name, pattern) and not name.endswith(sqlite.BESIDE):
            yield f"{top}/{name}"


def _unnamed(root: Path, names: tuple[str, ...], named: tuple[str, ...]) -> Iterator[str]:
    """SQLite files that are not named, by their first bytes."""
    for top in names:
        for path in (f"{top}/{name}" for name in _files(root / top)):
            if path not in named and sqlite.is_database(root / path):
                yield path


def _files(volume: Path) -> Iterator[str]:
    for directory, inner, names in os.walk(volume):
        top = directory == str(volume)
        inner[:] = sorted(name for name in inner if not (top and name.startswith(STAGE)))
        for name in sorted(names):
            yield os.path.relpath(Path(directory, name), volume)


def _kept(root: Path, names: tuple[str, ...]) -> Iterator[str]:
    """What restores have kept in volumes, by paths below `root`."""
    for top in names:
        for path in sorted((root / top).glob(f"{STAGE}*")):
            yield f"{top}/{path.name}"


def _as_stored(path: Path) -> str:
    """Where restic has a path that it was given in full."""
    return str(path).lstrip("/")


def _findings(plain: list[str], kept: tuple[str, ...]) -> Iterator[str]:
    for name in kept:
        yield f"{name} is not in it: a restore has kept there what was in the volume before"
    for name in plain:
        shown = name.encode("utf-8", "backslashreplace").decode()
        yield (
            f"{shown} looks like a SQLite file, but SQLite could not copy it: "
            "it is stored as it lay, which may be in the middle of a change"
        )
