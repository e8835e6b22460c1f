"""Snapshots as restic lists them, and copies, for tests of what is decided from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from quorate.backup.model import Kind, Snapshot
from quorate.backup.tags import Label, Mark, MarkKind, label_tags, mark_tags
from quorate.tools.restic_answers import Entry

START = datetime(2026, 3, 1, tzinfo=UTC)
LABEL = Label(source="volume/wiki", kind=Kind.VOLUME, taken=START, run="r1", server="box1", size=7)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def copy_entry(id: str, *, label: Label = LABEL, hours: float = 0, tree: str = "t") -> Entry:
    return Entry(id=id, time=at(hours), tree=tree, tags=label_tags(label))


def mark_entry(id: str, mark: Mark, *, hours: float = 1) -> Entry:
    return Entry(id=id, time=at(hours), tree="m", tags=mark_tags(mark))


def complete_mark(of: str, *, tree: str = "t") -> Mark:
    return Mark(kind=MarkKind.COMPLETE, of=of, tree=tree, files=1, size=9, added=3)


def proof_mark(of: str, *, hours: float, ok: bool = True, tree: str = "t") -> Mark:
    return Mark(
        kind=MarkKind.PROOF, of=of, tree=tree, ok=ok, at=at(hours), seconds=1.5, server="box2"
    )


SNAPSHOT = Snapshot(
    id="a",
    source="volume/wiki",
    kind=Kind.VOLUME,
    repository="near",
    taken=START,
    received=START,
    complete=True,
)


def snapshot(
    id: str, *, complete: bool = True, original: str | None = None, hours: float = 0
) -> Snapshot:
    return replace(SNAPSHOT, id=id, complete=complete, original=original, taken=at(hours))
