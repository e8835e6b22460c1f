"""Disks, certificates, clocks and settings: from when on they are faults."""

from __future__ import annotations

from datetime import timedelta

import pytest

from quorate.observe.deep import decide
from quorate.observe.deep_model import (
    Check,
    Clock,
    Disk,
    Facts,
    Finding,
    Kind,
    ServerFacts,
    Settings,
    Validity,
)
from tests.unit.observe.deep_made import GIB, NOW, facts, fleet, server


def found_in(seen: Facts, check: Check) -> tuple[Finding, ...]:
    return tuple(finding for finding in decide(fleet(), seen) if finding.check is check)


def with_server(changed: ServerFacts) -> Facts:
    return facts(servers={"a": server("a"), "b": server("b"), changed.server: changed})


@pytest.mark.parametrize(
    ("size", "free", "fault"),
    [
        (100, 11, False),
        (100, 9, True),
        (4000, 12, False),
        (4000, 9, True),
        (8, 1.1, False),
        (8, 0.9, True),
    ],
)
def test_how_full_a_disk_may_be(size: float, free: float, fault: bool) -> None:
    disk = Disk(path="/var/lib/docker", size=int(size * GIB), free=int(free * GIB))
    found = found_in(with_server(server("c", disk=disk)), Check.DISK)
    assert [f.where for f in found] == (["c"] if fault else [])
    assert all(f.action and (f.action.kind, f.action.server) == (Kind.PRUNE, "c") for f in found)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (-90, 0, "ended on 2026-01-01"),
        (-80, 10, "was not renewed"),
        (1, 91, "valid from"),
        (-60, 30, None),
    ],
)
def test_a_certificate_in_time(since: int, until: int, words: str | None) -> None:
    valid = Validity(since=NOW + timedelta(days=since), until=NOW + timedelta(days=until))
    found = found_in(with_server(server("c", certificate=valid)), Check.CERTIFICATE)
    assert len(found) == (words is not None)
    assert all(words in f.what for f in found if words)


@pytest.mark.parametrize(
    ("ahead", "error", "words"),
    [
        (3.2, 0.01, "3.0 s ahead of"),
        (-4.8, 0.01, "5.0 s behind"),
        (3.2, 2.5, None),
        (0.9, 0.01, None),
    ],
)
def test_a_clock_that_is_off(ahead: float, error: float, words: str | None) -> None:
    """The others are 0.2 s ahead of this machine, whose own clock does not matter."""
    wrong = server("c", clock=Clock(ahead=ahead, error=error))
    found = found_in(with_server(wrong), Check.CLOCK)
    assert [f.where for f in found] == (["c"] if words else [])
    assert all(words in f.what for f in found if words)


def test_one_clock_cannot_differ() -> None:
    alone = server("a", clock=Clock(ahead=99, error=0.1))
    assert found_in(facts(servers={"a": alone}), Check.CLOCK) == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(heartbeat=7.0, task_history=5), "heartbeat is 7 s, the fleet file says 5 s"),
        (Settings(heartbeat=5.0, task_history=2), "task history is 2, the fleet file says 5"),
        (Settings(heartbeat=5.0, task_history=None), "task history is None"),
    ],
)
def test_settings_that_drifted(settings: Settings, words: str) -> None:
    (found,) = found_in(facts(settings=settings), Check.SETTINGS)
    assert words in found.what
    assert found.action is not None and found.action.kind is Kind.TUNE
