"""Commands around a backup: in the right container, in order, and those after it in any case."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import At, Job, Work
from quorate.backup.runner.hooked import hooked
from quorate.backup.runner.saying import Saying
from quorate.backup.runner.setting import Setting
from quorate.errors import MachineError, UsageError
from quorate.tools import docker


class FakeAnswer:
    """What an engine answers to the start of a command: one piece of output, framed."""

    ok = True

    def __init__(self, said: bytes) -> None:
        self.content = b"\x01\0\0\0" + len(said).to_bytes(4, "big") + said


class FakeEngine:
    """As much of an engine as hooks need: two containers, and commands that fail by name."""

    base_url, api_version = "http+docker://fake", "1.44"

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []

    @property
    def api(self) -> FakeEngine:
        return self

    def containers(self, *, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert filters == {"status": "running"}
        return [
            {"Id": "old", "Created": 1, "Names": ["/shop_db.1.aa"]},
            {"Id": "new", "Created": 2, "Names": ["/shop_db.1.bb"]},
            {"Id": "other", "Created": 3, "Names": ["/other_shop_db.1.cc"]},
        ]

    def exec_create(self, container: str, argv: list[str], user: str = "") -> dict[str, str]:
        assert argv[:2] == ["sh", "-c"]
        self.ran.append((container, argv[2]))
        return {"Id": argv[2]}

    def post(self, url: str, *, json: dict[str, bool], timeout: None) -> FakeAnswer:
        assert json == {"Detach": False, "Tty": False}
        return FakeAnswer(b"it says: " + url.split("/")[-2].encode())

    def exec_inspect(self, id: str) -> dict[str, int]:
        return {"ExitCode": 3 if "bad" in id else 0}

    def close(self) -> None:
        self.ran.append(("", "closed"))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine()
    monkeypatch.setattr(docker, "connect_socket", lambda path, timeout: made)
    return made


def setting(**more: Any) -> Setting:
    at = At(name="near", place="local", location="/r", password_file="/p")
    told: dict[str, Any] = {"work": Work.BACKUP, "run": "r", "fleet": "f", "server": "s"}
    job = Job.model_validate({**told, "repository": at, "container": "^shop_db\\.", **more})
    return Setting(job=job, room=Path("/r"), say=Saying(io.StringIO()), ends=0.0)


def test_before_and_after(engine: FakeEngine) -> None:
    with hooked(setting(before=("one", "two"), after=("three",))):
        assert engine.ran == [("new", "one"), ("new", "two")]
    assert engine.ran[2:] == [("new", "three"), ("", "closed")]


def test_after_also_when_it_failed(engine: FakeEngine) -> None:
    with pytest.raises(KeyError), hooked(setting(before=("one",), after=("bad",))):
        raise KeyError("the backup failed")
    assert engine.ran == [("new", "one"), ("new", "bad"), ("", "closed")]


def test_a_command_that_fails_ends_the_backup(engine: FakeEngine) -> None:
    with (
        pytest.raises(MachineError, match="before the backup ended with exit code 3") as caught,
        hooked(setting(before=("bad one", "two"), after=("three",))),
    ):
        pytest.fail("it must not begin")
    assert "it says: bad one" in str(caught.value.cause)
    assert [line for _, line in engine.ran] == ["bad one", "three", "closed"]


def test_a_command_after_it_that_fails_is_told(engine: FakeEngine) -> None:
    with (
        pytest.raises(MachineError, match="`bad after` after the backup"),
        hooked(setting(after=("bad after",))),
    ):
        pass


def test_without_a_container_nothing_begins(engine: FakeEngine) -> None:
    for more, error in (({"container": ""}, UsageError), ({"container": "none"}, MachineError)):
        with pytest.raises(error), hooked(setting(before=("one",), **more)):
            pytest.fail("it must not begin")
    assert ("new", "one") not in engine.ran


def test_without_commands_no_engine_is_asked() -> None:
    with hooked(setting(container="")):
        pass
