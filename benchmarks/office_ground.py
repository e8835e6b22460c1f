"""The lab of the office under measurement: its verbs with their seconds, its tasks, its swarm."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.drills import QUORATE, Site, lab_of, ran
from benchmarks.measure import FailedError
from benchmarks.office_verdict import failure, unproven
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.fleet.read import read_fleet
from quorate.lab import nodes
from quorate.lab.state import Lab
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe

VERB_SECONDS = 3600.0
LOOK_SECONDS = 1.0
ASK_SECONDS = 30.0
SAID = 2000
"""So much of what failed is kept, characters."""

Raw = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """A verb that was run: its words, exit code, wall-clock seconds, JSON, last words."""

    words: str
    code: int
    seconds: float
    answer: Any = None
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task that runs, as a container on a server."""

    server: str
    container: str


@dataclass
class Ground:
    """One lab, its fleet file, and all verbs that were run on it."""

    fleet: Path
    environment: Mapping[str, str]
    verbs: list[Verb] = field(default_factory=list)

    @property
    def lab(self) -> Lab:
        """The lab's own record, as it is now."""
        return lab_of(Site(settings="office", fleet=self.fleet, environment=self.environment))

    def desired(self) -> Fleet:
        """The fleet as it is in the lab."""
        return read_fleet(self.fleet, override=self.lab.override)

    def run(self, *words: str, codes: Sequence[int] = (0,), seconds: float = VERB_SECONDS) -> Verb:
        """Run a verb to its end, and keep it; `--json` answers are read.

        Raises:
            FailedError: it ended otherwise, or not in time.
        """
        began = time.monotonic()
        try:
            done = ran(self.fleet, self.environment, *words, seconds=seconds)
        except subprocess.TimeoutExpired as error:
            raise FailedError(f"quorate {' '.join(words)}: not ended in {seconds:.0f} s") from error
        answer = _json(done.stdout) if "--json" in words else None
        verb = Verb(
            words=" ".join(words).replace(str(self.fleet), "fleet.yaml"),
            code=done.returncode,
            seconds=round(time.monotonic() - began, 1),
            answer=answer,
            said=done.stderr[-SAID:].replace(str(self.fleet.parent), ""),
        )
        self.verbs.append(verb)
        if done.returncode not in codes:
            why = failure(answer) or f"{unproven(answer)}{verb.said}"
            raise FailedError(f"quorate {verb.words} ended with {verb.code}: {why}")
        return verb

    def backup(self, verb: str, *words: str, codes: Sequence[int] = (0,)) -> Verb:
        """`quorate backup VERB … --lab --json`."""
        where = (str(self.fleet),) if verb == "status" else ("--fleet", str(self.fleet))
        return self.run("backup", verb, *words, *where, "--lab", "--json", codes=codes)

    def up(self) -> Verb:
        """Deploy what the fleet file says."""
        return self.run("up", str(self.fleet), "--lab", "--yes")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb in a process group of its own; the caller ends it."""
        return subprocess.Popen(
            [str(QUORATE), *words],
            env=dict(self.environment),
            cwd=self.fleet.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            process_group=0,
        )

    def inside(self, service: str, line: str, words: Sequence[str] = ()) -> str:
        """Run a shell's line in a task of a service: a `Door`.

        Raises:
            FailedError: it did not end with 0.
        """
        argv = ("exec", "--fleet", str(self.fleet), "--lab", service, "--")
        full = (*argv, "sh", "-ec", line, *words)
        done = ran(self.fleet, self.environment, *full, seconds=VERB_SECONDS)
        if done.returncode != 0:
            raise FailedError(f"in {service}: {line[:80]}: {done.stderr[-SAID:]}")
        return done.stdout

    def on(self, server: str, *argv: str, input: str | None = None, seconds: float = 120.0) -> str:
        """Run a program on a server itself.

        Raises:
            LabError: it is off, or the program failed.
        """
        return nodes.execute(self.lab, server, *argv, input=input, timeout=seconds)

    def argv_on(self, server: str, *argv: str) -> list[str]:
        """The command line of a program on a server that is to be talked with."""
        lab = self.lab
        socket = f"unix://{lab.engine_socket}"
        return ["docker", "-H", socket, "exec", "-i", lab.node(server).container, *argv]

    @contextmanager
    def connected(self, *, without: str = "") -> Iterator[Connections]:
        """Connections to the lab's nodes, but for one."""
        desired = self.desired()
        servers = tuple(one for one in desired.servers if one.name != without)
        with Connections(desired.model_copy(update={"servers": servers})) as connections:
            yield connections

    def swarm(self, *, without: str = "") -> Snapshot:
        """The swarm as it is now."""
        with self.connected(without=without) as connections:
            return observe(connections.manager().client)

    def services(self, label: str, *, without: str = "") -> dict[str, Raw]:
        """The services with a label, by name, as the engine has them."""
        with self.connected(without=without) as connections:
            listed = connections.manager().client.api.services(filters={"label": label})
        return {raw["Spec"]["Name"]: raw for raw in listed}

    def task(self, service: str, *, without: str = "") -> Task | None:
        """Where a service's task runs, by its name in the swarm; None: nowhere now."""
        with self.connected(without=without) as connections:
            api = connections.manager().client.api
            wanted = {"service": service, "desired-state": "running"}
            names = {one["ID"]: one["Description"]["Hostname"] for one in api.nodes()}
            for raw in api.tasks(filters=wanted):
                status = raw.get("Status") or {}
                container = (status.get("ContainerStatus") or {}).get("ContainerID") or ""
                server = names.get(raw.get("NodeID", ""), "")
                if status.get("State") == "running" and server != without:
                    return Task(server=server, container=container)
        return None

    def down(self, *, without: str = "") -> tuple[str, ...]:
        """Services of the fleet with less tasks running than the files say."""
        seen = self.swarm(without=without)
        wanted = {one.swarm_name: one.replicas for one in self.desired().swarm_services()}
        return tuple(
            f"{name}: {len(seen.running(found)) if found else 0} of {replicas}"
            for name, replicas in wanted.items()
            if len(seen.running(found) if (found := seen.service(name)) else ()) < replicas
        )


def until(
    holds: Callable[[], object], seconds: float, *, pause: float = LOOK_SECONDS
) -> float | None:
    """Wait until something holds; seconds it took, None: not in time.

    While the managers elect a leader there is nothing to see, which is borne with.
    """
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            if holds():
                return round(time.monotonic() - began, 1)
        except QuorateError:
            pass
        time.sleep(pause)
    return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


PACKAGES = Path(__file__).resolve().parents[1] / "scripts" / "packages.sh"
NEEDED = ("age",)
"""Programs that a machine from which a fleet is deployed needs: for its recovery bundle."""


@contextmanager
def running(fleet: Path, place: Path, more: Mapping[str, str]) -> Iterator[Ground]:
    """The lab of a fleet, all of it deployed; removed at the end."""
    state = {"XDG_STATE_HOME": str(place / "state"), "NO_COLOR": "1"}
    here = Ground(fleet=fleet, environment={**os.environ, **state, **more})
    subprocess.run([str(PACKAGES), *NEEDED], check=True, stdin=subprocess.DEVNULL)
    try:
        here.run("lab", "up", str(fleet))
        make_directories(here)
        here.up()
        yield here
    finally:
        here.run("lab", "down", str(fleet), "--yes", codes=range(256))


def make_directories(here: Ground) -> None:
    """The directories of repositories, which Quorate does not make by itself."""
    for repository in here.desired().backup.repositories:
        if repository.place == "local" and repository.server is not None:
            here.on(repository.server, "mkdir", "-m", "700", "-p", repository.path)
