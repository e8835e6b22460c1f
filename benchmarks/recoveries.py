"""What each disaster takes, three times: from its injection to the verified end, by one command.

The scenarios of tests/scenarios are run in labs of their own, one after the other; each injects a
loss, recovers, and looks at every row, key, file and service. What they measure is gathered here.
`QUORATE_RECOVERIES` names some of them, `QUORATE_RECOVERY_ROUNDS` how often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.measure import FailedError
from tests.scenarios.figures import FILE

ROOT = Path(__file__).resolve().parents[1]
NAME = "recoveries"
CHOSEN, ROUNDS = "QUORATE_RECOVERIES", "QUORATE_RECOVERY_ROUNDS"
TIMES = 3
ROUND_SECONDS = 1800.0
"""The longest that one lab with all of its scenarios may take."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Tests of one lab, by a file and what `pytest -k` takes."""

    name: str
    file: str
    tests: str


SCENARIOS = (
    Scenario(
        name="database",
        file="test_9_recover.py",
        tests="every_row_and_its_users or redis_files or service_is_mended",
    ),
    Scenario(name="server", file="test_9_recover_server.py", tests="comes_back_whole"),
    Scenario(name="fleet", file="test_9_recover_fleet.py", tests="a_whole_fleet_comes_back"),
    Scenario(name="quorum", file="test_9_recover_quorum.py", tests="two_of_three"),
    Scenario(name="move", file="test_9_move.py", tests="written_to or gibibyte"),
    Scenario(name="both", file="test_9_mariadb.py", tests="test_"),
)
TARGETS = {
    "recover quorum": ("RTO", 120.0),
    "move, Postgres that is written to": ("outage", 8.0),
    "move, 1 GiB of 100,000 files": ("outage", 10.0),
}
"""What is wanted of some: which figure, and the most seconds."""


def write(evidence: Path, place: Path) -> None:
    """Run the scenarios, write docs/evidence/recoveries.json and .md.

    What was not run keeps its former figures.

    Raises:
        FailedError: a name is none of the scenarios', or none of them told a figure.
    """
    names = os.environ.get(CHOSEN, "").replace(",", " ").split()
    if unknown := set(names) - {one.name for one in SCENARIOS}:
        raise FailedError(f"no such scenario: {', '.join(sorted(unknown))}")
    file = evidence / f"{NAME}.json"
    raw: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for one in SCENARIOS:
        if names and one.name not in names:
            continue
        runs = [
            run(one, place / f"{one.name}-{number}", number)
            for number in range(int(os.environ.get(ROUNDS, TIMES)))
        ]
        raw[one.name] = {"machine": machine.describe(), "runs": runs}
        file.write_text(json.dumps(raw, indent=2) + "\n")
        (evidence / f"{NAME}.md").write_text("\n".join(page(raw)))
    if not any(run["figures"] for part in raw.values() for run in part["runs"]):
        raise FailedError("no scenario told a figure")


def run(scenario: Scenario, place: Path, number: int) -> dict[str, Any]:
    """One lab, and what its tests told. `passed`: whether all of them did."""
    print(f"evidence: {NAME}: {scenario.name}, {number + 1}", flush=True)
    place.mkdir()
    told = place / "figures"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", f"tests/scenarios/{scenario.file}",
         "-k", scenario.tests],
        cwd=ROOT, env={**os.environ, FILE: str(told)}, timeout=ROUND_SECONDS, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout[-6000:], file=sys.stderr)
    lines = told.read_text().splitlines() if told.exists() else []
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {
        "passed": done.returncode == 0,
        "failed": failed,
        "figures": [json.loads(line) for line in lines],
    }


def by_what(raw: dict[str, Any]) -> dict[str, list[dict[str, float]]]:
    """The figures of each disaster, in the order of the runs. Pure."""
    found: dict[str, list[dict[str, float]]] = {}
    for one in SCENARIOS:
        for each in raw.get(one.name, {}).get("runs", ()):
            for figure in each["figures"]:
                seconds = {name: value for name, value in figure.items() if name != "what"}
                found.setdefault(figure["what"], []).append(seconds)
    return found


def verdict(what: str, seconds: Sequence[dict[str, float]]) -> str:
    """Whether the worst one is within what is wanted. Pure."""
    if what not in TARGETS:
        return ""
    name, most = TARGETS[what]
    worst = max(one[name] for one in seconds)
    return f"{name} ≤ {most:.0f} s: " + ("met" if worst <= most else "**missed**")


def page(raw: dict[str, Any]) -> Iterator[str]:
    """The page, line by line."""
    yield from (
        "# What recoveries and moves take",
        "",
        "Each run: a lab of three or four servers with small amounts of data, the loss for real,",
        "one command, and a look at every row, key, file and service afterwards. RTO: from the",
        "first step until all is well, as the command reports it (of a quorum: the whole command);",
        "RPO: the age of the copy, where nothing newer is left; outage: until a client can write,",
        "or the service was healthy. Other amounts: [the office's backups](office-backups.md).",
        "",
        "Repeat with `python -m benchmarks.run recoveries`.",
        "",
        "| | Runs | RTO or outage, s | RPO, s | Target |",
        "| --- | ---: | --- | --- | --- |",
    )
    for what, seconds in by_what(raw).items():
        down = [one.get("RTO", one.get("outage", 0.0)) for one in seconds]
        lost = [one["RPO"] for one in seconds if "RPO" in one]
        yield (
            f"| {what} | {len(seconds)} | {_listed(down)} | {_listed(lost)} | "
            f"{verdict(what, seconds)} |"
        )
    yield ""
    for name, part in raw.items():
        where = part["machine"]
        passed = sum(one["passed"] for one in part["runs"])
        yield (
            f"{name}: {passed} of {len(part['runs'])} runs passed; {where['measured']}, "
            f"{where['threads']} threads, load {where['load']} afterwards."
        )
        for one in part["runs"]:
            yield from (f"- {line}" for line in one["failed"])
        yield ""
    yield f"Every figure: [{NAME}.json]({NAME}.json)."
    yield ""


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
