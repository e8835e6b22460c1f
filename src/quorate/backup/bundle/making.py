"""Making, opening, checking and restoring a recovery bundle.

Values are in memory only, between their sources and age: what is written is encrypted, but for
`restore`, whose purpose it is to write them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quorate.backup.bundle import archive, compare, readme
from quorate.backup.bundle.archive import Held, Record, Sealed
from quorate.backup.bundle.compare import BundleCheck
from quorate.backup.bundle.content import Item, fleet_file, unknown, wanted
from quorate.deploy.values import read_value
from quorate.errors import (
    CheckError,
    CommandError,
    MachineError,
    QuorateError,
    RefusedError,
    UsageError,
)
from quorate.fleet.model import Fleet
from quorate.tools import age
from quorate.tools.age import Key, Lock


@dataclass(frozen=True, kw_only=True)
class Read:
    """Values as they are now, by path in the bundle, and why others are not there."""

    files: Mapping[str, Held]
    unread: Mapping[str, str]


def make(fleet: Fleet, into: Path, *, made: datetime) -> Record:
    """Write the bundle of a fleet.

    Raises:
        UsageError: the fleet file does not say who may open it.
        CheckError: every value that is not there; nothing was written.
        MachineError: age failed, or nothing can be written there.
    """
    lock = lock_of(fleet)
    record, data = _gathered(fleet, made)
    age.encrypt(data, into, lock)
    return record


def seal(fleet: Fleet, *, made: datetime) -> Sealed:
    """The bundle of a fleet as a source keeps it, in memory.

    Raises:
        UsageError: the fleet file does not say who may open it.
        CheckError: every value that is not there.
        MachineError: age failed.
    """
    lock = lock_of(fleet)
    record, data = _gathered(fleet, made)
    wrapped = archive.wrap(age.sealed(data, lock), record, passphrase=not lock.recipients)
    return Sealed(data=wrapped, same=archive.sameness(record, (*lock.recipients, lock.passphrase)))


def sealed_or_why(fleet: Fleet, *, made: datetime) -> Sealed | QuorateError | None:
    """The same, or what stood in its way; None where nobody is named who may open one."""
    if fleet.backup.bundle is None:
        return None
    try:
        return seal(fleet, made=made)
    except QuorateError as error:
        return error


def _gathered(fleet: Fleet, made: datetime) -> tuple[Record, bytes]:
    """The list of a bundle, and the bundle, not encrypted yet."""
    items = wanted(fleet, is_file)
    read = read_all(fleet, items)
    if read.unread:
        raise CheckError(
            "the bundle would not be whole; nothing was written",
            problems=list(read.unread.values()),
        )
    record = archive.record_of(fleet.name, made, read.files, unknown(fleet), file=fleet_file(fleet))
    return record, archive.pack(read.files, record, readme.text(fleet, record, items))


def check(fleet: Fleet, file: Path, key: Key | None) -> BundleCheck:
    """Open a bundle and compare it with the fleet as it is now.

    Args:
        key: what opens it; None: the passphrase as the fleet file has it.

    Raises:
        UsageError: there is no key.
        MachineError: it cannot be opened, or is damaged.
    """
    record, _ = opened(file, key or key_of(fleet))
    items = wanted(fleet, is_file)
    read = read_all(fleet, items)
    digests = {path: archive.digest(held.data) for path, held in read.files.items()}
    return compare.check(record, items, digests, read.unread, unknown(fleet))


def restore(file: Path, key: Key, into: Path) -> Record:
    """Write what is in a bundle into a new directory that only this user can read.

    Raises:
        RefusedError: something is in that directory already.
        MachineError: the bundle cannot be opened, or the directory not be written.
    """
    record, files = opened(file, key)
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise RefusedError(
                f"{into} is not empty; nothing was written",
                todo="name a directory that is empty or not there",
            )
        into.chmod(0o700)
        for path, held in files.items():
            _write(into, path, held)
    except OSError as error:
        raise MachineError(
            f"{into} cannot be written: {error.strerror or error}",
            todo="name another directory; remove what is in this one",
        ) from error
    return record


def _write(into: Path, name: str, held: Held) -> None:
    path = into / name
    for parent in reversed(Path(name).parents):  # mkdir(parents=True) leaves those above open
        (into / parent).mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=archive.RUNNABLE if held.runnable else archive.PLAIN, exist_ok=False)
    path.write_bytes(held.data)


def opened(file: Path, key: Key) -> tuple[Record, dict[str, Held]]:
    """The list and the files of a bundle.

    Raises:
        UsageError: there is no such file.
        MachineError: the key does not open it, or it is damaged.
    """
    if not file.is_file():
        raise UsageError(f"{file}: no such file", todo="name a bundle that was made with -o")
    try:
        data = age.decrypt(file, key)
    except CommandError as error:
        raise MachineError(
            f"{file} cannot be opened",
            cause=error.cause or error.what,
            todo="name the private key with --identity, or the file with the passphrase with "
            "--passphrase-file; another copy of the bundle, if this one is damaged",
        ) from error
    try:
        return archive.unpack(data)
    except ValueError as error:
        raise MachineError(
            f"{file} is no recovery bundle that can be used: {error}", todo="use another copy of it"
        ) from error


def read_all(fleet: Fleet, items: tuple[Item, ...]) -> Read:
    """Every value; variables without one that may have none are left out."""
    directory = fleet.path.absolute().parent
    files: dict[str, Held] = {}
    unread: dict[str, str] = {}
    for item in items:
        if item.optional and not os.environ.get(item.source.environment or ""):
            continue
        try:
            value = read_value(item.uses[0], item.source, directory=directory)
        except CheckError as error:
            unread[item.path] = f"{item.uses[0]}: {error.what}"
            continue
        files[item.path] = Held(data=value, uses=item.uses, runnable=_runnable(directory, item))
    return Read(files=files, unread=unread)


def _runnable(directory: Path, item: Item) -> bool:
    file = item.source.file
    return file is not None and os.access(directory / file.expanduser(), os.X_OK)


def lock_of(fleet: Fleet) -> Lock:
    """Who may open the fleet's bundle.

    Raises:
        UsageError: nobody is named.
        CheckError: the passphrase's source gives none.
    """
    bundle = fleet.backup.bundle
    if bundle is None:
        raise UsageError(
            f"{fleet.path} does not say who may open the recovery bundle",
            todo="`age-keygen -o recovery.key` makes a key; name its public half in the fleet "
            "file, `backup: {bundle: {recipients: [age1…]}}`, and keep the key away from servers",
        )
    if bundle.recipients:
        return Lock(recipients=bundle.recipients)
    return Lock(passphrase=_passphrase(fleet))


def key_of(fleet: Fleet) -> Key:
    """The passphrase as a key, where that is what opens the bundle.

    Raises:
        UsageError: it takes a private key, which no fleet file has.
        CheckError: the passphrase's source gives none.
    """
    if fleet.backup.bundle is None or fleet.backup.bundle.recipients:
        raise UsageError(
            "a bundle for keys is opened with one of them",
            todo="name the file with the private key: --identity recovery.key",
        )
    return Key(passphrase=_passphrase(fleet))


def _passphrase(fleet: Fleet) -> str:
    bundle = fleet.backup.bundle
    if bundle is None or bundle.passphrase is None:
        raise UsageError("the fleet file names no passphrase for the recovery bundle")
    directory = fleet.path.absolute().parent
    value = read_value("passphrase of the bundle", bundle.passphrase, directory=directory)
    return one_line(value, "the passphrase of the bundle")


def passphrase_in(file: Path) -> str:
    """The passphrase in a file.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        value = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return one_line(value, str(file))


def one_line(value: bytes, what: str) -> str:
    """A passphrase without the end of its line: age takes it as it would be typed.

    Raises:
        UsageError: it is empty, of several lines, or no text.
    """
    try:
        text = value.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError(f"{what} is no text", todo="use words or letters") from error
    if not text or not text.isprintable():
        raise UsageError(
            f"{what} is empty or has several lines", todo="write it as one line that can be typed"
        )
    return text


def is_file(path: Path) -> bool:
    """Whether a command's word is a file beside the fleet file."""
    return path.is_file()
