"""What the trees of a move are: told whole, or again of some names alone; compared by lines.

A line is a name below the volumes' directory, a tab, and what it is (backup/filetree.py). What was
read once is read again only where the engine's kernel says that the file has changed since (its
time of change of state, which no program can set).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from quorate.backup.filetree import SEVERAL_NAMES, digest_of, manifest_of, part_of
from quorate.tools import clock, command

TREE, DIGESTS = "tree.json", "digests.json"
"""What each file was when a tree was told last; what was read of it, beside that directory."""
SETTLED_NS = 2 * 10**9
"""A file that changed its state so shortly ago may change again with the same time."""
SYNC_SECONDS = 600.0
DIRECTORY = "0:directory;"


@dataclass
class Digests:
    """Digests that were read, by what the file was then."""

    kept: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    began: int = 0

    def __call__(self, path: str, state: os.stat_result) -> str:
        key = (
            f"{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"
        )
        found = self.kept.get(key) or digest_of(path)
        if state.st_ctime_ns < self.began - SETTLED_NS:
            self.used[key] = found
        return found


def tell(
    data: Path,
    told: Path,
    volumes: Sequence[int],
    *,
    live: bool = False,
    only: Collection[str] | None = None,
) -> dict[str, Any]:
    """A digest over all, files, bytes; each line is kept in a file for who compares.

    Args:
        data: the directory that the volumes are in, each by its number.
        told: the directory of the file with the lines.
        volumes: their numbers.
        live: the tree is in use.
        only: nothing but these names, and what is above them, has changed since the last time.

    Raises:
        OSError: something cannot be read. CommandError: it cannot be written to its disk.
    """
    began = clock.monotonic()
    found = None if only is None else _again(data, _read(told / TREE), only)
    if found is None:
        found = _whole(data, told.parent / DIGESTS, volumes, live=live)
    # Names have every sign but one; and one call is a tenth of the time of 100,000.
    told.mkdir(exist_ok=True)
    lines = [f"{name}\t{what}\n" for name, what in found.items()]
    (told / TREE).write_text(json.dumps(lines))
    # A tree that was told in two parts has another order than one that was walked.
    whole = hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
    return {
        "digest": whole,
        "files": len(lines),
        "size": sum(int(what.partition(":")[0]) for what in found.values()),
        "seconds": round(clock.monotonic() - began, 3),
    }


def differing(here: Path, there: Path) -> list[str] | None:
    """The names that differ by what was told in these two directories last.

    None: it is not known, or a file of several names is among them, which would have to be
    brought by all of its names at once.
    """
    mine, theirs = _lines(here / TREE), _lines(there / TREE)
    if not mine or not theirs:
        return None
    if any(SEVERAL_NAMES in line for line in mine ^ theirs):
        return None
    return names_of(mine - theirs, theirs - mine)


def names_of(former: Iterable[str], present: Iterable[str]) -> list[str]:
    """The names of lines that are there, and of those that are not there any more. Pure.

    What was below a directory that is gone, or is none any more, goes with it.
    """
    found = {line.rpartition("\t")[0] for line in present}
    gone = {line.rpartition("\t")[0] for line in former} - found
    files = {
        name
        for name, _, what in (line.rpartition("\t") for line in present)
        if not what.startswith(DIRECTORY)
    }
    left = {name for name in gone if name.rpartition("/")[0] not in gone | files}
    # The top of a volume is its own part `.`, which rsync would take for a mark.
    return sorted(name.removesuffix("/.") for name in found | left)


def _whole(data: Path, kept: Path, volumes: Sequence[int], *, live: bool) -> dict[str, str]:
    digests = Digests(kept=_kept(kept), began=int(clock.now().timestamp() * 1e9))
    if live:
        # What is stored through a mapping changes a file's times once, until its page is written.
        places = [str(data / str(each)) for each in volumes]
        command.run(["sync", "--file-system", "--", *places], timeout=SYNC_SECONDS)
    found: dict[str, str] = {}
    for number in volumes:
        parts = manifest_of(data / str(number), live=live, digest=digests).parts
        found |= {f"{number}/{name}": part for name, part in parts.items()}
    kept.write_text(json.dumps(digests.used))
    return found


def _again(data: Path, lines: Iterable[str], only: Collection[str]) -> dict[str, str] | None:
    """What was told, with these names as they are now; None: a file of several names is there."""
    found = {name: what for name, _, what in (line[:-1].rpartition("\t") for line in lines)}
    names = {str(above) for name in only for above in (*PurePath(name).parents, name)} - {"."}
    emptied = []
    for name in names:
        path = data / name
        # The top of a volume is told as its part `.`.
        line = name if "/" in name else f"{name}/."
        was = found.pop(line, "")
        try:
            state = path.lstat()
            found[line] = part_of(path)
        except (FileNotFoundError, NotADirectoryError):
            state = None
        if not found.get(line, "").startswith(DIRECTORY):
            if state is not None and state.st_nlink > 1:
                return None
            if was.startswith(DIRECTORY):
                emptied.append(f"{name}/")
    gone = tuple(emptied)
    return {name: what for name, what in found.items() if not name.startswith(gone)}


def _lines(file: Path) -> set[str]:
    return set(_read(file))


def _read(file: Path) -> list[str]:
    try:
        return list(json.loads(file.read_text()))
    except (OSError, ValueError):
        return []


def _kept(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
