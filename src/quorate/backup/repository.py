"""Storing a copy so that it counts only once it is all there.

A copy begins as a snapshot that nothing vouches for. It is listed as the repository
has it and compared with what was to be stored; only then a mark says that it is
complete. Whatever is killed on the way leaves nothing that counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quorate.backup import catalogue, content, marking
from quorate.backup.content import MANIFEST
from quorate.backup.model import Manifest, Snapshot, Source
from quorate.backup.place import Repository
from quorate.backup.tags import Label, label_tags
from quorate.errors import RepositoryError
from quorate.tools.restic import Watch
from quorate.tools.restic_errors import Reason


@dataclass(frozen=True, kw_only=True)
class Payload:
    """What is to be stored of a source: `paths` below the directory `root`, in one state.

    A path that is given in full lies elsewhere, and is stored below the names it has.
    `manifest` is what the source said of itself in that state. `sizes` are bytes by
    path below `root`, where somebody knows better than the files themselves: how much
    a dump should have written, say. Without it, the files are measured before.
    `left_out`: paths below `root` that are not to be stored, nor anything below them.
    Where the manifest says that the files are in use (`live`), those that change or
    vanish meanwhile are not measured.
    """

    source: Source
    run: str
    server: str
    taken: datetime
    manifest: Manifest
    root: Path
    paths: tuple[str, ...]
    sizes: Mapping[str, int] | None = None
    left_out: tuple[str, ...] = ()


def store(repository: Repository, payload: Payload, *, watch: Watch | None = None) -> Snapshot:
    """Store a copy, verify it, and only then mark it complete.

    The manifest is written into `payload.root` and stored with the rest. A run that
    is begun again after it had been complete stores nothing new.

    Raises:
        RepositoryError: nothing that counts was stored; its `reason` says why.
    """
    copies = catalogue.read(repository)
    if (known := of_run(copies, payload.source.id, payload.run)) is not None:
        return known
    measured = content.measured(payload.root, payload.paths, payload.left_out)
    expected = {**measured, **(payload.sizes or {})}
    manifest = content.written(payload.manifest)
    (payload.root / MANIFEST).write_text(manifest)
    summary = repository.restic.backup(
        [*payload.paths, MANIFEST],
        cwd=payload.root,
        tags=label_tags(_label(payload, manifest, sum(expected.values()))),
        host=payload.server,
        parent=_parent(copies, payload.source.id, payload.server),
        watch=watch,
        exclude=_in_full(payload),
        live=payload.manifest.live,
    )
    if payload.manifest.live:
        after = content.measured(payload.root, payload.paths, payload.left_out)
        expected = content.unchanged(measured, after) | dict(payload.sizes or {})
    listing = repository.restic.listing(summary.snapshot)
    expected[MANIFEST] = len(manifest)
    content.require_whole(repository.name, content.lacking(expected, payload.paths, listing.nodes))
    marking.complete(repository, listing, added=summary.added)
    return counted(repository, listing.entry.lasting)


def counted(repository: Repository, lasting: str) -> Snapshot:
    """The complete copy with this lasting id, as the repository tells it now.

    Raises:
        RepositoryError: there is none, whatever was said when it was written.
    """
    for copy in catalogue.read(repository):
        if copy.complete and lasting in (copy.id, copy.original):
            return copy
    raise RepositoryError(
        f"the repository {repository.name} does not list the copy {lasting[:8]} as complete",
        reason=Reason.OTHER,
        cause="it was forgotten in the same moment, or the repository loses what it is given",
        todo="check the repository, then run it again",
    )


def _in_full(payload: Payload) -> tuple[str, ...]:
    """What is left out, by the paths that restic may take its directory to have."""
    roots = dict.fromkeys((payload.root.absolute(), payload.root.resolve()))
    return tuple(str(root / path) for root in roots for path in payload.left_out)


def _label(payload: Payload, manifest: str, size: int) -> Label:
    return Label(
        source=payload.source.id,
        kind=payload.source.kind,
        taken=payload.taken,
        run=payload.run,
        server=payload.server,
        version=payload.manifest.version,
        manifest=hashlib.sha256(manifest.encode()).hexdigest(),
        size=size,
    )


def of_run(copies: Iterable[Snapshot], source: str, run: str) -> Snapshot | None:
    """A complete copy of the same source by the same run, if there is one."""
    same = [copy for copy in copies if (copy.source, copy.run) == (source, run)]
    return next((copy for copy in same if run and copy.complete), None)


def _parent(copies: Iterable[Snapshot], source: str, server: str) -> str | None:
    """The last complete copy of the same source from the same server: what it has is not read."""
    same = [copy for copy in copies if (copy.source, copy.server) == (source, server)]
    complete = [copy for copy in same if copy.complete]
    return max(complete, key=lambda copy: copy.received).id if complete else None
