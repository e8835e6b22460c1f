"""An engine's statistics, of both versions of control groups, and with parts missing."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.measured.stats import Reading, rate, reading, service_key

MIB = 2**20

VERSION_2 = {
    "read": "2026-03-02T12:00:00.250000000Z",
    "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
    "memory_stats": {"usage": 100 * MIB, "stats": {"inactive_file": 30 * MIB}},
}
VERSION_1 = {
    **VERSION_2,
    "memory_stats": {
        "usage": 100 * MIB,
        "stats": {"inactive_file": 1, "total_inactive_file": 40 * MIB},
    },
}


def test_both_versions() -> None:
    found = reading(VERSION_2, 0.0)
    assert found == Reading(read=1772452800.25, memory=70 * MIB, cpu_seconds=1.5)
    assert reading(VERSION_1, 0.0).memory == 60 * MIB


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (None, Reading(read=9.0, memory=None, cpu_seconds=None)),
        ({}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        ({"read": "0001-01-01T00:00:00Z"}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        ({"read": "soon"}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        ({"memory_stats": {}, "cpu_stats": None}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        # A container that has just ended says 0 of everything.
        ({"memory_stats": {"usage": 0}}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        ({"memory_stats": {"usage": 7}}, Reading(read=9.0, memory=7.0, cpu_seconds=None)),
        ({"memory_stats": {"usage": -7}}, Reading(read=9.0, memory=None, cpu_seconds=None)),
        (
            {"memory_stats": {"usage": 7, "stats": {"inactive_file": 9}}},
            Reading(read=9.0, memory=0.0, cpu_seconds=None),
        ),
        (
            {"cpu_stats": {"cpu_usage": {"total_usage": "many"}}},
            Reading(read=9.0, memory=None, cpu_seconds=None),
        ),
    ],
)
def test_missing_parts(raw: Any, wanted: Reading) -> None:
    assert reading(raw, 9.0) == wanted


def at(read: float, cpu: float | None) -> Reading:
    return Reading(read=read, memory=None, cpu_seconds=cpu)


@pytest.mark.parametrize(
    ("before", "after", "threads"),
    [
        (at(0, 1.0), at(2, 2.0), 0.5),
        (at(0, 1.0), at(2, 1.0), 0.0),
        (at(0, 1.0), at(2, 0.5), None),
        (at(2, 1.0), at(2, 2.0), None),
        (at(2, 1.0), at(1, 2.0), None),
        (at(0, None), at(2, 2.0), None),
        (at(0, 1.0), at(2, None), None),
    ],
)
def test_rate(before: Reading, after: Reading, threads: float | None) -> None:
    assert rate(before, after) == threads


def test_whose_container_it_is() -> None:
    compose = {"com.docker.compose.project": "mail", "com.docker.compose.service": "smtp"}
    assert service_key({"com.docker.swarm.service.name": "shop_web", **compose}) == "shop_web"
    assert service_key(compose) == "mail/smtp"
    assert service_key({"com.docker.compose.project": "mail"}) is None
    assert service_key({}) is None
