"""Solve instances one after another, each in a process of its own, and check what comes out."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.roadef import check, generate, read, write
from benchmarks.roadef.problem import RoadefError
from benchmarks.roadef.results import Standing, standing

ROOT = Path(__file__).resolve().parents[2]
SOLVER = "benchmarks.roadef.ours:improve"

OVERTIME = 60.0
"""Seconds that a solver may go on beyond its limit."""

WARM_SECONDS, WARM_ROUNDS, COMPILING = 8.0, 4, 900.0
"""The kernels are compiled before the first measured run, as a C++ program's would be. It may
take `COMPILING` seconds: one core's half a minute, several minutes on a busy machine."""

SHOWN = 5
"""Violated rules named when a solution is not allowed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The same for every instance. `seconds` wall clock for each, reading in it.

    A solver is killed `overtime` seconds after that.
    """

    seconds: float
    seed: int
    solver: str = SOLVER
    overtime: float = OVERTIME


@dataclass(frozen=True, kw_only=True)
class Solved:
    """One instance, checked: what `check` says the solution costs, not what the solver said.

    `seconds` wall clock of the whole process, `peak_memory` bytes, `stopped` by hand,
    `clock`: time ended before what the solver had planned, so that another run may differ;
    `trajectory` (seconds, cost) as the solver told it, the last point checked.
    """

    name: str
    sizes: dict[str, int]
    original: check.Cost
    cost: check.Cost
    bound: int
    seconds: float
    peak_memory: int
    stopped: bool
    clock: bool
    trajectory: tuple[tuple[float, int], ...]

    @property
    def standing(self) -> Standing:
        """Beside what is published."""
        return standing(self.name, self.original.total, self.cost.total)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended. `code` is negative for a signal."""

    code: int
    seconds: float
    peak_memory: int
    error: str
    interrupted: bool


def series(
    folder: Path, names: Sequence[str], settings: Settings, solutions: Path
) -> Iterator[Solved | RoadefError]:
    """Each instance's result as it is there, or what went wrong with it; ends after Ctrl-C.

    Solutions are left in `solutions` as `solution_NAME.txt`, in the challenge's format.
    """
    for name in names:
        try:
            found = solve(folder, name, settings, solutions)
        except RoadefError as error:
            yield error
            continue
        yield found
        if found.stopped:
            return


def solve(folder: Path, name: str, settings: Settings, solutions: Path) -> Solved:
    """Solve one instance and have the checker confirm feasibility and cost.

    Raises:
        RoadefError: files that cannot be used, a solver that failed, broke a rule, or
            claimed a cost or a bound that is not so.
        KeyboardInterrupt: stopped before there was a solution.
    """
    problem = read.read(folder, name)
    original = problem.original.tolist()
    broken = check.violations(problem, original)
    if broken:
        raise RoadefError(f"{name}: the original assignment is not allowed: {_some(broken)}")
    solutions = solutions.resolve()
    solution, report = solutions / f"solution_{name}.txt", solutions / f"report_{name}.json"
    for path in (solution, report):
        path.unlink(missing_ok=True)
    ended = _run(
        _command(folder, name, settings, solution, report), settings.seconds + settings.overtime
    )
    if ended.interrupted and not report.exists():
        raise KeyboardInterrupt
    if ended.code != 0:
        raise RoadefError(f"{name}: {_why(ended, settings)}")
    said = json.loads(report.read_text())
    report.unlink()
    place = read.assignment(solution, problem.processes, problem.machines).tolist()
    broken = check.violations(problem, place)
    if broken:
        raise RoadefError(f"{name}: the solution is not allowed: {_some(broken)}")
    cost = check.cost(problem, place)
    if cost.total != said["cost"]:
        raise RoadefError(f"{name}: the solver says {said['cost']}, it costs {cost.total}")
    if said["bound"] > cost.total:
        raise RoadefError(f"{name}: bound {said['bound']} above the cost {cost.total}: not a bound")
    return Solved(
        name=name,
        sizes={
            "machines": problem.machines,
            "processes": problem.processes,
            "services": problem.services,
            "resources": problem.resources,
        },
        original=check.cost(problem, original),
        cost=cost,
        bound=said["bound"],
        seconds=ended.seconds,
        peak_memory=ended.peak_memory,
        stopped=said["stopped"] or ended.interrupted,
        clock=said["clock"],
        trajectory=tuple((seconds, value) for seconds, value in said["trajectory"]),
    )


def warm(folder: Path, settings: Settings) -> float:
    """Have everything compiled on a small made-up instance in `folder`; the seconds it took.

    Raises:
        RoadefError: the solver fails even there.
        KeyboardInterrupt: stopped.
    """
    started = time.perf_counter()
    write.instance(folder, "warm", generate.generate(1))
    short = Settings(seconds=WARM_SECONDS, seed=1, solver=settings.solver, overtime=COMPILING)
    for _ in range(WARM_ROUNDS):
        found = solve(folder, "warm", short, folder)
        if found.stopped:
            raise KeyboardInterrupt
        # A run that did all it had planned went through everything, compiled.
        if not found.clock:
            break
    return time.perf_counter() - started


def _command(
    folder: Path, name: str, settings: Settings, solution: Path, report: Path
) -> list[str]:
    options: dict[str, Any] = {
        "--seconds": settings.seconds,
        "--seed": settings.seed,
        "--solver": settings.solver,
        "--solution": solution,
        "--report": report,
    }
    command = [sys.executable, "-m", "benchmarks.roadef.worker", str(folder.resolve()), name]
    return command + [str(word) for option in options.items() for word in option]


def _run(command: Sequence[str], most: float) -> Ended:
    """Run to the end, or `most` seconds; Ctrl-C asks the program to end, a second one kills it."""
    started = time.perf_counter()
    interrupted = False
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        ended, until = None, started + most
        while ended is None:
            try:
                ended = _wait(process.pid, until)
                if ended is None:
                    os.kill(process.pid, signal.SIGKILL)
                    until = math.inf
            except KeyboardInterrupt:
                # Not SIGINT, which CP-SAT takes for itself while it solves; and not Popen's own
                # methods, which would reap the process, and with it its figures.
                os.kill(process.pid, signal.SIGKILL if interrupted else signal.SIGTERM)
                interrupted = True
        seconds = time.perf_counter() - started
        status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        error = errors.read().decode(errors="replace").strip()
    return Ended(
        code=process.returncode,
        seconds=seconds,
        peak_memory=usage.ru_maxrss * 1024,
        error=error,
        interrupted=interrupted,
    )


def _wait(child: int, until: float) -> tuple[int, resource.struct_rusage] | None:
    """Status and figures of a child (wait4: of it and of what it waited for); None at `until`."""
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            return status, usage
        if time.perf_counter() >= until:
            return None
        time.sleep(0.05)


def _why(ended: Ended, settings: Settings) -> str:
    last = ended.error.splitlines()[-1] if ended.error else "it said nothing"
    if ended.code == 2:
        return last
    if ended.code == -signal.SIGKILL and ended.seconds > settings.seconds + settings.overtime:
        return f"the solver was killed: it went on {settings.overtime:.0f} s after its time"
    return f"the solver ended with {ended.code}: {last}"


def _some(broken: Sequence[str]) -> str:
    more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return "; ".join(broken[:SHOWN]) + more
