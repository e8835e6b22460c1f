"""The inside of a bundle: a tar archive with a list of its contents. Pure: bytes in, bytes out.

Plain tar, so that `age --decrypt FILE | tar -x` opens it where there is no Quorate. The same
contents at the same moment give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

FORMAT = 1
CONTENTS, README = "contents.json", "README.txt"
SEALED, OPENING = "recovery-bundle.age", "HOW-TO-OPEN.txt"
"""The files of a bundle as it is stored."""
PLAIN, RUNNABLE = 0o600, 0o700


@dataclass(frozen=True, kw_only=True)
class Held:
    """A file of a bundle: its bytes, whether it can be run, what it is for."""

    data: bytes
    uses: tuple[str, ...] = ()
    runnable: bool = False


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A bundle as it is stored: an archive with the encrypted file and how it is opened.

    `same`: by what a bundle of the same contents, for the same keys, is known, since each
    encryption gives other bytes. It is secret, as it is made of the contents.
    """

    data: bytes = field(repr=False)
    same: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A file by the list: the digest (SHA-256) of its bytes, and what it is for."""

    digest: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Record:
    """The list: of which fleet, made when, each file by its path, and secrets nobody knows.

    `file`: the fleet file's path in the bundle; empty in bundles of older versions.
    """

    fleet: str
    made: datetime
    files: Mapping[str, Listed]
    unknown: tuple[str, ...] = ()
    file: str = ""


def digest(data: bytes) -> str:
    """How bytes are told apart without keeping them."""
    return hashlib.sha256(data).hexdigest()


def record_of(
    fleet: str,
    made: datetime,
    files: Mapping[str, Held],
    unknown: tuple[str, ...] = (),
    file: str = "",
) -> Record:
    """The list of these files."""
    listed = {
        path: Listed(digest=digest(held.data), uses=held.uses)
        for path, held in sorted(files.items())
    }
    return Record(fleet=fleet, made=made, files=listed, unknown=unknown, file=file)


def pack(files: Mapping[str, Held], record: Record, readme: str) -> bytes:
    """The archive: the readme first, then the list, then the files in order of their paths."""
    first = {README: Held(data=readme.encode()), CONTENTS: Held(data=_written(record).encode())}
    return _packed({**first, **dict(sorted(files.items()))}, record.made)


def wrap(encrypted: bytes, record: Record, *, passphrase: bool) -> bytes:
    """An encrypted bundle as a source keeps it: with a page that says how it is opened."""
    key = "" if passphrase else "--identity KEY "
    page = (
        f"The recovery bundle of the fleet {record.fleet}, made {record.made:%Y-%m-%d %H:%M} UTC.\n"
        f"Opened by: age --decrypt {key}{SEALED} | tar -x\n"
        "Then read README.txt. All that comes out is secret.\n"
    )
    files = {OPENING: Held(data=page.encode()), SEALED: Held(data=encrypted)}
    return _packed(files, record.made)


def sameness(record: Record, keys: Iterable[str]) -> bytes:
    """By what bundles of the same contents for the same keys are known; as secret as they are."""
    files = [[path, one.digest, list(one.uses)] for path, one in sorted(record.files.items())]
    said = [record.fleet, record.file, files, list(record.unknown), sorted(keys)]
    return hashlib.sha256(json.dumps(said).encode()).digest()


def _packed(files: Mapping[str, Held], made: datetime) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, held in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(held.data)
            info.mode = RUNNABLE if held.runnable else PLAIN
            info.mtime = int(made.timestamp())
            archive.addfile(info, io.BytesIO(held.data))
    return out.getvalue()


def unpack(data: bytes) -> tuple[Record, dict[str, Held]]:
    """The list and every file, the readme and the list themselves too.

    Raises:
        ValueError: it is no bundle, not whole, or has names that lead out of it; in words.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            found = {info.name: _held(archive, info) for info in archive.getmembers()}
    except tarfile.TarError as error:
        raise ValueError(f"it holds no archive ({error})") from error
    if CONTENTS not in found:
        raise ValueError("it has no list of its contents")
    record = read_record(found[CONTENTS].data)
    for path, listed in record.files.items():
        if path not in found:
            raise ValueError(f"{path} is in its list and not in it")
        if digest(found[path].data) != listed.digest:
            raise ValueError(f"{path} is not as it was when the bundle was made")
    return record, found


def _held(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Held:
    parts = PurePosixPath(info.name).parts
    if not info.isreg() or info.name.startswith("/") or ".." in parts or not parts:
        raise ValueError(f"{info.name} is no plain file within it")
    file = archive.extractfile(info)
    data = file.read() if file else b""
    return Held(data=data, runnable=bool(info.mode & 0o100))


def _written(record: Record) -> str:
    said = {
        "format": FORMAT,
        "fleet": record.fleet,
        "made": record.made.astimezone(UTC).isoformat(),
        "files": {
            path: {"sha256": listed.digest, "uses": list(listed.uses)}
            for path, listed in record.files.items()
        },
        "unknown": list(record.unknown),
        "file": record.file,
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def read_record(data: bytes) -> Record:
    """The list, as a bundle holds it.

    Raises:
        ValueError: it cannot be read; in words.
    """
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise ValueError(f"it is of format {said['format']}, of another version of Quorate")
        return Record(
            fleet=str(said["fleet"]),
            made=datetime.fromisoformat(said["made"]),
            files={
                str(path): Listed(digest=str(one["sha256"]), uses=tuple(map(str, one["uses"])))
                for path, one in said["files"].items()
            },
            unknown=tuple(map(str, said["unknown"])),
            file=str(said.get("file", "")),
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError("the list of its contents cannot be read") from error
