"""Labs that scenarios share: brought up for the first that asks, removed at the end.

A fleet is copied under a name of its own, so that a lab the developer has
running stays as it is; a lock lets only one test run on this machine use labs. Its two
processes (`--numprocesses 2`) have labs of their own: most of a scenario is waiting.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.tools import filelock

# Their assertions say what differs, as a test's own do.
pytest.register_assert_rewrite("tests.scenarios.steps", "tests.scenarios.live")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FLEETS = Path(__file__).parent / "fleets"
# Installed beside the interpreter that runs the tests, so it is the code under test.
QUORATE = Path(sys.executable).parent / "quorate"
LOCK = "quorate-scenarios{worker}.lock"
LOCK_SECONDS = 3600.0
LABS = ("office", "shop", "gate", "vault", "forge", "bare")
STEADY = ("test_3_", "test_9_")
"""Losses, and what measures or alarms: a lab beside theirs makes answers late."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """A fleet file with a running lab, and the command line that works on it."""

    fleet: Path
    environment: dict[str, str]
    program: Path = QUORATE

    def quorate(
        self,
        *arguments: str,
        timeout: float = 600.0,
        code: int | None = 0,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end, standard input empty; fail unless it ends with `code`.

        Whatever it ends with, it may not end with a traceback.
        """
        done = subprocess.run(
            [str(self.program), *arguments],
            env={**self.environment, **(environment or {})},
            cwd=self.fleet.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        if code is not None and done.returncode != code:
            pytest.fail(f"quorate {' '.join(arguments)} ended with {done.returncode}:\n{said}")
        assert "Traceback" not in done.stderr, said
        return done

    def start(
        self, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a verb in a process group of its own, as a terminal would; the caller waits."""
        return subprocess.Popen(
            [str(self.program), *arguments],
            env={**self.environment, **(environment or {})},
            cwd=self.fleet.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def json(self, *arguments: str, timeout: float = 600.0, code: int | None = 0) -> Any:
        """What a verb prints with `--json`."""
        return json.loads(self.quorate(*arguments, "--json", timeout=timeout, code=code).stdout)


def copy_fleet(source: Path, place: Path, *, name: str) -> Path:
    """A copy of a fleet under a name that no other lab on this machine has."""
    directory = place / source.name
    shutil.copytree(source, directory)
    fleet = directory / "fleet.yaml"
    text, count = re.subn(r"(?m)^name: .*$", f"name: {name}", fleet.read_text())
    assert count == 1, "the fleet file has one line with its name"
    fleet.write_text(text)
    return fleet


@contextmanager
def running_lab(
    source: Path, place: Path, *, name: str, options: tuple[str, ...] = ()
) -> Iterator[Office]:
    """The lab of a copy of a fleet, its nodes up, nothing deployed; removed at the end."""
    environment = {**os.environ, "XDG_STATE_HOME": str(place / "state"), "NO_COLOR": "1"}
    found = Office(fleet=copy_fleet(source, place, name=name), environment=environment)
    try:
        found.quorate("lab", "up", str(found.fleet), *options, timeout=900)
        yield found
    finally:
        found.quorate("lab", "down", str(found.fleet), timeout=300, code=None)


@pytest.fixture(scope="session")
def alone() -> Iterator[None]:
    """Only one test run on this machine uses labs at a time; its processes do so together."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    path = Path(tempfile.gettempdir()) / LOCK.format(worker=worker.removeprefix("gw0"))
    with filelock.hold(path, what="the labs of a test run", timeout=LOCK_SECONDS):
        yield


@pytest.fixture(scope="session")
def office(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of the example office, its nodes up, nothing deployed yet."""
    place = tmp_path_factory.mktemp("office")
    with running_lab(EXAMPLES / "office", place, name=f"test-{os.getpid()}") as found:
        yield found


@pytest.fixture(scope="session")
def shop(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of the small quick fleet `fleets/shop`, nothing deployed at the first use.

    Scenarios leave its servers on and its files as they were; what is deployed
    may be anything, so each begins with `steps.given_deployed` or the like.
    """
    place = tmp_path_factory.mktemp("shop")
    with running_lab(FLEETS / "shop", place, name=f"shop-{os.getpid()}") as found:
        yield found


@pytest.fixture(scope="session")
def gate(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of `fleets/gate`, a website behind HAProxy; its nodes have disks of their own."""
    place = tmp_path_factory.mktemp("gate")
    with running_lab(
        FLEETS / "gate", place, name=f"gate-{os.getpid()}", options=("--disk", "8G")
    ) as found:
        yield found


@pytest.fixture(scope="session")
def vault(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of `fleets/vault`, whose databases are copied to another server."""
    place = tmp_path_factory.mktemp("vault")
    with running_lab(FLEETS / "vault", place, name=f"vault-{os.getpid()}") as found:
        yield found


@pytest.fixture(scope="session")
def forge(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of `fleets/forge`, a GitLab's stand-in, a MariaDB, and their copies."""
    place = tmp_path_factory.mktemp("forge")
    with running_lab(FLEETS / "forge", place, name=f"forge-{os.getpid()}") as found:
        yield found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a lab, for `pytest -m 'not lab'`, and what needs the machine for itself.

    Of the others, scenarios of one lab follow each other in one process.
    """
    for item in items:
        for lab in set(LABS) & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.xdist_group(lab))
            if lab not in ("vault", "forge", "bare") and item.path.stem.startswith(STEADY):
                item.add_marker(pytest.mark.steady)
