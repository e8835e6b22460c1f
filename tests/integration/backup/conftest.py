"""Repositories of real restic, small and on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup.place import Repository
from tests.integration.backup import ground
from tests.integration.backup.ground import Sshd


@pytest.fixture
def near(tmp_path: Path) -> Repository:
    """A new repository."""
    return ground.made(tmp_path, "near")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A directory with a small volume in `data`."""
    root = tmp_path / "spool"
    ground.tree(root)
    return root


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd on this machine only."""
    directory = tmp_path / "ssh"
    directory.mkdir()
    with ground.sshd(directory) as served:
        yield served
