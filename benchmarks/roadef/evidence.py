"""The challenge as one of `make evidence`'s benchmarks; skipped where its files are not."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.measure import FailedError
from benchmarks.roadef import read
from benchmarks.roadef.problem import RoadefError
from benchmarks.roadef.run import INTERRUPTED, SECONDS, run
from benchmarks.roadef.series import Settings

FOLDER = "QUORATE_ROADEF"
"""The environment variable that names the folder with the challenge's files."""


def write(directory: Path, _: Path) -> None:
    """Solve all instances of the folder and write roadef.json, roadef.md and roadef.svg.

    Raises:
        FailedError: an instance failed; what the others gave is written.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        print(f"evidence: roadef: skipped: {FOLDER} (or --roadef) names no folder")
        return
    try:
        names = read.names(Path(folder))
    except RoadefError as error:
        print(f"evidence: roadef: skipped: {error}")
        return
    directory.mkdir(parents=True, exist_ok=True)
    settings = Settings(seconds=SECONDS, seed=1)
    code = run(Path(folder), names, settings, directory / "roadef.json")
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise FailedError("an instance failed, as said above")
