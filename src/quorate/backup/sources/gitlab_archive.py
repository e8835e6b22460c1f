"""What is in an archive of gitlab-backup, read from its first byte to its last.

The layout is GitLab's (its page "Backup archive process", and `lib/backup`): an uncompressed tar
archive of `backup_information.yml`, `db/`, `repositories/`, and a `.tar.gz` for each of the others.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from quorate.errors import MachineError

SUFFIX = "_gitlab_backup.tar"
INFORMATION = "backup_information.yml"
REQUIRED = ("db", "repositories")
COMPONENTS = (
    *REQUIRED,
    *("uploads", "builds", "artifacts", "pages", "lfs", "terraform_state"),
    *("registry", "packages", "ci_secure_files"),
)
COMPLETE = b"PostgreSQL database dump complete"
TAIL = 4096
CHUNK = 1 << 20
BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An archive that is whole.

    `components` maps each to `FILES:DIGEST`, of the names and contents of its files (for a
    `.tar.gz` those inside). `skipped`: left out as GitLab was told; `absent`: not there without.
    """

    version: str
    components: dict[str, str]
    skipped: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass
class _Sum:
    """Files of a component, in whatever order they come."""

    count: int = 0
    digests: list[str] = field(default_factory=list)

    def add(self, name: str, content: str) -> None:
        self.count += 1
        whole = f"{name}\0{content}".encode(errors="surrogateescape")
        self.digests.append(hashlib.sha256(whole).hexdigest())

    @property
    def part(self) -> str:
        return f"{self.count}:{hashlib.sha256(''.join(sorted(self.digests)).encode()).hexdigest()}"


def read(path: Path) -> Archive:
    """Read an archive, with everything that is compressed in it.

    Raises:
        MachineError: it is cut off or damaged, or a component that must be there is not.
    """
    sums: dict[str, _Sum] = {}
    information = ""
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                component = member.name.removeprefix("./").partition("/")[0]
                component = component.removesuffix(".tar.gz")
                if member.offset_data + member.size > size:
                    raise EOFError(f"it ends in {member.name}")
                if not member.isfile():
                    sums.setdefault(component, _Sum())
                    continue
                content = archive.extractfile(member)
                assert content is not None
                if member.name.endswith(INFORMATION):
                    information = content.read().decode(errors="replace")
                else:
                    _add(sums.setdefault(component, _Sum()), member.name, content)
    except BROKEN as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    return _judged(path, information, sums)


def _judged(path: Path, information: str, sums: dict[str, _Sum]) -> Archive:
    version = re.search(r"^:gitlab_version: ['\"]?([^\s'\"]+)", information, re.MULTILINE)
    if version is None:
        raise _damaged(path, f"{INFORMATION} is not in it, or names no version")
    said = re.search(r"^:skipped: ['\"]?([\w,]*)", information, re.MULTILINE)
    skipped = tuple(name for name in (said[1] if said else "").split(",") if name in COMPONENTS)
    absent = tuple(name for name in COMPONENTS if name not in sums and name not in skipped)
    lacking = [name for name in REQUIRED if name not in sums]
    if lacking:
        raise _damaged(path, f"it has no {' and no '.join(lacking)}")
    return Archive(
        version=version[1],
        components={name: found.part for name, found in sorted(sums.items())},
        skipped=skipped,
        absent=absent,
    )


def _add(into: _Sum, name: str, content: IO[bytes]) -> None:
    if name.endswith(".tar.gz"):
        # Not by tarfile's own `r|gz`, which never compares gzip's checksum.
        with gzip.open(content) as unpacked:
            with tarfile.open(fileobj=unpacked, mode="r|") as inner:
                for member in inner:
                    inside = inner.extractfile(member)
                    if inside or member.issym():
                        into.add(member.name, _digest(inside) if inside else member.linkname)
            _digest(unpacked)
    elif name.endswith(".sql.gz"):
        with gzip.open(content) as unpacked:
            digest, tail = _digest_and_tail(unpacked)
        if COMPLETE not in tail:
            raise EOFError(f"{name} ends before the dump of the database does")
        into.add(name, digest)
    else:
        into.add(name, _digest(content))


def _digest(content: IO[bytes] | gzip.GzipFile) -> str:
    return _digest_and_tail(content)[0]


def _digest_and_tail(content: IO[bytes] | gzip.GzipFile) -> tuple[str, bytes]:
    digest, tail = hashlib.sha256(), b""
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        tail = (tail + chunk)[-TAIL:]
    return digest.hexdigest(), tail


def file_part(path: Path) -> str:
    """A file as a part of a manifest.

    Raises:
        MachineError: it is not there, or empty.
    """
    try:
        with path.open("rb") as file:
            digest = _digest(file)
        size = path.stat().st_size
    except OSError as error:
        raise MachineError(f"{path.name} is not with the archive: {error.strerror}") from error
    if not size:
        raise MachineError(
            f"{path.name} is empty", cause="without it a restored GitLab cannot read its database"
        )
    return f"{size}:{digest}"


def _damaged(path: Path, cause: str) -> MachineError:
    return MachineError(
        f"the archive {path.name} of gitlab-backup is not whole",
        cause=cause,
        todo="look at the room where GitLab makes its archives, and back up again; this one does "
        "not count",
    )
