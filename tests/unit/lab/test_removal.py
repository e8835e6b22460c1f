"""What is left of a lab goes, also where the engine refuses at first (a fake of its program)."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.errors import CommandError, LabError
from quorate.lab import removal
from quorate.tools import clock, docker
from quorate.tools.command import Result

SOCKET = Path("/run/engine.sock")


class FakeEngine:
    """One network with an endpoint that nothing owns; removal is refused `refusals` times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.networks = ["n1"]
        self.taken_off: list[str] = []

    def cli(self, _: Path, *argv: str, timeout: float = 60.0, check: bool = True) -> Result:
        if argv[:2] == ("network", "rm"):
            if self.refusals:
                self.refusals -= 1
                raise CommandError("`network rm` ended with exit code 1", cause="active endpoints")
            self.networks = []
        if argv[:2] == ("network", "disconnect"):
            self.taken_off.append(argv[-1])
        said = {"network ls": "\n".join(self.networks), "network inspect": "stale "}
        stdout = said.get(" ".join(argv[:2]), "")
        return Result(argv=argv, code=0, stdout=stdout, stderr="", seconds=0.0)


def made(monkeypatch: pytest.MonkeyPatch, refusals: int) -> FakeEngine:
    engine = FakeEngine(refusals)
    monkeypatch.setattr(docker, "cli", engine.cli)
    monkeypatch.setattr(clock, "sleep", lambda _: None)
    return engine


def test_endpoints_without_a_container_are_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = made(monkeypatch, refusals=2)
    assert removal.remove(SOCKET, "x") == {"containers": 0, "networks": 1, "volumes": 0}
    assert engine.taken_off == ["stale", "stale"]


def test_what_stays_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made(monkeypatch, refusals=removal.REMOVALS)
    with pytest.raises(LabError, match="some networks of the lab x") as caught:
        removal.remove(SOCKET, "x")
    assert caught.value.cause == "active endpoints"
