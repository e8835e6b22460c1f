"""What tags carry comes back, and strangers' tags are nobody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.model import Kind
from quorate.backup.tags import (
    SHOWN_DIFFERENCES,
    Label,
    Mark,
    MarkKind,
    label_tags,
    mark_tags,
    read_label,
    read_mark,
)
from tests.unit.backup.making import LABEL, complete_mark, proof_mark

TEXT = st.text(st.characters(exclude_categories=()))
TIMES = st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1))
LABELS = st.builds(
    Label,
    source=TEXT.filter(bool),
    kind=st.sampled_from(Kind),
    taken=TIMES,
    run=TEXT,
    server=TEXT,
    version=TEXT,
    manifest=TEXT,
    size=st.integers(min_value=0),
)


def through_restic(tags: tuple[str, ...]) -> list[str]:
    """Tags as restic keeps them: split at commas, without blanks around."""
    return [part.strip() for tag in tags for part in tag.split(",")]


@given(LABELS)
def test_labels_come_back(label: Label) -> None:
    tags = through_restic(label_tags(label))
    assert read_label(tags) == label
    assert read_label([*tags, "a stranger's", "key=value", "="]) == label
    assert read_mark(tags) is None


@given(st.lists(TEXT, max_size=SHOWN_DIFFERENCES), TIMES, st.booleans(), TEXT)
def test_proofs_come_back(said: list[str], at: datetime, ok: bool, server: str) -> None:
    mark = Mark(
        kind=MarkKind.PROOF,
        of="abc",
        tree="def",
        ok=ok,
        at=at,
        seconds=2.5,
        server=server,
        differences=tuple(text[:200] for text in said),
    )
    tags = through_restic(mark_tags(mark))
    assert read_mark(tags) == mark
    assert read_label(tags) is None


def test_what_is_complete_comes_back() -> None:
    assert read_mark(mark_tags(complete_mark("abc"))) == complete_mark("abc")


def test_of_many_differences_the_first_are_shown_and_the_rest_counted() -> None:
    many = replace(proof_mark("a", hours=1, ok=False), differences=tuple("abcdefgh"))
    mark = read_mark(mark_tags(many))
    assert mark is not None and mark.differences == (*"abcde", "and 3 more")


@pytest.mark.parametrize(
    "tags",
    [
        (),
        ("quorate",),
        ("quorate=1",),
        ("quorate=1", "source=x", "kind=tape", "taken=2026-03-01T00:00:00Z"),
        ("quorate=1", "source=x", "kind=volume", "taken=yesterday"),
        ("quorate=1", "source=x", "kind=volume", "taken=0001-01-01T00:00:00+14:00"),
        ("quorate=1", "source=x", "kind=volume", "taken=2026-03-01T00:00:00Z", "size=big"),
        ("quorate=2", "source=x", "kind=volume", "taken=2026-03-01T00:00:00Z"),
        ("quorate=1", "mark=complete"),
        ("quorate=1", "mark=blessed", "of=a", "tree=b"),
        ("quorate=1", "mark=proof", "of=a", "tree=b", "at=noon"),
    ],
)
def test_what_is_not_understood_is_nobodys(tags: tuple[str, ...]) -> None:
    assert read_label(tags) is None
    assert read_mark(tags) is None


def test_a_proof_that_does_not_say_that_it_held_did_not() -> None:
    mark = read_mark([tag for tag in mark_tags(proof_mark("a", hours=1)) if tag != "ok=yes"])
    assert mark is not None and not mark.ok


def test_a_person_can_read_them() -> None:
    assert label_tags(LABEL)[:4] == (
        "quorate=1", "source=volume/wiki", "kind=volume", "taken=2026-03-01T00:00:00.000000+00:00"
    )  # fmt: skip
