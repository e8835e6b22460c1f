"""Marks: what was found out about a copy, written into its own repository (docs/adr/0023)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict

from quorate.backup.content import MANIFEST
from quorate.backup.model import Proof
from quorate.backup.place import Repository
from quorate.backup.tags import Mark, MarkKind, mark_of, mark_tags
from quorate.errors import RepositoryError
from quorate.tools.restic_answers import Entry, Listing, Node
from quorate.tools.restic_errors import Reason

FILE = "quorate-mark.json"
HOST = "quorate"


def complete(repository: Repository, listing: Listing, *, added: int = 0) -> None:
    """Mark a copy that was verified as complete."""
    sizes = [node.size for node in listing.nodes if _counts(node)]
    mark = Mark(
        kind=MarkKind.COMPLETE,
        of=listing.entry.lasting,
        tree=listing.entry.tree,
        files=len(sizes),
        size=sum(sizes),
        added=added,
    )
    write(repository, mark)


def _counts(node: Node) -> bool:
    return node.type == "file" and node.path != f"/{MANIFEST}"


def record(repository: Repository, proof: Proof) -> None:
    """Record a proof where the copy is, so that it lasts as long as the copy.

    Raises:
        RepositoryError: the repository cannot be written, or the copy is not there.
    """
    entry = _found(repository, repository.restic.snapshots(), proof.snapshot)
    write(repository, mark_of(proof, lasting=entry.lasting, tree=entry.tree))


def write(repository: Repository, mark: Mark) -> None:
    """Put a mark into the repository: a snapshot of one small file.

    That takes no exclusive lock, so it waits for no other run, and removes nothing,
    so an append-only repository takes it.
    """
    text = json.dumps(asdict(mark), default=str, indent=1)
    with tempfile.TemporaryFile() as stream:
        stream.write(text.encode())
        stream.seek(0)
        repository.restic.backup_stream(stream, FILE, tags=mark_tags(mark), host=HOST)


def _found(repository: Repository, entries: Iterable[Entry], id: str) -> Entry:
    for entry in entries:
        if entry.id == id:
            return entry
    raise RepositoryError(
        f"the repository {repository.name} does not list the copy {id[:8]}",
        reason=Reason.OTHER,
        cause="it was forgotten meanwhile",
    )
