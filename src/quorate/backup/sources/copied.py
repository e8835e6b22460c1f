"""A few files copied into the spool as a tree, with all that belongs to them, and compared later.

For what is small and changes seldom: configurations, a system's settings.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from quorate.backup.filetree import manifest_of
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base
from quorate.errors import MachineError
from quorate.tools import clock

TREE = "tree"


@dataclass
class Copying:
    """Files on their way into a tree. `lost`: what could not be copied, in words."""

    into: Path
    lost: list[str] = field(default_factory=list)

    def bring(self, root: Path, name: str) -> bool:
        """Copy what lies at `name` below `root` to the same name below `into`; False: nothing.

        Owners, modes, times and extended attributes stay; no link is followed, and none leads
        out of `root` on the way there. A file that cannot be read is told, not copied.
        """
        source = root / name
        if not os.path.lexists(source) or not source.parent.resolve().is_relative_to(
            root.resolve()
        ):
            return False
        self._parents(root, name)
        directories = []
        for path in _below(source):
            place = self.into / path.relative_to(root)
            try:
                if self._one(path, place):
                    directories.append((path, place))
            except OSError as error:
                said = str(path.relative_to(root)).encode("utf-8", "backslashreplace").decode()
                self.lost.append(f"{said} is not in the copy: {error.strerror or error}")
        for path, place in reversed(directories):
            _dressed(path, place)
        return True

    def write(self, name: str, content: bytes) -> None:
        """A file that was not there; its time says nothing, so that the same stays the same."""
        place = self.into / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, ns=(0, 0))

    def _parents(self, root: Path, name: str) -> None:
        for above in reversed(Path(name).parents):
            place = self.into / above
            if not place.is_dir():
                place.mkdir()
                _dressed(root / above, place)

    def _one(self, path: Path, place: Path) -> bool:
        """Copy one thing; whether it is a directory, which is dressed when it is full."""
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            place.mkdir(exist_ok=True)
            return True
        if stat.S_ISLNK(mode):
            place.symlink_to(path.readlink())
        elif stat.S_ISREG(mode):
            shutil.copyfile(path, place)
        else:
            return False  # pipes, sockets and devices are made anew by their programs
        _dressed(path, place)
        return False


def _below(source: Path) -> Iterator[Path]:
    yield source
    if source.is_symlink() or not source.is_dir():
        return
    for directory, inner, files in os.walk(source):
        inner.sort()
        yield from (Path(directory, name) for name in sorted([*inner, *files]))


def _dressed(path: Path, place: Path) -> None:
    """Give a copy the owner, mode, times and attributes of what it is of."""
    state = path.lstat()
    if os.geteuid() == 0:
        os.lchown(place, state.st_uid, state.st_gid)
    shutil.copystat(path, place, follow_symlinks=False)


def published(spool: Path, kind: Kind, version: str, findings: list[str]) -> Manifest:
    """The tree in a spool read, and its manifest published.

    Raises:
        MachineError: nothing is in it, or the spool fails.
    """
    if not any((spool / TREE).iterdir()):
        raise MachineError(
            "nothing was found to back up",
            cause="what should be read is not mounted, or empty",
            todo="see what the job is given",
        )
    read = manifest_of(spool / TREE, kind, version)
    made = replace(read, findings=tuple(findings))
    base.publish(spool, made)
    return made


def looked_at(directory: Path) -> Restored:
    """A tree that came back from a repository, read again."""
    dumped = base.manifest(directory)
    began = clock.monotonic()
    if not (directory / TREE).is_dir():
        found = Manifest(kind=dumped.kind, version=dumped.version)
    else:
        found = manifest_of(directory / TREE, dumped.kind, dumped.version)
    return Restored(manifest=found, seconds=clock.monotonic() - began)
