"""Connections to a fleet's engines: what is open is closed, however entering ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from quorate.errors import EngineError, UnreachableError
from quorate.fleet.model import Role, Server
from quorate.observe import connect
from quorate.observe.connect import Connections
from tests.fakes.fleets import make_fleet, make_server


def test_ctrl_c_while_lines_are_opened_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Line:
        def __init__(self, server: Server) -> None:
            if server.name == "c":
                raise KeyboardInterrupt
            self.name = server.name

        def close(self) -> None:
            closed.append(self.name)

    monkeypatch.setattr(connect, "_Line", Line)
    fleet = make_fleet({"x": {"services": {"web": {}}}}, servers=[make_server(n) for n in "abcd"])
    with pytest.raises(KeyboardInterrupt), Connections(fleet):
        pytest.fail("it was entered")
    assert closed == ["a", "b"]


WORKS = {"LocalNodeState": "active", "ControlAvailable": True, "Cluster": {"ID": "ours"}}
WORKER = {"LocalNodeState": "active"}


@contextmanager
def connected(monkeypatch: pytest.MonkeyPatch, **swarm: Any) -> Iterator[Connections]:
    """Each server's word of its swarm, None for one that does not answer; only `a` is a manager."""

    class Line:
        settled = True

        def __init__(self, server: Server) -> None:
            self.server = server

        def wait(self, patience: float | None) -> Any:
            said = swarm[self.server.name]
            if said is None:
                raise UnreachableError(f"{self.server.name} does not answer ssh")
            return SimpleNamespace(api=SimpleNamespace(info=lambda: {"Swarm": said}))

        def close(self) -> None:
            """Nothing was opened."""

    monkeypatch.setattr(connect, "_Line", Line)
    servers = [
        make_server(name, role=Role.MANAGER if name == "a" else Role.WORKER) for name in swarm
    ]
    fleet = make_fleet({"x": {"services": {"web": {}}}}, servers=servers)
    with Connections(fleet) as connections:
        yield connections


@pytest.mark.parametrize("former", [WORKER, None], ids=["a worker now", "lost"])
def test_a_manager_that_the_fleet_file_does_not_know_of_works(
    monkeypatch: pytest.MonkeyPatch, former: Any
) -> None:
    with connected(monkeypatch, a=former, b=None, c=WORKS) as connections:
        assert connections.manager().server.name == "c"
    with connected(monkeypatch, a=WORKS, b=WORKS) as connections:
        assert connections.manager().server.name == "a"


def test_where_nobody_works_the_reasons_are_the_managers(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        connected(monkeypatch, a=WORKER, b=WORKER, c=None) as connections,
        pytest.raises(EngineError) as error,
    ):
        connections.manager()
    assert error.value.what == "a is a worker of its swarm, not a manager"
    assert "b:" not in str(error.value.cause)
    with connected(monkeypatch, a=None, b=WORKER) as connections, pytest.raises(UnreachableError):
        connections.manager()
