"""Time whole commands, side by side: the turns alternate, so that a busy minute hits all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command to measure. `argv[0]` is a full path."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: wall-clock seconds, and the peak resident memory in bytes."""

    seconds: float
    peak_memory: int


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a case took over all its runs."""

    name: str
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> list[float]:
        return [run.seconds for run in self.runs]

    def as_json(self) -> dict[str, object]:
        """JSON-ready; seconds in milliseconds' precision, memory in bytes."""
        return {
            "name": self.name,
            "runs": len(self.runs),
            "seconds": {
                "min": round(min(self.seconds), 3),
                "median": round(statistics.median(self.seconds), 3),
                "max": round(max(self.seconds), 3),
                "all": [round(value, 3) for value in self.seconds],
            },
            "peak_memory": max(run.peak_memory for run in self.runs),
        }


class FailedError(Exception):
    """A measured command did not end with 0."""


def run_once(argv: Sequence[str], directory: Path) -> Run:
    """Run a command to its end and read what the kernel counted for it.

    Raises:
        FailedError: it did not end with 0; carries its standard error.
    """
    error = directory / "stderr"
    with error.open("wb") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err
        )
        # wait4 gives the figures of this very child, not of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise FailedError(f"{' '.join(argv)}: {error.read_text(errors='replace')[-2000:]}")
    return Run(seconds=seconds, peak_memory=usage.ru_maxrss * 1024)


def measure(cases: Sequence[Case], *, rounds: int, directory: Path) -> list[Figures]:
    """Each case `rounds` times, in turns, after one run of each that does not count."""
    for case in cases:
        run_once(case.argv, directory)
    runs: dict[str, list[Run]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            runs[case.name].append(run_once(case.argv, directory))
    return [Figures(name=case.name, runs=tuple(runs[case.name])) for case in cases]
