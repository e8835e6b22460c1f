"""What servers print, read."""

from __future__ import annotations

import pytest

from quorate.observe.deep_facts import parse_disk
from quorate.observe.deep_model import Disk

DF = """Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda         263174212 25165824  81788928      25% /
-----BEGIN CERTIFICATE-----
"""


def test_a_file_system() -> None:
    assert parse_disk(DF, "/x") == Disk(path="/x", size=263174212 * 1024, free=81788928 * 1024)


@pytest.mark.parametrize("said", ["", "df: /x: Permission denied\n"])
def test_no_file_system(said: str) -> None:
    assert parse_disk(said, "/x") is None
