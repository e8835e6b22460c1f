"""What is said of a volume's copies before it goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quorate.backup.model import Kind, Proof, Snapshot
from quorate.recover.clean.proofs import NONE, proof_words

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
COPY = Snapshot(
    id="a",
    source="volume/v",
    kind=Kind.VOLUME,
    repository="first",
    taken=NOW - timedelta(days=2),
    received=NOW,
    complete=True,
    server="one",
)
PROOF = Proof(snapshot="a", repository="first", at=NOW - timedelta(hours=3), ok=True)


@pytest.mark.parametrize(
    ("copies", "words"),
    [
        ([], NONE),
        ([replace(COPY, source="volume/w")], NONE),
        ([replace(COPY, complete=False)], NONE),
        ([COPY], "never proven"),
        ([replace(COPY, proof=replace(PROOF, ok=False))], "never proven"),
        ([replace(COPY, proof=PROOF)], "2026-06-28 12:00 UTC (2 days ago) in first, proven"),
        ([replace(COPY, proof=PROOF, server="two")], "taken on two and not on one"),
        ([replace(COPY, proof=PROOF), replace(COPY, id="b", taken=NOW)], "of 2026-06-28"),
    ],
)
def test_the_newest_proof_counts(copies: list[Snapshot], words: str) -> None:
    assert words in proof_words(copies, "v", "one", now=NOW)
