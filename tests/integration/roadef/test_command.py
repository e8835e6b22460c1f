"""`python -m benchmarks.roadef` with solvers that behave and solvers that do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.roadef import generate, read, write
from benchmarks.roadef.check import cost, violations
from tests.fakes.roadef_solvers import MARKER

ROOT = Path(__file__).parents[3]


def command(folder: Path, *arguments: str, solver: str = "") -> list[str]:
    words = [sys.executable, "-m", "benchmarks.roadef", str(folder), *arguments]
    return words + (["--solver", f"tests.fakes.roadef_solvers:{solver}"] if solver else [])


def run(folder: Path, *arguments: str, solver: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments, solver=solver),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small instances."""
    place = tmp_path / "instances"
    for seed, name in enumerate(("one", "two"), start=5):
        write.instance(place, name, generate.generate(seed, processes=40))
    return place


@pytest.mark.slow
@pytest.mark.timeout(900)  # compiling takes half a minute of one core, the first time
def test_the_projects_own_solver_on_a_small_instance(folder: Path, tmp_path: Path) -> None:
    output, solutions = tmp_path / "out" / "small.json", tmp_path / "solutions"
    arguments = ("--instances", "one", "--seconds", "5", "--seed", "3")
    done = run(folder, *arguments, "-o", str(output), "--solutions", str(solutions))
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())["instances"][0]
    problem = read.read(folder, "one")
    place = read.assignment(solutions / "solution_one.txt", problem.processes, problem.machines)
    assert violations(problem, place.tolist()) == []
    assert found["cost"]["total"] == cost(problem, place.tolist()).total
    assert found["lower_bound"] <= found["cost"]["total"] < found["original"]["total"]
    assert found["trajectory"][-1][1] == found["cost"]["total"]


def test_what_is_written_and_said(folder: Path, tmp_path: Path) -> None:
    output, solutions = tmp_path / "x.json", tmp_path / "solutions"
    done = run(folder, "-o", str(output), "--solutions", str(solutions), solver="stays")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[-2:]] == ["one", "two"]
    assert "nothing published" in done.stdout
    assert {path.name for path in tmp_path.glob("x.*")} == {"x.json", "x.md", "x.svg"}
    assert (solutions / "solution_two.txt").read_text() == (
        folder / "assignment_two.txt"
    ).read_text()
    found = json.loads(output.read_text())["instances"][1]
    assert found["cost"] == found["original"]
    assert 2**20 < found["peak_memory"] < 2**31


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        ("lies", "the solver says"),
        ("claims", "not a bound"),
        ("breaks", "the solution is not allowed: capacity: machine 0"),
        ("forgets", "ends too early"),
        ("crashes", "the solver ended with 1: ValueError: no idea"),
        ("absent", "no solver tests.fakes.roadef_solvers:absent"),
    ],
)
def test_solvers_that_are_not_believed(folder: Path, solver: str, said: str) -> None:
    done = run(folder, "--instances", "one", solver=solver)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_instance_does_not_stop_the_others(folder: Path) -> None:
    (folder / "model_one.txt").write_text("2 0 1")
    done = run(folder, solver="stays")
    assert done.returncode == 1
    assert "model_one.txt: ends too early" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("two:")


def test_ctrl_c_keeps_what_was_found(folder: Path, tmp_path: Path) -> None:
    marker, output = tmp_path / "waiting", tmp_path / "x.json"
    with subprocess.Popen(
        command(folder, "--seconds", "500", "-o", str(output), solver="waits"),
        cwd=ROOT,
        env={**os.environ, MARKER: str(marker)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 240
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marker.exists()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped; 1 of 2 instances are kept" in error
    assert "Traceback" not in error
    assert out.splitlines()[-1].startswith("one:")
    kept = json.loads(output.read_text())["instances"]
    assert [(item["name"], item["stopped"]) for item in kept] == [("one", True)]
