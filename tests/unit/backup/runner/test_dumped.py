"""Where a database is restored: never over its source by accident."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import At, Job, Reach, Work
from quorate.backup.runner import dumped
from quorate.backup.runner.saying import Saying
from quorate.backup.runner.setting import Setting
from quorate.errors import RefusedError, UsageError

AT = At(name="near", place="local", location="/r", password_file="/p")
SOURCE = Reach(host="db", port=5432, user="keeper")
OTHER = Reach(host="other", port=5432)


def setting(**more: Any) -> Setting:
    told: dict[str, Any] = {"work": Work.RESTORE, "run": "r", "fleet": "f", "server": "s"}
    job = Job.model_validate({**told, "repository": AT, "reach": SOURCE, **more})
    return Setting(job=job, room=Path("/r"), say=Saying(io.StringIO()), ends=0.0)


def named(reach: Reach, database: str) -> Reach:
    return reach.model_copy(update={"database": database})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"target": OTHER}, OTHER),
        ({"target": SOURCE, "in_place": True}, SOURCE),
        ({"in_place": True}, SOURCE),
        ({"target": named(SOURCE, "two"), "only": "one"}, named(SOURCE, "two")),
    ],
)
def test_another_server_another_name_or_told_so(said: dict[str, Any], found: Reach) -> None:
    assert dumped.target(setting(**said)) == found


@pytest.mark.parametrize(
    "said",
    [
        {"target": SOURCE},
        {"target": SOURCE.model_copy(update={"user": "another"})},
        {"target": named(SOURCE, "two")},
        {"target": named(SOURCE, "one"), "only": "one"},
        {"target": SOURCE, "only": "one"},
    ],
)
def test_never_over_the_source(said: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="is where the data come from"):
        dumped.target(setting(**said))


def test_somewhere_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="name it"):
        dumped.target(setting())


def test_a_directory_without_a_dump_is_no_copy(tmp_path: Path) -> None:
    tried = dumped.incomplete(tmp_path)
    assert tried is not None and "is not a complete dump" in tried.differences[0]
