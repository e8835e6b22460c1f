"""Probes at work: a prober on each of two servers that stay, inside the services' networks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from quorate.drill.listening import Target
from quorate.drill.samples import Sample, parse
from quorate.errors import LabError
from quorate.fleet.observed import Snapshot
from quorate.lab.keeper import LABEL_DRILL
from quorate.lab.state import Lab
from quorate.tools import clock, command

VANTAGES = 2
PATIENCE = 1.0
"""Seconds after which a probe without an answer has failed."""
CONTAINER = "quorate-probe"
FIRST_SECONDS = 30.0
END_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the probers do. `networks` they join; `image` has Python, and is on the servers."""

    targets: tuple[Target, ...]
    networks: tuple[str, ...]
    image: str
    rate: float
    seconds: float
    drill: str


def networks_of(seen: Snapshot, hosts: Sequence[str]) -> tuple[str, ...]:
    """The attachable networks that services (by their Swarm names) are in."""
    names = {details["id"]: name for name, details in seen.networks.items()}
    found: dict[str, None] = {}
    for service in seen.services:
        if service.name in hosts:
            template = service.spec.get("TaskTemplate") or {}
            for network in template.get("Networks") or service.spec.get("Networks") or ():
                name = names.get(str(network.get("Target")))
                if name and seen.networks[name]["attachable"]:
                    found[name] = None
    return tuple(found)


def script(plan: Plan) -> str:
    """What a server's shell runs: make the prober's container, join every network, go. Pure."""
    program = (resources.files("quorate.drill") / "assets" / "prober.py").read_text()
    given = {
        "targets": [asdict(target) for target in plan.targets],
        "rate": plan.rate,
        "seconds": plan.seconds,
        "patience": PATIENCE,
    }
    first, *more = plan.networks
    create = [
        *("docker", "create", "-i", "--rm", "--name", CONTAINER, "--network", first),
        *("--label", f"{LABEL_DRILL}={plan.drill}", "--entrypoint", "python3", plan.image),
        *("-I", "-S", "-u", "-c", program, json.dumps(given)),
    ]
    lines = [f"docker rm -f {CONTAINER} > /dev/null 2>&1", f"{shlex.join(create)} > /dev/null"]
    lines += [shlex.join(["docker", "network", "connect", name, CONTAINER]) for name in more]
    return "\n".join([lines[0], "set -e", *lines[1:], f"exec docker start -a -i {CONTAINER}"])


class Probers:
    """The probers of one run; they end when `stop` is called, or this process ends."""

    def __init__(self, lab: Lab, servers: Sequence[str], plan: Plan, directory: Path) -> None:
        self.lab, self.servers, self.plan, self.directory = lab, tuple(servers), plan, directory
        self._running: dict[str, command.Spawned] = {}

    def start(self) -> None:
        """Start them, and wait until each has answers.

        Raises:
            LabError: one does not start; its last words are the cause.
        """
        if not self.plan.targets or not self.plan.networks:
            return
        text = script(self.plan)
        for server in self.servers:
            self._running[server] = command.spawn(
                [
                    *("docker", "-H", f"unix://{self.lab.engine_socket}", "exec", "-i"),
                    *(self.lab.node(server).container, "bash", "-c", text),
                ],
                log_file=self.file(server),
                tied=True,
            )
        deadline = clock.monotonic() + FIRST_SECONDS
        for server, process in self._running.items():
            while not self.samples(server):
                if process.poll() is not None or clock.monotonic() > deadline:
                    said = self.file(server).read_text(errors="replace")
                    self.stop()
                    raise LabError(
                        f"the probes on {server} do not start",
                        cause=command.last_lines(said) or None,
                        todo="nothing was broken; `quorate lab up` mends the lab",
                    )
                clock.sleep(0.1)

    def file(self, server: str) -> Path:
        """Where a prober's lines go."""
        return self.directory / f"probes-{server}.txt"

    def samples(self, server: str) -> list[Sample]:
        """All samples of a vantage point so far."""
        path = self.file(server)
        return parse(path.read_text(errors="replace").splitlines()) if path.exists() else []

    def recent(self, server: str, *, since: float) -> list[Sample]:
        """Samples due at `since` (seconds since 1970) or later."""
        return [sample for sample in self.samples(server) if sample.due >= since]

    def stop(self) -> None:
        """End them; their standard input closes, and they go."""
        for process in self._running.values():
            command.let_go(process, patience=END_SECONDS)
        self._running.clear()
