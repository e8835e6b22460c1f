"""The example office on a lab of its own, shared by every scenario and removed at the end.

The fleet is copied under a name of its own, so that a lab the developer has
running stays as it is; a lock lets only one test run on this machine use labs.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.tools import filelock

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Installed beside the interpreter that runs the tests, so it is the code under test.
QUORATE = Path(sys.executable).parent / "quorate"
LOCK = Path(tempfile.gettempdir()) / "quorate-scenarios.lock"
LOCK_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class Office:
    """A fleet file with a running lab, and the command line that works on it."""

    fleet: Path
    environment: dict[str, str]

    def quorate(
        self, *arguments: str, timeout: float = 600.0, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end, standard input empty; fail unless it ends with `code`."""
        done = subprocess.run(
            [str(QUORATE), *arguments],
            env=self.environment,
            cwd=self.fleet.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if code is not None and done.returncode != code:
            said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            pytest.fail(f"quorate {' '.join(arguments)} ended with {done.returncode}:\n{said}")
        return done

    def json(self, *arguments: str, timeout: float = 600.0, code: int | None = 0) -> Any:
        """What a verb prints with `--json`."""
        return json.loads(self.quorate(*arguments, "--json", timeout=timeout, code=code).stdout)


def copy_fleet(example: str, place: Path) -> Path:
    """A copy of an example under a name that no other lab on this machine has."""
    directory = place / example
    shutil.copytree(EXAMPLES / example, directory)
    fleet = directory / "fleet.yaml"
    text, count = re.subn(r"(?m)^name: .*$", f"name: test-{os.getpid()}", fleet.read_text())
    assert count == 1, "the fleet file has one line with its name"
    fleet.write_text(text)
    return fleet


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of the example office, its nodes up, nothing deployed yet."""
    place = tmp_path_factory.mktemp("office")
    environment = {**os.environ, "XDG_STATE_HOME": str(place / "state"), "NO_COLOR": "1"}
    found = Office(fleet=copy_fleet("office", place), environment=environment)
    with filelock.hold(LOCK, what="the labs of a test run", timeout=LOCK_SECONDS):
        try:
            found.quorate("lab", "up", str(found.fleet), timeout=900)
            yield found
        finally:
            found.quorate("lab", "down", str(found.fleet), timeout=300, code=None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the lab, for `pytest -m 'not lab'`."""
    for item in items:
        if "office" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)
