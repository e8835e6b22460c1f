"""Write the challenge's files (their format: `read`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.roadef.problem import Problem
from benchmarks.roadef.read import ASSIGNMENT, MODEL


def _line(*values: object) -> str:
    return " ".join(str(value) for value in values)


def model(problem: Problem) -> str:
    """The text of `model_NAME.txt`."""
    lines = [str(problem.resources)]
    lines += [
        _line(int(flag), weight)
        for flag, weight in zip(problem.transient, problem.load_weight, strict=True)
    ]
    lines.append(str(problem.machines))
    lines += [
        _line(
            problem.neighbourhood[machine],
            problem.location[machine],
            *problem.capacity[machine],
            *problem.safety[machine],
            *problem.machine_move[machine],
        )
        for machine in range(problem.machines)
    ]
    lines.append(str(problem.services))
    lines += [
        _line(spread, len(needs), *needs)
        for spread, needs in zip(problem.spread, problem.needs, strict=True)
    ]
    lines.append(str(problem.processes))
    lines += [
        _line(problem.service[index], *problem.requirement[index], problem.process_move[index])
        for index in range(problem.processes)
    ]
    lines.append(str(len(problem.balances)))
    for balance in problem.balances:
        lines += [_line(balance.first, balance.second, balance.target), str(balance.weight)]
    lines.append(
        _line(problem.process_move_weight, problem.service_move_weight, problem.machine_move_weight)
    )
    return "\n".join([*lines, ""])


def assignment(place: Iterable[int] | Sequence[int]) -> str:
    """The text of an assignment file: the machine of each process."""
    return _line(*(int(machine) for machine in place)) + "\n"


def instance(folder: Path, name: str, problem: Problem) -> None:
    """Write both files of an instance; the folder is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODEL}{name}.txt").write_text(model(problem), "ascii")
    (folder / f"{ASSIGNMENT}{name}.txt").write_text(assignment(problem.original), "ascii")
