"""What a job that has ended tells a Pushgateway, and what it does not."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.alerts.backup_metrics import COPIED, ORIGINAL, PUSHED
from quorate.alerts.backup_push import Ended, path, text
from quorate.backup.jobs.model import Answer, At, Copied, Job, Trouble, Work
from quorate.backup.jobs.pushing import results
from quorate.backup.model import Kind

TAKEN = datetime(2026, 3, 1, tzinfo=UTC)
NAS = At(name="nas", place="local", location="/store", password_file="/run/secrets/nas")


def job(work: Work = Work.BACKUP, **fields: Any) -> Job:
    said: dict[str, Any] = {
        "run": "r1",
        "fleet": "office",
        "server": "a",
        "source": "db",
        "repository": NAS,
    }
    return Job(work=work, **{**said, **fields})


def copied(source: str = "db", **fields: Any) -> Copied:
    said: dict[str, Any] = {
        "id": "1", "source": source, "kind": Kind.POSTGRES, "repository": "nas", "taken": TAKEN,
        "received": TAKEN, "complete": True, "size": 100, "added": 40,
    }  # fmt: skip
    return Copied(**{**said, **fields})


def answer(work: Work = Work.BACKUP, **fields: Any) -> Answer:
    return Answer(work=work, run="r1", **fields)


def values(ended: Ended) -> dict[str, float]:
    lines = [line for line in text(ended).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.split() for line in lines)}


def test_a_good_run() -> None:
    (ended,) = results(job(), answer(copies=(copied(),), seconds=7.5, peak=2**20))
    assert ended.copy == ORIGINAL
    assert values(ended) == {
        "backup_last_success_timestamp": TAKEN.timestamp(),
        "backup_last_exit_code": 0,
        "quorate_backup_size_bytes": 100,
        "quorate_backup_added_bytes": 40,
        "quorate_backup_duration_seconds": 7.5,
        "quorate_backup_peak_memory_bytes": 2**20,
    }
    assert set(values(ended)) == {metric.name for metric in PUSHED}


def test_a_failed_run_says_nothing_of_success() -> None:
    (ended,) = results(job(), answer(trouble=Trouble(what="full", code=6), seconds=2.0))
    assert values(ended) == {"backup_last_exit_code": 6, "quorate_backup_duration_seconds": 2}


def test_a_copy_that_is_not_complete_is_no_success() -> None:
    (ended,) = results(job(), answer(copies=(copied(complete=False),)))
    assert "backup_last_success_timestamp" not in values(ended)


@pytest.mark.fault(
    "clock step",
    injected="a copy that says it was taken later than it was received",
    seen="its time is not pushed as that of a success: no alert would come until then",
)
def test_a_copy_from_the_future_is_no_success() -> None:
    later = copied(received=TAKEN - timedelta(minutes=6))
    (ended,) = results(job(), answer(copies=(later,)))
    assert "backup_last_success_timestamp" not in values(ended)


def test_a_copy_that_arrived_although_others_failed() -> None:
    said = job(Work.COPY, source="", sources=("db", "cache"))
    found = results(
        said, answer(Work.COPY, copies=(copied(),), trouble=Trouble(what="cut", code=6))
    )
    assert [(one.source, one.copy, one.code) for one in found] == [
        ("db", COPIED, 0),
        ("cache", COPIED, 6),
    ]
    assert values(found[1]) == {"backup_last_exit_code": 6}


def test_of_several_copies_the_newest_counts() -> None:
    older = copied(taken=datetime(2026, 2, 1, tzinfo=UTC), size=1)
    (ended,) = results(job(Work.COPY, source=""), answer(Work.COPY, copies=(copied(), older)))
    assert (ended.taken, ended.size) == (TAKEN.timestamp(), 100)


@pytest.mark.parametrize("work", sorted(set(Work) - {Work.BACKUP, Work.COPY}))
def test_other_work_tells_nothing(work: Work) -> None:
    assert results(job(work), answer(work)) == ()


@given(st.text(max_size=20))
def test_any_name_can_be_in_the_path(name: str) -> None:
    ended = Ended(fleet="office", source=name, repository="nas", copy=ORIGINAL, code=0)
    found = re.search(r"/source@base64/([A-Za-z0-9_=-]+)/repository@base64/", path(ended))
    assert found
    encoded = found[1].rstrip("=")
    assert base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() == name
