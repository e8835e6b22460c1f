"""How long an adopted container may take to end."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.recover.adopt.containers import DATA_STOP_SECONDS, STOP_SECONDS, stop_seconds


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ({"Config": {}, "Mounts": []}, STOP_SECONDS),
        ({}, STOP_SECONDS),
        ({"Mounts": [{"RW": False}]}, STOP_SECONDS),
        ({"Mounts": [{"RW": False}, {"RW": True}]}, DATA_STOP_SECONDS),
        ({"Config": {"StopTimeout": 300}, "Mounts": [{"RW": True}]}, 300),
        ({"Config": {"StopTimeout": 0}}, 0),
    ],
)
def test_a_container_has_what_it_says_or_what_its_data_want(
    raw: dict[str, Any], seconds: int
) -> None:
    assert stop_seconds(raw) == seconds
