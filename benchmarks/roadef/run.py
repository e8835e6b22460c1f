"""A whole series: solve, print a line for each instance, keep the record up to date."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.roadef import picture, read, record
from benchmarks.roadef.problem import RoadefError
from benchmarks.roadef.series import SOLVER, Settings, Solved, series, warm

SECONDS = 300.0
"""As the challenge gave, reading in it."""

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


def run(
    folder: Path,
    names: Sequence[str],
    settings: Settings,
    output: Path | None = None,
    solutions: Path | None = None,
) -> int:
    """Solve the named instances; 0, 1 when one failed, 130 when stopped by hand.

    `output` is the record's JSON file; the page (.md) and picture (.svg) are beside it. It is
    written anew after each instance, so that what was done is kept. `solutions` is a
    folder for the solution files; without it they are thrown away once checked.
    """
    where = machine.describe()
    solved: list[Solved] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        try:
            print(f"roadef: {settings.solver}: compiling", flush=True)
            spent = warm(Path(place), settings)
            print(f"roadef: {settings.seconds:g} s each, seed {settings.seed}", flush=True)
            about = record.about(settings, spent, where)
            for found in series(folder, names, settings, solutions or Path(place)):
                if isinstance(found, Solved):
                    solved.append(found)
                    print(record.line(found), flush=True)
                else:
                    failed.append(str(found))
                    print(f"roadef: {found}", file=sys.stderr, flush=True)
                if output is not None:
                    write(output, solved, failed, about)
        except RoadefError as error:
            print(f"roadef: on a small made-up instance: {error}", file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            return _stopped(solved, names)
    if solved and solved[-1].stopped:
        return _stopped(solved, names)
    return FAILED if failed else 0


def _stopped(solved: Sequence[Solved], names: Sequence[str]) -> int:
    print(f"roadef: stopped; {len(solved)} of {len(names)} instances are kept", file=sys.stderr)
    return INTERRUPTED


def write(
    output: Path, solved: Sequence[Solved], failed: Sequence[str], about: dict[str, Any]
) -> None:
    """The record's three files: FILE.json, FILE.md, FILE.svg."""
    data = record.as_json(solved, failed, about)
    output.write_text(json.dumps(data, indent=1) + "\n")
    page = record.page(solved, failed, about, output.stem)
    output.with_suffix(".md").write_text(page)
    drawn = picture.panels(record.TITLE, solved, about["settings"]["seconds"])
    output.with_suffix(".svg").write_text(drawn)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 2 when what is given cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.roadef",
        description="Solve instances of the ROADEF/EURO 2012 machine-reassignment challenge, "
        "check the solutions, and compare with published results.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with model_NAME.txt files")
    parser.add_argument("--instances", metavar="a1_1,b_1", help="some of them (all)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json")
    parser.add_argument("--solutions", type=Path, metavar="FOLDER", help="keep solution files")
    parser.add_argument("--solver", default=SOLVER, metavar="MODULE:FUNCTION")
    given = parser.parse_args(arguments)
    if not 0 < given.seconds < 1e6 or given.seed < 0:
        parser.error("--seconds must be more than 0, --seed at least 0")
    if given.output is not None and given.output.suffix != ".json":
        parser.error(f"{given.output}: the name must end in .json; page and picture go beside it")
    settings = Settings(seconds=given.seconds, seed=given.seed, solver=given.solver)
    try:
        names = read.chosen(given.folder, given.instances)
        for place in (given.solutions, given.output and given.output.parent):
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
        return run(given.folder, names, settings, given.output, given.solutions)
    except RoadefError as error:
        print(f"roadef: skipped: {error}", file=sys.stderr)
    except OSError as error:
        print(f"roadef: {error.filename}: {error.strerror}", file=sys.stderr)
    return UNUSABLE
