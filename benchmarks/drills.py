"""Drills repeated: Swarm's default settings against tuned ones, same fleet, same faults, in turns.

Two labs of the scenarios' small fleet run side by side; each round loses the worker and the
leader of each. An hour for eight rounds (`QUORATE_DRILL_ROUNDS`); every report is kept, and every
probe that was not answered.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import drills_page, machine
from benchmarks.measure import FailedError
from quorate.lab.state import FILE_NAME, Lab

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "tests" / "scenarios" / "fleets" / "shop"
QUORATE = ROOT / ".venv" / "bin" / "quorate"
ROUNDS = "QUORATE_DRILL_ROUNDS"
USUAL_ROUNDS = 8
SECONDS = 900.0

SETTINGS: Mapping[str, tuple[str, str]] = {"tuned": ("1s", "0s"), "defaults": ("5s", "5s")}
"""Name → (dispatcher heartbeat, restart delay); Docker's defaults are five seconds each."""

FAULTS: Mapping[str, tuple[str, int]] = {"worker": ("worker", 40), "leader": ("leader", 80)}
"""Name → (role, seconds that the power is off)."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """One lab and its fleet file."""

    settings: str
    fleet: Path
    environment: Mapping[str, str]

    @property
    def program(self) -> Path:
        """The command that is run."""
        return QUORATE

    def quorate(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Run a verb; what it printed.

        Raises:
            FailedError: it ended otherwise.
        """
        done = subprocess.run(
            [str(QUORATE), *arguments],
            env=dict(self.environment),
            cwd=self.fleet.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode not in codes:
            raise FailedError(f"quorate {' '.join(arguments)}: {done.stderr[-800:]}")
        return done.stdout

    def drill(self, fault: str, seed: int) -> dict[str, Any]:
        """Drill once; the run."""
        file = self.fleet.parent / f"lose-the-{fault}.yaml"
        role, seconds = FAULTS[fault]
        file.write_text(
            f"drill: {file.stem}\ntarget: {{role: {role}}}\n"
            f"fault: {{kind: power-off, duration: {seconds}s}}\nsteady: {{window: 5s}}\n"
            "abort: {bystander_errors: 100%}\nprobes: {per_second: 10}\n"
        )
        printed = self.quorate(
            *("drill", "run", str(file), "--fleet", str(self.fleet), "--lab", "--yes", "--json"),
            *("--seed", str(seed)),
            codes=(0, 4),
        )
        run: dict[str, Any] = json.loads(printed)["runs"][0]
        return {"settings": self.settings, "fault": fault, "seed": seed, **run}


def unanswered(directory: Path) -> Iterator[tuple[str, str, str, str]]:
    """Vantage point, when due (seconds since 1970), target and outcome of failed probes."""
    for path in sorted(directory.glob("probes-*.txt")):
        for line in path.read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) == 4 and words[2] != "ok":
                yield path.stem.removeprefix("probes-"), words[0], words[1], words[2]


class Raw:
    """The failed probes of all runs, as compressed CSV; `samples` of a run names where they lie."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []

    def take(self, run: dict[str, Any]) -> dict[str, Any]:
        """Keep a run's failed probes; the run without the place, and what it says twice."""
        directory = run.pop("samples", "")
        run.pop("prediction", None)
        for row in unanswered(Path(directory)) if directory else ():
            self.rows.append((run["fault"], run["settings"], run["seed"], *row))
        return run

    def write(self, path: Path) -> None:
        """Write them; the same rows give the same bytes."""
        with gzip.GzipFile(path, "wb", mtime=0) as packed:
            text = io.TextIOWrapper(packed, newline="")
            rows = csv.writer(text)
            rows.writerow(("lost", "settings", "seed", "seen from", "due", "target", "outcome"))
            rows.writerows(self.rows)
            text.flush()


def lab_of(place: Site) -> Lab:
    """The record that a site's lab has of itself."""
    (found,) = Path(place.environment["XDG_STATE_HOME"]).glob(f"quorate/labs/*/{FILE_NAME}")
    return Lab.model_validate_json(found.read_text())


def write(directory: Path, place: Path) -> None:
    """Drill in turns and write drills.json, drills.md and drills.svg after each round.

    Raises:
        FailedError: a verb failed; the rounds before are written.
    """
    rounds = int(os.environ.get(ROUNDS, USUAL_ROUNDS))
    where = machine.describe()
    directory.mkdir(parents=True, exist_ok=True)
    runs: list[dict[str, Any]] = []
    raw = Raw()
    sites = [site(name, place) for name in SETTINGS]
    try:
        for each in sites:
            each.quorate("lab", "up", str(each.fleet))
            each.quorate("up", str(each.fleet), "--lab", "--yes")
        for number, fault, each in turns(rounds, sites):
            print(f"evidence: drills: round {number} of {rounds}: {fault}, {each.settings}")
            runs.append(raw.take(each.drill(fault, number)))
            drills_page.write(directory, where, runs)
            raw.write(directory / "drills-unanswered.csv.gz")
    finally:
        for each in sites:
            each.quorate("lab", "down", str(each.fleet), "--yes", codes=range(256))


def turns(rounds: int, sites: Sequence[Site]) -> Iterator[tuple[int, str, Site]]:
    """Every fault on every site, round by round."""
    for number in range(1, rounds + 1):
        for fault in FAULTS:
            for each in sites:
                yield number, fault, each


def site(settings: str, place: Path) -> Site:
    """A copy of the fleet with other settings, under a name of its own."""
    home = place / settings
    shutil.copytree(SHOP, home / "shop")
    heartbeat, delay = SETTINGS[settings]
    fleet = home / "shop" / "fleet.yaml"
    text = re.sub(r"(?m)^name: .*$", f"name: drills-{settings}", fleet.read_text())
    fleet.write_text(re.sub(r"heartbeat: \w+", f"heartbeat: {heartbeat}", text))
    for path in fleet.parent.glob("*.yaml"):
        if path != fleet:
            path.write_text(re.sub(r"(?<!\w)delay: \w+", f"delay: {delay}", path.read_text()))
    environment = {**os.environ, "XDG_STATE_HOME": str(home / "state"), "NO_COLOR": "1"}
    return Site(settings=settings, fleet=fleet, environment=environment)
