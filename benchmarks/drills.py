"""Drills repeated: Swarm's default settings against tuned ones, same fleet, same faults, in turns.

One lab of the scenarios' small fleet, deployed with one of the settings and then the other: two
labs beside each other take two cores whole, by their health checks alone. Each round loses the
worker and the leader with both settings. Twelve minutes a round (`QUORATE_DRILL_ROUNDS`: how
many; `QUORATE_DRILL_FROM`: go on with that one; `QUORATE_DRILL_LOST=leader`: that alone); every
report is kept, and every probe that was not answered.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import drills_page, machine
from benchmarks.measure import FailedError
from quorate.drill.ground_lab import BOOT
from quorate.lab.state import FILE_NAME, Lab
from quorate.swarm.timing import Behaviour, Health, Timing
from quorate.tools import docker

ROOT = Path(__file__).resolve().parents[1]
SHOP = ROOT / "tests" / "scenarios" / "fleets" / "shop"
QUORATE = ROOT / ".venv" / "bin" / "quorate"
ROUNDS = "QUORATE_DRILL_ROUNDS"
FROM = "QUORATE_DRILL_FROM"
LOST = "QUORATE_DRILL_LOST"
USUAL_ROUNDS = 8
SECONDS = 900.0
TRIES = 3
UNANSWERED = "drills-unanswered.csv.gz"
REST_SECONDS = 10.0
"""After a deployment: what started at once holds up the others' answers."""
ENGINE_LOG = "/var/log/dockerd.log"
LOGGED = re.compile(r'^time="([-0-9]+T[0-9:.]{12})\S* level=\w+ msg="(.*?)" module=raft', re.M)
ELECTION = re.compile(r"election|became|cast|reject|elected|lost leader|higher term|ignored")

SETTINGS: Mapping[str, tuple[str, str]] = {"tuned": ("1500ms", "0s"), "defaults": ("5s", "5s")}
"""Name → (dispatcher heartbeat, restart delay); Docker's defaults are five seconds each. With the
tuned ones a server that stands still for 2 s is never taken for lost (`tune.heartbeat_for`)."""

FAULTS: Mapping[str, Mapping[str, int]] = {
    "worker": {"tuned": 20, "defaults": 35},
    "leader": {"tuned": 45, "defaults": 70},
}
"""What is lost, by its role → settings → seconds that its power is off: longer than it can take
until all runs elsewhere (docs/evidence/predictions.md), and no longer, as a manager that was away
for long comes back late."""


def ran(
    fleet: Path, environment: Mapping[str, str], *words: str, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a verb of the command line to its end, beside the fleet file.

    Raises:
        subprocess.TimeoutExpired: not in time.
    """
    return subprocess.run(
        [str(QUORATE), *words],
        env=dict(environment),
        cwd=fleet.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


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
        done = ran(self.fleet, self.environment, *arguments, seconds=SECONDS)
        if done.returncode not in codes:
            raise FailedError(f"quorate {' '.join(arguments)}: {done.stderr[-800:]}")
        return done.stdout

    def drill(self, fault: str, seed: int) -> dict[str, Any]:
        """Drill once; the run."""
        file = self.fleet.parent / f"lose-the-{fault}.yaml"
        seconds = FAULTS[fault][self.settings]
        file.write_text(
            f"drill: {file.stem}\ntarget: {{role: {fault}}}\n"
            f"fault: {{kind: power-off, duration: {seconds}s}}\nsteady: {{window: 5s}}\n"
            "abort: {bystander_errors: 100%}\nprobes: {per_second: 10}\n"
        )
        printed = self.quorate(
            *("drill", "run", str(file), "--fleet", str(self.fleet), "--lab", "--yes", "--json"),
            *("--seed", str(seed)),
            codes=(0, 4),
        )
        run: dict[str, Any] = json.loads(printed)["runs"][0]
        if fault == "leader" and run["began"]:
            run["votes"] = list(votes(lab_of(self), run["began"]))
        about = {"settings": self.settings, "fault": fault, "seed": seed, "model": model()}
        return {**about, **run}


def model() -> str:
    """The model's constants as one word: what was predicted before a change can be told apart."""
    constants = repr((Timing(), Health(), Behaviour(), BOOT))
    return hashlib.sha256(constants.encode()).hexdigest()[:8]


def votes(lab: Lab, since: str) -> Iterator[str]:
    """What the managers' engines have logged of elections from a moment on: server, time, words.

    Why an election took two rounds is not to be seen in anything else.
    """
    for node in lab.nodes:
        words = ("exec", node.container, "grep", "module=raft", ENGINE_LOG)
        said = docker.cli(lab.engine_socket, *words, check=False).stdout
        for at, text in LOGGED.findall(said):
            if at >= since[:19] and ELECTION.search(text):
                yield f"{node.server} {at[11:]} {text}"


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

    def read(self, path: Path) -> None:
        """Take what another run has written."""
        with gzip.open(path, "rt", newline="") as text:
            self.rows += [tuple(row) for row in csv.reader(text)][1:]

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
    first = int(os.environ.get(FROM, "1"))
    asked = lost_by(os.environ.get(LOST, ""))
    if first > 1:
        runs += json.loads((directory / "drills.json").read_text())["runs"]
        raw.read(directory / UNANSWERED)
    here = site(place)
    try:
        here.quorate("lab", "up", str(here.fleet))
        for number, settings, faults in turns(rounds, first, asked):
            here = settled(here, settings)
            for fault in faults:
                where_now = f"round {number} of {rounds}: {fault}, {settings}"
                print(f"evidence: drills: {where_now}", flush=True)
                for run in tries(here, fault, number):
                    runs.append(raw.take(run))
                drills_page.write(directory, where, runs)
                raw.write(directory / UNANSWERED)
    finally:
        here.quorate("lab", "down", str(here.fleet), "--yes", codes=range(256))


def lost_by(text: str) -> tuple[str, ...]:
    """What is lost in each round; all when nothing is said.

    Raises:
        FailedError: it is nothing that can be lost.
    """
    asked = tuple(word.strip() for word in text.split(",") if word.strip())
    if unknown := [word for word in asked if word not in FAULTS]:
        raise FailedError(f"{LOST}: {', '.join(unknown)} cannot be lost, but {', '.join(FAULTS)}")
    return asked or tuple(FAULTS)


def turns(
    rounds: int, first: int = 1, faults: tuple[str, ...] = tuple(FAULTS)
) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Round, settings and what is lost with them; who is second goes first in the next round."""
    for number in range(first, rounds + 1):
        order = tuple(SETTINGS) if number % 2 else tuple(SETTINGS)[::-1]
        for settings in order:
            yield number, settings, faults


def tries(here: Site, fault: str, seed: int) -> Iterator[dict[str, Any]]:
    """A drill, again where nothing was lost, as a probe had no answer before; all are kept."""
    for _ in range(TRIES):
        run = here.drill(fault, seed)
        yield run
        if run["began"]:
            return


def site(place: Path) -> Site:
    """A copy of the fleet under a name of its own, with the settings it has."""
    shutil.copytree(SHOP, place / "shop")
    fleet = place / "shop" / "fleet.yaml"
    fleet.write_text(re.sub(r"(?m)^name: .*$", "name: drills", fleet.read_text()))
    environment = {**os.environ, "XDG_STATE_HOME": str(place / "state"), "NO_COLOR": "1"}
    return Site(settings="", fleet=fleet, environment=environment)


def settled(here: Site, settings: str) -> Site:
    """The site with these settings, deployed."""
    changed = written(here, settings)
    if settings != here.settings:
        changed.quorate("up", str(here.fleet), "--lab", "--yes")
        time.sleep(REST_SECONDS)
    return changed


def written(here: Site, settings: str) -> Site:
    """The site with these settings in its files."""
    heartbeat, delay = SETTINGS[settings]
    text = here.fleet.read_text()
    here.fleet.write_text(re.sub(r"heartbeat: \w+", f"heartbeat: {heartbeat}", text))
    for path in here.fleet.parent.glob("*.yaml"):
        if path != here.fleet and not path.name.startswith("lose-"):
            path.write_text(re.sub(r"(?<!\w)delay: \w+", f"delay: {delay}", path.read_text()))
    return replace(here, settings=settings)
