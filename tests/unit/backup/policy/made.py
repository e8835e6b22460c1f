"""Copies made for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.backup.model import Kind, Proof, Snapshot

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def proof(ok: bool = True, *, at: datetime = NOW, seconds: float = 60.0) -> Proof:
    """A restore that matched, or did not."""
    said = () if ok else ("public.users: 10 rows, not 12",)
    return Proof(snapshot="", repository="near", at=at, ok=ok, seconds=seconds, differences=said)


def copy(taken: datetime, *, proven: bool | None = True, **other: Any) -> Snapshot:
    """A copy, received a minute after; `proven`: whether it restores, None where nobody tried."""
    given: dict[str, Any] = {
        "id": f"{taken:%m%d-%H%M}",
        "source": "db",
        "kind": Kind.POSTGRES,
        "repository": "near",
        "received": taken + timedelta(minutes=1),
        "complete": True,
        "size": 1000,
        "proof": None if proven is None else proof(proven, at=taken + HOUR),
    }
    return Snapshot(taken=taken, **(given | other))
