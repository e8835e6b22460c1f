"""The fleet's own files: fleet file, compose files, environment files, and what they name.

They lie where `quorate up` is run, not on a server. So they come as a directory or as an archive
(`packed`), made there.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, copied
from quorate.errors import MachineError

SAME_TIME = 946_684_800
"""Files in an archive are of 2000-01-01: what counts of them is what is in them."""
LARGEST_BYTES = 64 * 2**20
"""More than any fleet's files take: what is larger is no configuration."""


@dataclass(frozen=True, kw_only=True)
class Configs:
    """Files as a source: `given` is a directory, or a tar archive of one (compressed or not)."""

    given: Path
    kind: Kind = field(default=Kind.CONFIGS, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Copy or unpack them; see `base.DumpedSource`.

        Raises:
            MachineError: they are not there, the archive is broken, or leads out of itself.
        """
        with base.filling(spool):
            tree = spool / copied.TREE
            tree.mkdir(mode=0o700)
            copying = copied.Copying(into=tree)
            if self.given.is_dir():
                for path in sorted(self.given.iterdir()):
                    copying.bring(self.given, path.name)
            else:
                unpack(self.given, tree)
            if copying.lost:
                raise MachineError(
                    f"{len(copying.lost)} of the fleet's files could not be read",
                    cause=copying.lost[0],
                    todo="see that whoever runs the backup may read them",
                )
            return copied.published(spool, self.kind, "", [])

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Read them again; see `base.DumpedSource`."""
        return copied.looked_at(directory)


def unpack(archive: Path, into: Path) -> None:
    """Unpack an archive of configuration files.

    Raises:
        MachineError: it is none, is too large, or something in it leads out of it.
    """
    try:
        with tarfile.open(archive) as packed:
            if sum(member.size for member in packed) > LARGEST_BYTES:
                raise MachineError(f"{archive} holds more than {LARGEST_BYTES // 2**20} MiB")
            packed.extractall(into, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MachineError(
            f"the archive {archive} of the fleet's files cannot be unpacked",
            cause=str(error),
            todo="make it anew where the fleet file lies",
        ) from error


def packed(files: Iterable[Path], directory: Path, *, secret: Iterable[Path] = ()) -> bytes:
    """An archive of files, by their paths from the fleet file's directory. The same each time.

    Files elsewhere are put below `elsewhere/`, by their full paths.

    Args:
        files: what to pack; what is in a directory is packed with it.
        directory: the fleet file's.
        secret: files with secret values, which are left out: they belong in the recovery bundle.

    Raises:
        MachineError: one cannot be read.
    """
    hidden = {path.resolve() for path in secret}
    chosen = {one for path in files for one in _each(path) if one.resolve() not in hidden}
    out = io.BytesIO()
    try:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for path in sorted(chosen):
                entry = archive.gettarinfo(str(path), arcname=_name(path, directory))
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                # Another checkout of the same files is the same archive.
                entry.mtime, entry.mode = SAME_TIME, 0o755 if entry.mode & 0o100 else 0o644
                if entry.isfile():
                    with path.open("rb") as content:
                        archive.addfile(entry, content)
    except OSError as error:
        raise MachineError(
            f"{error.filename} cannot be read: {error.strerror}",
            todo="see that this user may read all of the fleet's files",
        ) from error
    return out.getvalue()


def _each(path: Path) -> list[Path]:
    found = [path.absolute()] if path.is_file() else []
    return found or [one.absolute() for one in path.rglob("*") if one.is_file()]


def _name(path: Path, directory: Path) -> str:
    relative = os.path.relpath(path, directory.absolute())
    return relative if not relative.startswith("..") else f"elsewhere/{str(path).lstrip('/')}"
