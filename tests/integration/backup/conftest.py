"""Repositories of real restic, small and on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup.jobs.model import Mounted
from quorate.backup.place import Repository
from tests.integration.backup import ground, servers, three
from tests.integration.backup.ground import Sshd
from tests.integration.backup.servers import Source
from tests.integration.backup.three import Truth


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


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where the servers of one file's tests have their data."""
    with servers.place() as made:
        yield made


@pytest.fixture(scope="module", params=["postgres", "maria", "redis"])
def source(place: Path, request: pytest.FixtureRequest) -> Iterator[Source]:
    """One server of each kind for all tests of a file: they leave nothing in it but a role."""
    with getattr(servers, request.param)(place) as made:
        yield made


@pytest.fixture
def volume(tmp_path: Path) -> Mounted:
    """A volume as a job has it."""
    return Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted")))


@pytest.fixture
def truth(tmp_path: Path, near: Repository) -> Truth:
    """What the catalogue and the metrics claim of the new repository."""
    return Truth(three.fleet(tmp_path / "fleet"), (near,))
