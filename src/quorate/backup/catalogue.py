"""The catalogue of copies, derived from nothing but what the repositories hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup.model import Proof, Snapshot
from quorate.backup.place import Place, PlaceType, Repository
from quorate.backup.tags import Label, Mark, MarkKind, read_label, read_mark
from quorate.tools.restic_answers import Entry


def read_all(repositories: Iterable[Repository]) -> tuple[Snapshot, ...]:
    """Every copy in these repositories, oldest first.

    Raises:
        RepositoryError: one cannot be read; what is in it is then not known.
    """
    found = [copy for repository in repositories for copy in read(repository)]
    return tuple(sorted(found, key=lambda copy: (copy.taken, copy.source, copy.id)))


def read(repository: Repository) -> tuple[Snapshot, ...]:
    """Every copy in this repository, strangers' snapshots left out.

    Raises:
        RepositoryError: it cannot be read.
    """
    entries = repository.restic.snapshots()
    return derive(entries, repository.name, received(repository.place, entries))


def received(place: Place, entries: Iterable[Entry]) -> dict[str, datetime]:
    """When each snapshot's file was written, by the clock of the repository's own side.

    Only a repository on this machine tells. Who backs up to it cannot set these
    times, unlike those inside snapshots.
    """
    if place.type != PlaceType.LOCAL:
        return {}
    found = {}
    for entry in entries:
        try:
            written = Path(place.location, "snapshots", entry.id).stat().st_mtime
        except OSError:  # forgotten meanwhile, or not ours to read
            continue
        found[entry.id] = datetime.fromtimestamp(written, UTC)
    return found


def derive(
    entries: Iterable[Entry], repository: str, received: Mapping[str, datetime]
) -> tuple[Snapshot, ...]:
    """Copies from a repository's snapshots. Pure.

    Complete is a copy that a mark names by its lasting id and tree. One lasting id
    is one copy: where a killed `restic tag` left it twice, one of both is complete,
    so that nothing counts twice.
    """
    labels: list[tuple[Entry, Label]] = []
    marks: dict[tuple[str, str], list[tuple[Entry, Mark]]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: (entry.time, entry.id)):
        if mark := read_mark(entry.tags):
            marks[mark.of, mark.tree].append((entry, mark))
        elif label := read_label(entry.tags):
            labels.append((entry, label))
    counted: set[str] = set()
    out = []
    for entry, label in labels:
        of_it = marks.get((entry.lasting, entry.tree), [])
        ended = [(at, mark) for at, mark in of_it if mark.kind == MarkKind.COMPLETE]
        complete = bool(ended) and entry.lasting not in counted
        if complete:
            counted.add(entry.lasting)
        out.append(
            Snapshot(
                id=entry.id,
                source=label.source,
                kind=label.kind,
                repository=repository,
                taken=label.taken,
                received=received.get(entry.id) or (ended[0][0].time if ended else entry.time),
                complete=complete,
                server=label.server,
                size=ended[0][1].size if ended else label.size,
                added=ended[0][1].added if ended else 0,
                run=label.run,
                original=entry.original,
                proof=_proof([mark for _, mark in of_it], entry.id, repository),
            )
        )
    return tuple(out)


def _proof(marks: Iterable[Mark], id: str, repository: str) -> Proof | None:
    """The last proof; of two at the same moment the one that failed."""
    proofs = [(mark.at, not mark.ok, mark) for mark in marks if mark.kind == MarkKind.PROOF]
    dated = [(at, failed, mark) for at, failed, mark in proofs if at is not None]
    if not dated:
        return None
    at, _, last = max(dated, key=lambda item: item[:2])
    return Proof(
        snapshot=id,
        repository=repository,
        at=at,
        ok=last.ok and not last.differences,
        seconds=last.seconds,
        server=last.server,
        differences=last.differences,
    )
