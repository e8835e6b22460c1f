"""Kinds of tests run in order, and a failed kind stops the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with one test of each kind, named so that the alphabet is no help."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for kind in ("scenarios", "integration", "unit"):
        directory = tmp_path / "tests" / kind
        directory.mkdir(parents=True)
        (directory / f"test_{kind}.py").write_text(f"def test_{kind}(): pass\n")
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST.read_text())
    return tmp_path


def run(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_unit_then_integration_then_scenarios(tree: Path) -> None:
    done = run(tree, "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    order = [line.split("::")[1].split()[0] for line in done.stdout.splitlines() if "::" in line]
    assert order == ["test_unit", "test_integration", "test_scenarios"]


def test_a_failed_kind_stops_the_next(tree: Path) -> None:
    unit = tree / "tests" / "unit" / "test_unit.py"
    unit.write_text("def test_a(): assert 0\ndef test_b(): pass\n")
    done = run(tree)
    assert done.returncode == 1
    assert "unit tests failed, so the integration tests did not run" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_within_a_kind_a_failure_stops_nothing(tree: Path) -> None:
    (tree / "tests" / "scenarios" / "test_a.py").write_text("def test_a(): assert 0\n")
    assert "1 failed, 3 passed" in run(tree).stdout
