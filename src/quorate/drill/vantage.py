"""Probes at work: a prober on each of two servers that stay, inside the services' networks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path

from quorate.drill.ground import Ground
from quorate.drill.listening import Target
from quorate.drill.samples import Sample, parse
from quorate.fleet.observed import Snapshot
from quorate.lab.keeper import LABEL_DRILL
from quorate.tools import clock, command

VANTAGES = 2
PATIENCE = 1.0
"""Seconds after which a probe without an answer has failed."""
CONTAINER = "quorate-probe"
LOCAL = "quorate-probe-port"
HOST = "host"
"""A server's own network: asked from a service's network, its published ports do not answer (seen
with 26.1: packets vanish)."""
FIRST_SECONDS = 30.0
END_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the probers do. `image` has Python, and can be had on the servers.

    `networks`: server → the networks it joins there, and in each the numbers of its targets.
    `addresses`: of the servers, for what is asked at a server's own port.
    """

    targets: tuple[Target, ...]
    networks: Mapping[str, Mapping[str, tuple[int, ...]]]
    image: str
    rate: float
    seconds: float
    drill: str
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def vantages(self) -> tuple[str, ...]:
        """The servers asked from: those that reach most targets."""
        return tuple(server for server in self.networks if self.asked(server))[:VANTAGES]

    def asked(self, server: str) -> tuple[int, ...]:
        """The numbers of the targets that are asked from a server."""
        inside = self.networks.get(server, {}).values()
        return tuple(sorted({number for numbers in inside for number in numbers}))


def networks_of(
    seen: Snapshot, targets: Sequence[Target], stay: Iterable[str]
) -> dict[str, dict[str, tuple[int, ...]]]:
    """Server → network → the targets in it, the servers that reach most targets first.

    An engine has a network only where a task of its own is in it (26.1: a container made
    elsewhere finds none), so that is where a prober can join.
    """
    names = {
        details["id"]: name for name, details in seen.networks.items() if details["attachable"]
    }
    hosts = {node.id: node.hostname for node in seen.nodes}
    joined: dict[str, tuple[str, ...]] = {}
    there: dict[str, set[str]] = {server: set() for server in stay}
    at: dict[str, set[str]] = {target.host: set() for target in targets}
    for service in seen.services:
        template = service.spec.get("TaskTemplate") or {}
        listed = template.get("Networks") or service.spec.get("Networks") or ()
        found = tuple(names[n["Target"]] for n in listed if n.get("Target") in names)
        joined[service.name] = found
        for task in seen.running(service):
            host = hosts.get(task.node_id or "", "")
            there.get(host, set()).update(found)
            at.get(service.name, set()).add(host)
    made: dict[str, dict[str, tuple[int, ...]]] = {}
    for server, networks in there.items():
        inside = {
            name: tuple(
                n for n, t in enumerate(targets) if name in joined.get(t.host, ()) and not t.local
            )
            for name in sorted(networks)
        }
        inside[HOST] = tuple(n for n, t in enumerate(targets) if t.local and server in at[t.host])
        made[server] = {name: numbers for name, numbers in inside.items() if numbers}
    reach = {server: len({n for each in made[server].values() for n in each}) for server in made}
    return {server: made[server] for server in sorted(made, key=lambda name: -reach[name])}


def asset(name: str) -> str:
    """The text of a program for inside a container."""
    return (resources.files("quorate.drill") / "assets" / name).read_text()


def script(plan: Plan, server: str, *, local: bool = False) -> str:
    """What a server's shell runs to probe; `local`: what is asked at its own ports. Pure."""
    numbers = [n for n in plan.asked(server) if plan.targets[n].local == local]
    given = {
        "targets": [{"number": n, **_asked(plan, n, server)} for n in numbers],
        "rate": plan.rate,
        "seconds": plan.seconds,
        "patience": PATIENCE,
    }
    name = LOCAL if local else CONTAINER
    return contained(plan, server, name, asset("prober.py"), json.dumps(given))


def _asked(plan: Plan, number: int, server: str) -> dict[str, object]:
    target = plan.targets[number]
    return asdict(replace(target, host=plan.addresses[server]) if target.local else target)


def contained(plan: Plan, server: str, name: str, program: str, *arguments: str) -> str:
    """What a server's shell runs: make a container, have it join every network, go. Pure."""
    first, *more = [HOST] if name == LOCAL else [n for n in plan.networks[server] if n != HOST]
    create = [
        *("docker", "create", "-i", "--rm", "--name", name, "--network", first),
        *("--label", f"{LABEL_DRILL}={plan.drill}", "--entrypoint", "python3", plan.image),
        *("-I", "-S", "-u", "-c", program, *arguments),
    ]
    lines = [f"docker rm -f {name} > /dev/null 2>&1", f"{shlex.join(create)} > /dev/null"]
    lines += [shlex.join(["docker", "network", "connect", each, name]) for each in more]
    return "\n".join([lines[0], "set -e", *lines[1:], f"exec docker start -a -i {name}"])


def _samples(file: Path) -> list[Sample]:
    return parse(file.read_text(errors="replace").splitlines()) if file.exists() else []


def spawned(ground: Ground, server: str, text: str, file: Path) -> command.Spawned:
    """A shell on a server that ends when its standard input does; what it says goes to a file."""
    return command.spawn(ground.shell(server, text), log_file=file, tied=True)


class Probers:
    """The probers of one run; they end when `stop` is called, or this process ends."""

    def __init__(self, ground: Ground, plan: Plan, directory: Path) -> None:
        self.ground, self.plan, self.directory = ground, plan, directory
        self.servers = plan.vantages
        self._running: dict[tuple[str, bool], command.Spawned] = {}

    def start(self) -> None:
        """Start them, and wait until each has answers.

        Raises:
            LabError, MachineError: one does not start; its last words are the cause.
        """
        for server in self.servers:
            for local in sorted({self.plan.targets[n].local for n in self.plan.asked(server)}):
                text = script(self.plan, server, local=local)
                file = self.file(server, local=local)
                self._running[server, local] = spawned(self.ground, server, text, file)
        deadline = clock.monotonic() + FIRST_SECONDS
        for (server, local), process in self._running.items():
            file = self.file(server, local=local)
            while not _samples(file):
                if process.poll() is not None or clock.monotonic() > deadline:
                    said = file.read_text(errors="replace")
                    self.stop()
                    raise self.ground.broken(
                        f"the probes on {server} do not start", command.last_lines(said) or None
                    )
                clock.sleep(0.1)

    def file(self, server: str, *, local: bool = False) -> Path:
        """Where a prober's lines go; `local`: of the one that asks the server's own ports."""
        return self.directory / f"probes-{server}{'-ports' if local else ''}.txt"

    def samples(self, server: str) -> list[Sample]:
        """All samples of a vantage point so far."""
        both = _samples(self.file(server)) + _samples(self.file(server, local=True))
        return sorted(both, key=lambda sample: sample.due)

    def recent(self, server: str, *, since: float) -> list[Sample]:
        """Samples due at `since` (seconds since 1970) or later."""
        return [sample for sample in self.samples(server) if sample.due >= since]

    def stop(self) -> None:
        """End them; their standard input closes, and they go."""
        for process in self._running.values():
            command.let_go(process, patience=END_SECONDS)
        self._running.clear()
