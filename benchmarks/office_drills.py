"""The seven drills of the example office on its lab: to their end, and killed in the middle.

To its end: with a verdict, and nothing left behind. Killed: Quorate gets SIGKILL some seconds
after the fault began; the lease undoes the fault, `quorate drill undo` removes what was written.
Killed ones last half a minute, their lease ten seconds more. Forty minutes in all;
`QUORATE_OFFICE_DRILLS` names some of them, separated by commas.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks import machine
from benchmarks.drills import Site, lab_of
from benchmarks.measure import FailedError
from quorate.drill.ground_lab import LabGround

OFFICE = Path(__file__).resolve().parents[1] / "examples" / "office"
SOME = "QUORATE_OFFICE_DRILLS"
TOKENS: Mapping[str, tuple[str, ...]] = {
    "lose-two-managers": ("--allow-quorum-loss", "hppavilion,wsasus"),
}
BROKEN = "broken; undone after"
DURATION, LEASE = 30.0, 40.0
"""Seconds, of drills that are killed."""
KILLED_AFTER = 5.0
LEFT_SECONDS = 120.0
TRIES = 3
REST_SECONDS = 20.0
"""Before a drill whose probes had no answers, as all was busy, is tried again."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A drill that was run. `undone`: seconds until nothing was left of the fault."""

    drill: str
    killed: bool
    resilience: str = ""
    agreement: str = ""
    why: tuple[str, ...] = ()
    phases: tuple[Mapping[str, Any], ...] = ()
    undone: float | None = None
    left: tuple[str, ...] = ()
    seconds: float = 0.0
    misled: tuple[str, ...] = field(default=())


def chosen() -> list[Path]:
    """The drill files, in order."""
    names = [name for name in os.environ.get(SOME, "").split(",") if name]
    files = sorted((OFFICE / "drills").glob("*.yaml"))
    return [path for path in files if not names or path.stem in names]


def shortened(text: str) -> str:
    """A drill that lasts half a minute, with its lease."""
    drill = yaml.safe_load(text)
    drill["fault"]["duration"] = f"{DURATION:.0f}s"
    drill["undo"] = {"lease": f"{LEASE:.0f}s"}
    return yaml.safe_dump(drill, sort_keys=False)


def to_its_end(here: Site, file: Path) -> Ended:
    """Run a drill whole; its verdict, and what is left. Again where nothing was broken."""
    for _ in range(TRIES):
        began = time.monotonic()
        printed = here.quorate(*_command(here, file), "--json", codes=(0, 4))
        run: dict[str, Any] = json.loads(printed)["runs"][0]
        if run["began"]:
            break
        time.sleep(REST_SECONDS)
    return Ended(
        drill=file.stem,
        killed=False,
        resilience=run["resilience"],
        agreement=run["agreement"],
        why=tuple(run["why"]),
        phases=tuple(run["phases"]),
        misled=tuple(run["misled"]),
        left=tuple(_left(here)),
        seconds=round(time.monotonic() - began, 1),
    )


def killed(here: Site, file: Path, place: Path) -> Ended:
    """Kill Quorate in the middle of a drill, and wait for the lease.

    Raises:
        FailedError: it did not come so far.
    """
    short = place / f"{file.stem}.yaml"
    short.write_text(shortened(file.read_text()))
    for _ in range(TRIES):
        began = time.monotonic()
        said, broken = _cut_off(here, short)
        if BROKEN in said:
            break
        time.sleep(REST_SECONDS)
    else:
        raise FailedError(f"{file.stem}: nothing was broken: {said[-800:]}")
    undone = _undone(here, broken)
    here.quorate("drill", "undo", str(here.fleet))
    left = _left(here)
    here.quorate("up", str(here.fleet), "--lab", "--yes")
    return Ended(
        drill=file.stem,
        killed=True,
        undone=undone,
        left=tuple(left),
        seconds=round(time.monotonic() - began, 1),
    )


def _cut_off(here: Site, file: Path) -> tuple[str, float]:
    """Begin a drill and kill it soon after the fault; what it said, and when the fault began."""
    command = [str(here.program), *_command(here, file)]
    with subprocess.Popen(
        command, env=dict(here.environment), cwd=here.fleet.parent,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        said = _until(running, BROKEN)
        broken = time.monotonic()
        if BROKEN in said:
            time.sleep(KILLED_AFTER)
        running.kill()
    return said, broken


def _command(here: Site, file: Path) -> tuple[str, ...]:
    token = TOKENS.get(file.stem, ())
    return "drill", "run", str(file), "--fleet", str(here.fleet), "--lab", "--yes", *token


def _until(running: subprocess.Popen[str], words: str) -> str:
    """What it said, up to some words or its end; the drill itself bounds the time."""
    said = ""
    for line in running.stderr or ():
        said += line
        if words in line:
            break
    return said


def _undone(here: Site, broken: float) -> float | None:
    """Seconds until nothing but what was written is left; None: not in time."""
    while time.monotonic() - broken < LEASE + LEFT_SECONDS:
        if not [each for each in _left(here) if "wrote" not in each]:
            return round(time.monotonic() - broken, 1)
        time.sleep(1.0)
    return None


def _left(here: Site) -> list[str]:
    return LabGround(lab_of(here)).leftovers()


def write(directory: Path, place: Path) -> None:
    """Run all, and write office-drills.json and office-drills.md after each.

    Raises:
        FailedError: a verb failed; what was seen before is written.
    """
    where = machine.describe()
    directory.mkdir(parents=True, exist_ok=True)
    home = place / "office"
    shutil.copytree(OFFICE, home)
    environment = {**os.environ, "XDG_STATE_HOME": str(place / "state"), "NO_COLOR": "1"}
    here = Site(settings="office", fleet=home / "fleet.yaml", environment=environment)
    seen: list[Ended] = []
    try:
        here.quorate("lab", "up", str(here.fleet))
        here.quorate("up", str(here.fleet), "--lab", "--yes")
        time.sleep(REST_SECONDS)
        for ended in _each(here, place):
            seen.append(ended)
            data = {"title": "The office's drills", "machine": where,
                    "drills": [asdict(each) for each in seen]}  # fmt: skip
            (directory / "office-drills.json").write_text(json.dumps(data, indent=1) + "\n")
            (directory / "office-drills.md").write_text(page(where, seen))
    finally:
        here.quorate("lab", "down", str(here.fleet), "--yes", codes=range(256))


def _each(here: Site, place: Path) -> Iterator[Ended]:
    for file in chosen():
        print(f"evidence: office-drills: {file.stem}")
        yield to_its_end(here, file)
        print(f"evidence: office-drills: {file.stem}, killed")
        yield killed(here, file, place)


def page(where: Mapping[str, object], seen: Sequence[Ended]) -> str:
    """The page."""
    return "\n".join(
        [
            "# The office's drills",
            "",
            "The example office's drills on its lab (four servers, some 70 tasks), each to its end",
            f"and once killed: SIGKILL {KILLED_AFTER:.0f} s after the fault began, which lasts",
            f"{DURATION:.0f} s with a lease of {LEASE:.0f} s.",
            "",
            f"{where['measured']}, {where['threads']} threads, {where['system']}, kernel",
            f"{where['kernel']}. Repeat with `make evidence`.",
            "",
            "| Drill | Verdict | Prediction | All running, s (predicted) | Left behind | Minutes |",
            "| --- | --- | --- | --- | --- | ---: |",
            *(
                f"| {each.drill} | {each.resilience} | {each.agreement} | {_running(each)} | "
                f"{'; '.join(each.left) or 'nothing'} | {each.seconds / 60:.1f} |"
                for each in seen
                if not each.killed
            ),
            "",
            "| Killed | Undone after, s | Left behind then |",
            "| --- | ---: | --- |",
            *(
                f"| {each.drill} | {'never' if each.undone is None else each.undone} | "
                f"{'; '.join(each.left) or 'nothing'} |"
                for each in seen
                if each.killed
            ),
            "",
            *(f"- {each.drill}: {text}" for each in seen for text in each.why),
            "",
            "Every figure: [office-drills.json](office-drills.json).",
            "",
        ]
    )


def _running(ended: Ended) -> str:
    """When all ran again, and what was predicted."""
    found = next((each for each in ended.phases if each["name"] == "all running"), None)
    if found is None or found["measured"] is None:
        return "–"
    span = found["predicted"]
    said = f" ({span['low']:.1f} to {span['high']:.1f})" if span else ""
    return f"{found['measured']:.1f}{said}"
