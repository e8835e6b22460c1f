"""Connections to a fleet's engines: what is open is closed, however entering ends."""

from __future__ import annotations

import pytest

from quorate.fleet.model import Server
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
