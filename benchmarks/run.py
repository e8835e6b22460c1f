"""Run every benchmark and write its evidence: `python -m benchmarks.run [NAME…]`.

Each benchmark measures whole processes, as a person waits for them, and leaves
docs/evidence/NAME.json (every figure), NAME.svg and NAME.md. `roadef` needs a folder with
the challenge's files, by --roadef or the variable QUORATE_ROADEF, and is skipped without.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    alarms,
    backups,
    drills,
    fleets,
    machine,
    office_backups,
    office_drills,
    picture,
    predictions,
    recoveries,
    scale_report,
)
from benchmarks.measure import Case, FailedError, Figures, measure
from benchmarks.roadef import evidence as roadef

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "docs" / "evidence"
OFFICE = ROOT / "examples" / "office" / "fleet.yaml"
PYTHON = sys.executable
QUORATE = str(Path(sys.executable).parent / "quorate")
SIZES = (10, 50, 200, 800)


def commands(_: Path) -> tuple[str, list[Case]]:
    """The verbs that need no server, beside a Python that does nothing."""
    return "Commands on the example office", [
        Case(name="python -c pass", argv=(PYTHON, "-c", "pass")),
        Case(name="quorate --help", argv=(QUORATE, "--help")),
        Case(name="quorate check", argv=(QUORATE, "check", str(OFFICE))),
        Case(name="quorate plan --json", argv=(QUORATE, "plan", str(OFFICE), "--json")),
    ]


def growth(place: Path) -> tuple[str, list[Case]]:
    """`quorate check` on fleets of growing size."""
    cases = []
    for size in SIZES:
        path = fleets.write(place / str(size), services=size)
        cases.append(Case(name=f"check, {size} services", argv=(QUORATE, "check", str(path))))
    return "Reading fleets of growing size", cases


REPORTS: dict[str, Callable[[Path, Path], None]] = {
    "scale": scale_report.write,
    "roadef": roadef.write,
    "predictions": predictions.write,
    "drills": drills.write,
    "alarms": alarms.write,
    "office-drills": office_drills.write,
    "backups": backups.write,
    "office-backups": office_backups.write,
    "recoveries": recoveries.write,
}
"""Benchmarks that measure and write in their own way: (evidence, a place to work)."""

BENCHMARKS: dict[str, Callable[[Path], tuple[str, list[Case]]]] = {
    "commands": commands,
    "growth": growth,
}


EVERY = (*BENCHMARKS, *REPORTS)


def page(title: str, name: str, figures: Sequence[Figures], where: dict[str, object]) -> str:
    """The page of one benchmark."""
    rows = []
    for item in figures:
        found = item.as_json()
        seconds = found["seconds"]
        assert isinstance(seconds, dict)
        memory = max(run.peak_memory for run in item.runs) / 2**20
        times = " / ".join(f"{seconds[key]:.2f}" for key in ("min", "median", "max"))
        rows.append(f"| {item.name} | {times} | {memory:.0f} | {len(item.runs)} |")
    gibibytes = int(str(where["memory"])) / 2**30
    return "\n".join(
        [
            f"# {title}",
            "",
            f"Whole processes, run in turns on {where['measured']}: {where['threads']} threads,",
            f"{gibibytes:.0f} GiB, {where['system']}, kernel {where['kernel']}, Python",
            f"{where['python']}, load {where['load']} at the start. One machine, one evening:",
            "take the order of magnitude. Repeat with `make evidence`.",
            "",
            "| Command | Seconds: min / median / max | Peak memory, MiB | Runs |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"![{title}]({name}.svg)",
            "",
            f"Every figure: [{name}.json]({name}.json).",
            "",
        ]
    )


def run(name: str, rounds: int, place: Path) -> None:
    """Measure one benchmark and write its three files."""
    if name in REPORTS:
        REPORTS[name](EVIDENCE, place)
        return
    where = machine.describe()
    title, cases = BENCHMARKS[name](place)
    figures = measure(cases, rounds=rounds, directory=place)
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    data = {"title": title, "machine": where, "cases": [item.as_json() for item in figures]}
    (EVIDENCE / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n")
    (EVIDENCE / f"{name}.svg").write_text(picture.bars(title, figures))
    (EVIDENCE / f"{name}.md").write_text(page(title, name, figures, where))


def main() -> int:
    """Run what is named, or all; 1 when a measured command failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EVERY))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--roadef", metavar="FOLDER", help="of the challenge's files")
    options = parser.parse_args()
    if options.roadef:
        os.environ[roadef.FOLDER] = options.roadef
    unknown = set(options.names) - set(EVERY)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as place:
        for name in options.names or EVERY:
            print(f"evidence: {name}")
            try:
                run(name, options.rounds, Path(place))
            except FailedError as error:
                print(f"evidence: {name}: {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
