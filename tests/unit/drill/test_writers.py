"""What is on record of writes, and what a writer is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from quorate.drill import writers
from quorate.drill.ground_lab import LabGround
from quorate.drill.listening import Target
from quorate.drill.vantage import Plan, asset, contained
from quorate.drill.writers import Record, Writers, left
from quorate.errors import LabError
from quorate.tools import clock
from tests.unit.drill.test_fault import lab

if TYPE_CHECKING:
    from quorate.drill.ground import Ground

TARGET = {"service": "db", "host": "s_db", "port": 5432, "kind": "postgres"}
PLAN = Plan(
    targets=(Target(service="db", host="s_db", port=5432, kind="postgres"),),
    networks={"a": {"back": (0,)}, "b": {"back": (0,)}, "c": {}},
    image="postgres:16",
    rate=10,
    seconds=60,
    drill="d",
)


def test_what_is_on_record_is_left(tmp_path: Path) -> None:
    here = LabGround(lab().model_copy(update={"directory": tmp_path}))
    assert left(here) == []
    record = Record(
        run="r", drill="d", image="i", targets=(TARGET,), networks={"a": {"back": (0,)}}
    )
    (tmp_path / writers.RECORD).write_text(record.model_dump_json())
    assert left(here) == ["db"]
    assert record.plan.vantages == ("a",)
    (tmp_path / writers.RECORD).write_text("{")
    with pytest.raises(LabError, match="cannot be read"):
        left(here)


def test_a_password_is_in_what_a_writer_reads_and_in_no_argument() -> None:
    login = {"s_db": {"user": "u", "database": "d", "password": "sesame"}}
    told = json.loads(writers._told(PLAN, "a", login, {"mode": "write"}))
    (target,) = told["targets"]
    assert target == {"number": 0, "local": False, **TARGET, **login["s_db"]}
    text = contained(PLAN, "a", writers.CONTAINER, asset("writer.py"))
    assert "sesame" not in text
    assert "quorate.drill=d" in text


def test_what_writers_found_gone_is_added_up(tmp_path: Path) -> None:
    made = Writers(LabGround(lab()), PLAN, tmp_path, "r")
    assert made.servers == ("a", "b")
    made.file("a").write_text("1.0 0 3 missing 0\n1.0 0 4 ok 2\n")
    made.file("b").write_text("2.0 0 2 missing 0\n")
    assert made.missing() == ["db has lost 5 acknowledged writes"]


class Slow:
    """A ground (a fake) whose Postgres has a container from the third look on."""

    def __init__(self, home: Path, *, never: bool = False) -> None:
        self.home, self.servers, self.never = home, ("a",), never
        self.looks, self.told = 0, ""

    def execute(self, server: str, text: str, *, input: str = "", timeout: float = 0.0) -> str:
        if input:
            self.told = input
            return json.dumps({"0": ["0:1"]})
        self.looks += 1
        return "" if self.never or self.looks < 3 else "task\nu\n\nsesame\n"


@pytest.mark.parametrize("never", [False, True])
def test_what_was_written_is_read_back_once_a_task_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never: bool
) -> None:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    monkeypatch.setattr(writers, "COLLECT_SECONDS", 0.2)
    record = Record(
        run="r", drill="d", image="i", targets=(TARGET,), networks={"a": {"back": (0,)}}
    )
    (tmp_path / writers.RECORD).write_text(record.model_dump_json())
    ground, said = Slow(tmp_path, never=never), list[str]()
    found = writers.collect(cast("Ground", ground), said.append)
    if never:
        assert (found, said, ground.told) == ({0: None}, ["db: no server has a task of it"], "")
        assert (tmp_path / writers.RECORD).exists()
    else:
        assert (found, said, ground.looks) == ({0: frozenset({"0:1"})}, [], 3)
        assert json.loads(ground.told)["targets"][0]["database"] == "u"
        assert not (tmp_path / writers.RECORD).exists()


def test_a_container_that_does_not_say_yet_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that is just starting refuses commands; its password is not an empty one."""
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    answers = iter(["task\n", "task\nu\nd\nsesame\n"])
    ground = Slow(tmp_path)
    monkeypatch.setattr(ground, "execute", lambda server, text: next(answers))
    assert writers._logins(cast("Ground", ground), PLAN, patience=5.0)["s_db"]["user"] == "u"
    monkeypatch.setattr(ground, "execute", lambda server, text: "task\n")
    assert writers._logins(cast("Ground", ground), PLAN) == {"s_db": writers.NOBODY}
