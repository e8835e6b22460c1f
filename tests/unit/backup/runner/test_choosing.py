"""Which copy is meant by an id, or by none."""

from __future__ import annotations

import pytest

from quorate.backup.runner.choosing import chosen
from quorate.errors import QuorateError, RefusedError, UsageError
from tests.unit.backup.making import snapshot

COPIES = (
    snapshot("aa1", hours=1),
    snapshot("ab2", hours=2, original="fe9"),
    snapshot("cd3", hours=3, complete=False),
)


@pytest.mark.parametrize(
    ("id", "found"), [("aa", "aa1"), ("ab2", "ab2"), ("fe", "ab2"), ("", "ab2")]
)
def test_by_its_beginning_its_original_or_the_newest(id: str, found: str) -> None:
    assert chosen(COPIES, "near", id, "volume/wiki").id == found


@pytest.mark.parametrize(
    ("id", "source", "error"),
    [
        ("a", "volume/wiki", UsageError),
        ("zz", "volume/wiki", UsageError),
        ("aa1", "volume/other", UsageError),
        ("", "volume/other", UsageError),
        ("", "", UsageError),
        ("cd3", "volume/wiki", RefusedError),
    ],
)
def test_what_cannot_be_meant(id: str, source: str, error: type[QuorateError]) -> None:
    with pytest.raises(error):
        chosen(COPIES, "near", id, source)
