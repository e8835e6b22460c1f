"""What is left, opened: the newest bundle of a repository, laid out as a directory to work from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate.backup import catalogue
from quorate.backup.bundle import making
from quorate.backup.bundle.archive import CONTENTS, SEALED, Record, read_record
from quorate.backup.model import Snapshot
from quorate.backup.place import Repository
from quorate.errors import MachineError, RefusedError, UsageError
from quorate.fleet.datasets import BUNDLE
from quorate.recover.fleet.rewrite import moved, rewritten, variables
from quorate.tools.age import Key

OLDER_FILE = "fleet/fleet.yaml"
"""In bundles that do not say what the fleet file is called."""


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A bundle that was laid out in a directory."""

    directory: Path
    record: Record

    @property
    def file(self) -> Path:
        """The fleet file."""
        return self.directory / (self.record.file or OLDER_FILE)

    def set_variables(self) -> None:
        """Have the variables of the bundle in this process, where it has none of that name."""
        for name, path in variables(self.record).items():
            if name not in os.environ:
                os.environ[name] = (self.directory / path).read_text()

    def copied(self, into: Path) -> Laid:
        """The same in another directory."""
        shutil.copytree(self.directory, into, symlinks=True)
        return Laid(directory=into, record=self.record)

    def readdress(self, addresses: Mapping[str, str]) -> None:
        """Write other addresses of servers into the fleet file.

        Raises:
            UsageError: of a server that the fleet does not have.
            MachineError: it cannot be written.
        """
        text = rewritten(self.file.read_text(encoding="utf-8"), {}, addresses)
        draft = self.file.with_name(f".{self.file.name}.draft")
        try:
            draft.write_text(text, encoding="utf-8")
            shutil.copymode(self.file, draft)
            draft.replace(self.file)
        except OSError as error:
            raise MachineError(f"{self.file} cannot be written: {error.strerror}") from error


def newest(copies: Iterable[Snapshot]) -> Snapshot:
    """The newest bundle that is whole.

    Raises:
        RefusedError: there is none.
    """
    mine = [one for one in copies if one.source == BUNDLE and one.complete]
    good = [one for one in mine if one.proof is None or one.proof.ok]
    if not good:
        raise RefusedError(
            "the repository has no recovery bundle"
            if not mine
            else "every recovery bundle of the repository has failed its proof",
            cause="the fleet's secrets and its files are in one, and servers cannot be set up "
            "without",
            todo="name another repository; or restore one that was kept elsewhere with "
            "`quorate backup bundle --restore DIRECTORY --from FILE`, and name the DIRECTORY "
            "with --into",
        )
    return max(good, key=lambda one: (one.taken, one.id))


def read_copies(repository: Repository) -> tuple[Snapshot, ...]:
    """Every copy in the repository that is left.

    Raises:
        RepositoryError: it cannot be read: away, another password, none there.
    """
    repository.restic.require()
    return catalogue.read(repository)


def lay_out(
    repository: Repository, copy: Snapshot, key: Key, into: Path, addresses: Mapping[str, str]
) -> Laid:
    """Open a bundle into a new directory; the fleet file's copy there stands alone then.

    Args:
        addresses: of servers that have others than in the fleet file.

    Raises:
        RefusedError: something is in that directory already.
        MachineError: the key does not open it, or the directory cannot be written.
        UsageError: an address of a server that the fleet does not have.
    """
    with tempfile.TemporaryDirectory(prefix="quorate-") as name:
        repository.restic.restore(copy.id, Path(name))
        files = sorted(Path(name).rglob(SEALED))
        if not files:
            raise MachineError(
                f"the copy {copy.id[:8]} of the recovery bundle has no {SEALED}",
                todo="another version of Quorate wrote it: use that one",
            )
        # Beside it first: whoever is killed meanwhile leaves nothing that looks laid out.
        draft = into.absolute().with_name(f".{into.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        record = making.restore(files[0], key, draft)
    try:
        _stand_alone(Laid(directory=draft, record=record), addresses)
        draft.replace(into)
    except OSError as error:
        raise MachineError(
            f"{into} cannot be made: {error.strerror}", todo="name another directory with --into"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Laid(directory=into.absolute(), record=record)


def _stand_alone(found: Laid, addresses: Mapping[str, str]) -> None:
    """Its fleet file takes from the directory what came from elsewhere."""
    if not found.file.is_file():
        raise MachineError(
            f"the bundle has no fleet file {found.record.file or OLDER_FILE}",
            todo="another version of Quorate wrote it: use that one",
        )
    back = os.path.relpath(found.directory, found.file.parent)
    uses = {use: f"{back}/{path}" for use, path in moved(found.record).items()}
    text = found.file.read_text(encoding="utf-8")
    found.file.write_text(rewritten(text, uses, addresses), encoding="utf-8")


def laid(directory: Path) -> Laid | None:
    """The bundle that was laid out in a directory; None: the directory is empty or not there.

    Raises:
        RefusedError: something else is in it.
        MachineError: what was laid out cannot be read any more.
    """
    if not directory.is_dir() or not any(directory.iterdir()):
        return None
    if not (directory / CONTENTS).is_file():
        raise RefusedError(
            f"{directory} is not empty, and no recovery bundle was laid out in it",
            todo="name a directory that is empty or not there with --into",
        )
    try:
        record = read_record((directory / CONTENTS).read_bytes())
    except (OSError, ValueError) as error:
        raise MachineError(
            f"{directory / CONTENTS} cannot be read: {error}", todo="name another --into"
        ) from error
    return Laid(directory=directory.absolute(), record=record)


def named_addresses(given: Iterable[str]) -> dict[str, str]:
    """`NAME=ADDRESS`, one or several with commas between, as a mapping. Pure.

    Raises:
        UsageError: something else.
    """
    found: dict[str, str] = {}
    for text in (part for one in given for part in one.replace(",", " ").split()):
        name, equals, address = text.partition("=")
        if not (name and equals and address):
            raise UsageError(f"{text} names no server's address", todo="write NAME=ADDRESS")
        found[name] = address
    return found
