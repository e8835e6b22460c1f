"""Retention as a job applies it: by source, and only where there is a policy."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from quorate.backup.jobs.model import At, Job, Work
from quorate.backup.model import Proof
from quorate.backup.place import Repository
from quorate.backup.runner.keeping import decided, forget
from quorate.backup.runner.saying import Saying
from quorate.backup.runner.setting import Outcome, Setting
from quorate.errors import UsageError
from quorate.fleet.backup import Keep
from tests.unit.backup.making import START, at, snapshot

AT = At(name="near", place="local", location="/r", password_file="/p")


def job(**more: Any) -> Job:
    told: dict[str, Any] = {"work": Work.FORGET, "run": "r", "fleet": "f", "server": "s"}
    return Job.model_validate({**told, "repository": AT, **more})


def test_sources_are_decided_on_one_by_one_and_what_is_held_stays() -> None:
    proof = Proof(snapshot="b", repository="near", at=START, ok=True)
    copies = [
        snapshot("a", hours=1),
        snapshot("c", hours=2),
        replace(snapshot("b", hours=3), proof=proof),
    ]
    copies = [replace(copy, received=copy.taken) for copy in copies]
    others = [replace(copy, id=f"o{copy.id}", source="volume/other") for copy in copies]
    keeps = {"volume/wiki": Keep(daily=1), "volume/none": Keep(daily=1)}
    told = job(keeps=keeps, held={"c": "it is being copied"})
    found = decided([*copies, *others], told, at(9), {})
    assert set(found) == {"volume/wiki"}
    assert set(found["volume/wiki"].forgotten) == {"a"}
    assert found["volume/wiki"].kept["c"] == "it is being copied"


def test_the_time_of_an_original_is_compared() -> None:
    copy = replace(snapshot("a", original="x"), received=at(1))
    found = decided([copy], job(keeps={"volume/wiki": Keep(daily=1)}), at(9), {"x": at(5)})
    assert set(found["volume/wiki"].poisoned) == {"a"}


def test_a_policy_that_keeps_nothing_touches_no_repository() -> None:
    told = job(keeps={"volume/wiki": Keep(), "db": Keep(daily=1)})
    setting = Setting(job=told, room=Path("/r"), say=Saying(io.StringIO()), ends=0.0)
    with pytest.raises(UsageError, match="the policy of volume/wiki keeps nothing"):
        forget(setting, cast(Repository, None), None, Outcome())
