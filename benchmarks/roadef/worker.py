"""One instance in a process of its own: read, solve, write the solution and what was seen.

`python -m benchmarks.roadef.worker FOLDER NAME --seconds S --seed N --solver MODULE:NAME
--solution FILE --report FILE`. The time counts from the start of this program, reading and
importing in it. SIGTERM, Ctrl-C, or the end of the program that started it asks the solver to
stop; what it has is written.
"""

from __future__ import annotations

import time

STARTED = time.monotonic()

import argparse  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Protocol  # noqa: E402

APART = 0.2
"""Seconds between points of a trajectory; of points closer together the last is kept."""


class Result(Protocol):
    """What a solver returns: a placement [P] and its cost.

    A `bound` too if it has proven one, and `clock` where time ended before what was planned.
    """

    @property
    def place(self) -> Any: ...
    @property
    def cost(self) -> int: ...


class Trajectory:
    """Costs as they fell: (seconds since the start, cost)."""

    def __init__(self, cost: int) -> None:
        self.points: list[tuple[float, int]] = [(0.0, cost)]

    def see(self, cost: float, bound: float = 0) -> None:
        """Note a cost if it is the lowest so far (a solver's `on_progress`)."""
        if cost >= self.points[-1][1]:
            return
        now = round(time.monotonic() - STARTED, 3)
        if len(self.points) > 1 and now - self.points[-1][0] < APART:
            self.points.pop()
        self.points.append((now, int(cost)))


def solver(name: str) -> Callable[..., Result]:
    """The function `module:function`.

    Raises:
        RoadefError: there is no such module, or no such function in it.
    """
    from benchmarks.roadef.problem import RoadefError

    module, _, function = name.partition(":")
    try:
        found: Callable[..., Result] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise RoadefError(f"no solver {name} (wanted: module:function): {error}") from error
    return found


def solve(given: argparse.Namespace, stop: Callable[[], bool]) -> None:
    """Solve one instance and write solution and report."""
    from benchmarks.roadef import check, convert, read, write
    from quorate.plan.search.bound import lower_bound

    problem = read.read(given.folder, given.name)
    seen = Trajectory(check.cost(problem, problem.original.tolist()).total)
    improve = solver(given.solver)
    instance = convert.arrays(problem)
    result = improve(
        instance,
        convert.origin(problem),
        time_limit=max(0.1, given.seconds - (time.monotonic() - STARTED)),
        seed=given.seed,
        on_progress=seen.see,
        stop=stop,
    )
    seen.see(result.cost)
    given.solution.write_text(write.assignment(convert.solution(result.place)), "ascii")
    report = {
        "cost": int(result.cost),
        "bound": max(lower_bound(instance), int(getattr(result, "bound", 0))),
        "stopped": stop(),
        "clock": bool(getattr(result, "clock", False)),
        "trajectory": seen.points,
    }
    given.report.write_text(json.dumps(report))


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve; 2 with one line on standard error when something given cannot be used."""
    asked, parent = False, os.getppid()

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--solver", required=True)
    parser.add_argument("--solution", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args(arguments)
    from benchmarks.roadef.problem import RoadefError

    try:
        solve(given, lambda: asked or os.getppid() != parent)
    except RoadefError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
