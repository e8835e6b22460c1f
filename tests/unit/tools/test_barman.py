"""Barman's answers, as its versions give them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quorate.tools.barman import base_of

SHOWN: dict[str, Any] = {
    "backup_id": "20261127T010016",
    "base_backup_information": {
        "begin_time": "2026-11-27 01:00:16.905992+00:00",
        "begin_wal": "000000010000000000000003",
        "end_time": "2026-11-27 01:00:17.975357+00:00",
    },
    "postgresql_version": 170012,
    "status": "WAITING_FOR_WALS",
    "tablespaces": [],
}


@pytest.mark.parametrize(
    "said",
    [
        {"disk_usage_bytes": 25206328, "incremental_size_bytes": 25206328},  # 3.4.0
        {"backup_size_bytes": 25206328, "backup_size_with_wals_bytes": 25279724},  # 3.13.3
    ],
)
def test_a_base_backup_is_read_from_every_version(said: dict[str, Any]) -> None:
    shown = {**SHOWN, "base_backup_information": {**SHOWN["base_backup_information"], **said}}
    found = base_of("20261127T010016", shown)
    assert (found.size, found.version, found.wal) == (25206328, 170012, "000000010000000000000003")
    assert found.begin == datetime(2026, 11, 27, 1, 0, 16, 905992, tzinfo=UTC)
