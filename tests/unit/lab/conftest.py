"""A lab that exists on paper only."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.lab import state
from quorate.lab.state import Lab, Node


@pytest.fixture(autouse=True)
def labs_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labs of these tests are kept in a directory of their own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return state.labs_directory()


def node(server: str, last: int) -> Node:
    return Node(
        server=server,
        container=f"quorate.office.{server}",
        volume=f"quorate.office.{server}",
        address=f"198.18.7.{last}",
        memory=4 * 1024**3,
        cpus=1,
        cpuset="0",
    )


@pytest.fixture
def lab(labs_directory: Path, tmp_path: Path) -> Lab:
    directory = labs_directory / "office"
    return Lab(
        name="office",
        fleet_path=tmp_path / "fleet.yaml",
        directory=directory,
        override=directory / "override.yaml",
        ssh_config=directory / "ssh_config",
        engine_socket=Path("/run/engine.sock"),
        network="quorate.office",
        subnet="198.18.7.0/24",
        nodes=(node("alpha", 11), node("beta", 12), node("gamma", 13)),
        complete=True,
    )
