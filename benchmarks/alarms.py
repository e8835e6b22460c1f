"""False alarms of tuned settings: servers that are well, and are busy or stand still for a moment.

A lab of the scenarios' small fleet (heartbeat 1.5 s, no restart delay). Each server in turn stands
still for one to two seconds, twenty times; then as many busy loops as the machine has threads, for
ten minutes. An alarm is a server that is taken for lost, or a task that is replaced.
`QUORATE_LOAD_SECONDS` shortens the load.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import machine
from benchmarks.drills import Site, lab_of, settled, site
from quorate.errors import QuorateError
from quorate.fleet.observed import Snapshot
from quorate.fleet.read import read_fleet
from quorate.lab import faults
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe

LOAD = "QUORATE_LOAD_SECONDS"
LOAD_SECONDS = 600.0
FREEZES = 20
SHORTEST, LONGEST = 1.0, 2.0
SEED = 1
PAUSE = 4.0
"""Seconds between two freezes: what one of them causes is seen before the next."""
LOOK_SECONDS = 0.5
BUSY = "import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass\n"


@dataclass(kw_only=True)
class Watched:
    """What was seen while nothing was lost. `blind`: looks at which no manager answered.

    `ended`: of each task that was replaced, where it was, in which state, and why.
    """

    looks: int = 0
    blind: int = 0
    lost: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    @property
    def alarms(self) -> int:
        return len(self.lost) + len(self.replaced)


class Watch:
    """Looks at the swarm over and over, in a thread of its own."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.seen = Watched()
        self.over = threading.Event()
        self.first = observe(connections.manager().client)

    def look(self) -> None:
        away: set[str] = set()
        while not self.over.wait(LOOK_SECONDS):
            self.seen.looks += 1
            try:
                now = observe(self.connections.manager().client)
            except QuorateError:
                self.seen.blind += 1
                continue
            lost = {node.hostname for node in now.nodes if not node.ready}
            self.seen.lost += sorted(lost - away)
            away = lost

    def end(self) -> Watched:
        """Look a last time: which tasks of the beginning are not there any more."""
        self.over.set()
        last = observe(self.connections.manager().client)
        gone = running(self.first).keys() - running(last).keys()
        self.seen.replaced = sorted(running(self.first)[task] for task in gone)
        names = {node.id: node.hostname for node in last.nodes}
        self.seen.ended = sorted(
            f"{running(self.first)[task.id]} on {names.get(task.node_id or '', '')}: {task.state} "
            f"{task.error}".strip()
            for task in last.tasks
            if task.id in gone
        )
        return self.seen


def running(seen: Snapshot) -> dict[str, str]:
    """Task id → its service, of all that run."""
    return {task.id: service.name for service in seen.services for task in seen.running(service)}


@contextmanager
def watching(place: Site) -> Iterator[Watch]:
    """Watch a lab's swarm."""
    lab = lab_of(place)
    with Connections(read_fleet(place.fleet, override=lab.override)) as connections:
        watch = Watch(connections)
        thread = threading.Thread(target=watch.look, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.over.set()
            thread.join(timeout=60.0)


def load(place: Site, seconds: float) -> Watched:
    """Keep every thread busy; each loop ends by itself."""
    program = BUSY.format(seconds=seconds)
    with watching(place) as watch:
        loops = [
            subprocess.Popen([sys.executable, "-c", program]) for _ in range(os.cpu_count() or 1)
        ]
        for loop in loops:
            loop.wait(timeout=seconds + 60.0)
        time.sleep(PAUSE)
        return watch.end()


def freezes(place: Site) -> tuple[Watched, list[dict[str, Any]]]:
    """Let servers stand still, in turns."""
    random, lab = Random(SEED), lab_of(place)
    made = []
    with watching(place) as watch:
        for number in range(FREEZES):
            server = lab.nodes[number % len(lab.nodes)].server
            seconds = random.uniform(SHORTEST, LONGEST)
            faults.freeze(lab, server)
            began = time.monotonic()
            try:
                time.sleep(seconds)
            finally:
                faults.thaw(lab, server)
            made.append({"server": server, "seconds": round(time.monotonic() - began, 2)})
            time.sleep(PAUSE)
        return watch.end(), made


def write(directory: Path, place: Path) -> None:
    """Measure, and write alarms.json and alarms.md.

    Raises:
        FailedError: the lab would not.
    """
    seconds = float(os.environ.get(LOAD, LOAD_SECONDS))
    where = machine.describe()
    here = site(place)
    try:
        here.quorate("lab", "up", str(here.fleet))
        here = settled(here, "tuned")
        print(f"evidence: alarms: {FREEZES} freezes")
        stood, made = freezes(here)
        print(f"evidence: alarms: load for {seconds:.0f} s")
        loaded = load(here, seconds)
    finally:
        here.quorate("lab", "down", str(here.fleet), "--yes", codes=range(256))
    directory.mkdir(parents=True, exist_ok=True)
    data = {
        "title": "False alarms",
        "machine": where,
        "freezes": {**asdict(stood), "made": made},
        "load": {**asdict(loaded), "seconds": seconds},
    }
    (directory / "alarms.json").write_text(json.dumps(data, indent=1) + "\n")
    (directory / "alarms.md").write_text(page(where, stood, made, loaded, seconds))


def page(
    where: dict[str, object],
    stood: Watched,
    made: list[dict[str, Any]],
    loaded: Watched,
    seconds: float,
) -> str:
    """The page."""
    longest = max(each["seconds"] for each in made)
    rows = [
        (f"{len(made)} freezes of 1 to 2 s (longest {longest:.2f} s), each server in turn", stood),
        (f"{seconds / 60:.0f} min with every thread busy", loaded),
    ]
    return "\n".join(
        [
            "# False alarms",
            "",
            "The scenarios' fleet (three managers, a worker, eight services) in a lab, with a",
            "heartbeat of 1.5 s and no restart delay: nothing is lost, nothing should be taken",
            "for lost.",
            "",
            f"{where['measured']}, {where['threads']} threads, {where['system']}, kernel",
            f"{where['kernel']}. Repeat with `make evidence`.",
            "",
            "| What | Servers taken for lost | Tasks replaced | Looks | Without an answer |",
            "| --- | ---: | ---: | ---: | ---: |",
            *(
                f"| {what} | {len(seen.lost)} | {len(seen.replaced)} | {seen.looks} | "
                f"{seen.blind} |"
                for what, seen in rows
            ),
            "",
            "Every figure: [alarms.json](alarms.json).",
            "",
        ]
    )
