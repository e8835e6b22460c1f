"""What is written as SERVER:NAME."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.cleaning import Wish, read_wish
from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Server

FLEET = Fleet(
    name="test",
    path=Path("fleet.yaml"),
    servers=(Server(name="one", address="192.0.2.1", cpus=1, memory=1),),
    stacks=(),
    services=(),
    files=(),
)


def test_names_are_read() -> None:
    found = read_wish(FLEET, ["one:a"], ["one:b:c"])
    assert found == Wish(containers=(("one", "a"),), volumes=(("one", "b:c"),))


@pytest.mark.parametrize("written", ["one", "one:", ":a", "two:a", ""])
def test_what_is_no_name_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="SERVER:NAME"):
        read_wish(FLEET, [], [written])
