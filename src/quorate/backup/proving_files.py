"""Proving a copy of files: restored into an empty directory, and compared exactly."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quorate.backup import marking
from quorate.backup.content import MANIFEST, read_manifest
from quorate.backup.filetree import differences, manifest_of
from quorate.backup.model import Manifest, Proof, Snapshot
from quorate.backup.place import Repository
from quorate.backup.tags import read_label
from quorate.errors import RepositoryError
from quorate.tools import clock
from quorate.tools.restic import Restic, Watch
from quorate.tools.restic_errors import Reason


def prove(
    repository: Repository,
    copy: Snapshot,
    *,
    scratch: Path,
    path: str,
    server: str = "",
    watch: Watch | None = None,
) -> Proof:
    """Restore `copy` below `scratch`, compare `path` in it with its manifest, record the proof.

    Args:
        repository: where the copy is.
        copy: which one.
        scratch: a directory with room for it; what is put there is removed again.
        path: what of the copy the manifest is about, as it was stored (`data`).
        server: where this is done, for the record.
        watch: told how far the restore is.

    Raises:
        RepositoryError: it is not known whether the copy is good: the repository does
            not answer, or the like; nothing is recorded. Damage is no error but a proof
            that failed.
    """
    with _empty(scratch) as into:
        started = clock.monotonic()
        wrong = bring_back(repository.restic, copy, into, watch)
        seconds = clock.monotonic() - started
        found = wrong or compare(repository.restic, copy, into, path)
    proof = Proof(
        snapshot=copy.id,
        repository=repository.name,
        at=clock.now(),
        ok=not found,
        seconds=seconds,
        server=server,
        differences=found,
    )
    marking.record(repository, proof)
    return proof


def bring_back(door: Restic, copy: Snapshot, into: Path, watch: Watch | None) -> tuple[str, ...]:
    """Restore from the repository itself (a cache here would hide damage there).

    Returns what is damaged, in words.

    Raises:
        RepositoryError: it is not known whether the copy is good.
    """
    honest = replace(door, access=replace(door.access, cache=None))
    try:
        honest.restore(copy.id, into, watch=watch)
    except RepositoryError as error:
        if error.reason not in (Reason.DAMAGED, Reason.OTHER):
            raise
        return tuple((error.cause or error.what).splitlines())
    return ()


def compare(door: Restic, copy: Snapshot, restored: Path, path: str) -> tuple[str, ...]:
    """How what was restored is not what the source was, in words."""
    manifest, wrong = restored_manifest(door, copy, restored)
    if manifest is None:
        return wrong
    if not (restored / path).exists():
        return (f"{path} was not restored",)
    lacking = put_in_place(restored, manifest)
    if lacking:
        return lacking
    return differences(manifest, manifest_of(restored / path))


def put_in_place(restored: Path, manifest: Manifest) -> tuple[str, ...]:
    """Move files that lie elsewhere in the copy to where they belong; what is not there, in words.

    Times of directories stay as they were restored. Done a second time, nothing is left to do.
    """
    lacking = []
    for belongs, lies in sorted(manifest.put.items()):
        place, found = restored / belongs, restored / lies
        if not os.path.lexists(found):
            if not os.path.lexists(place):
                lacking.append(f"{lies}, which belongs at {belongs}, was not restored")
            continue
        times = place.parent.stat()
        found.replace(place)
        os.utime(place.parent, ns=(times.st_atime_ns, times.st_mtime_ns))
    return tuple(lacking)


def restored_manifest(
    door: Restic, copy: Snapshot, restored: Path
) -> tuple[Manifest | None, tuple[str, ...]]:
    """The manifest that came back with a copy, if it is the one its tag tells of."""
    label = next(
        (read_label(entry.tags) for entry in door.snapshots() if entry.id == copy.id), None
    )
    if label is None:
        return None, ("the copy is no longer listed",)
    try:
        text = (restored / MANIFEST).read_bytes()
        if hashlib.sha256(text).hexdigest() != label.manifest:
            return None, ("the manifest is not the one that was stored",)
        return read_manifest(text.decode()), ()
    except (OSError, ValueError) as error:
        return None, (f"the manifest cannot be read: {error}",)


@contextmanager
def _empty(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    into = Path(tempfile.mkdtemp(prefix="quorate-proof-", dir=scratch))
    try:
        yield into
    finally:
        shutil.rmtree(into)
