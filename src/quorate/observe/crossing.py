"""Whether packets cross between servers inside the swarm's networks.

From the network namespace of a task's container its server's own shell connects to a port of a
task elsewhere, on which nothing has to listen: a refusal is an answer as good as any. Needs root
on the server, and bash there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.errors import QuorateError
from quorate.fleet.observed import ObservedContainer, Snapshot
from quorate.observe.connect import Connections, in_parallel
from quorate.observe.deep_names import TASK_LABEL, overlays
from quorate.observe.targets import target_of
from quorate.tools import docker, ssh

if TYPE_CHECKING:
    from quorate.fleet.model import Server

PORT = 9
SECONDS, SCRIPT_SECONDS = 3, 40.0

# Arguments: CONTAINER'S-PROCESS=ADDRESS pairs. Prints `ADDRESS PROCESS answers|mute`.
SCRIPT = r"""
root=; if [ "$(id -u)" != 0 ]; then root='sudo -n'; $root true 2>/dev/null || exit 0; fi
for pair in "$@"; do (
  process=${pair%%=*}; address=${pair#*=}
  said=$($root timeout LIMIT nsenter -t "$process" -n bash -c ": < /dev/tcp/$address/PORT" 2>&1)
  code=$?
  case $said in *refused*) code=0;; esac
  if [ $code -eq 0 ]; then echo "$address $process answers"
  else echo "$address $process mute"; fi
) & done
wait
"""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """One try: from a container on a server to the address of a task on another one."""

    server: str
    container: str
    network: str
    address: str
    other: str


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """`mute`: tries that nobody answered; `unasked`: server → why it could not try."""

    tried: int
    mute: tuple[Crossing, ...]
    unasked: Mapping[str, str]


def crossings(snapshot: Snapshot) -> tuple[Crossing, ...]:
    """One try for each network and each ordered pair of servers that have tasks in it. Pure."""
    return tuple(_crossings(snapshot))


def _crossings(snapshot: Snapshot) -> Iterator[Crossing]:
    running = {task.id for service in snapshot.services for task in snapshot.running(service)}
    names = overlays(snapshot)
    inside: dict[str, dict[str, ObservedContainer]] = {}
    for item in snapshot.containers:
        if item.state == "running" and item.labels.get(TASK_LABEL) in running:
            for network in names.keys() & item.networks.keys():
                if item.networks[network]:
                    inside.setdefault(network, {}).setdefault(item.server, item)
    for network, servers in sorted(inside.items()):
        for here, item in sorted(servers.items()):
            for there, other in sorted(servers.items()):
                if here != there:
                    yield Crossing(
                        server=here,
                        container=item.id,
                        network=names[network],
                        address=other.networks[network],
                        other=there,
                    )


def cross(connections: Connections, tries: tuple[Crossing, ...]) -> Crossed:
    """Try them, all servers at once."""

    def one(server: Server) -> list[Crossing]:
        mine = [item for item in tries if item.server == server.name]
        client = connections.client(server.name)
        processes: dict[str, int] = {}
        for item in mine:
            with docker.translated(f"a container on {server.name} cannot be looked at"):
                state = client.api.inspect_container(item.container).get("State") or {}
            processes[item.container] = int(state.get("Pid") or 0)
        pairs = [f"{processes[item.container]}={item.address}" for item in mine]
        script = SCRIPT.replace("LIMIT", str(SECONDS)).replace("PORT", str(PORT))
        said = ssh.run(
            target_of(server), ["bash", "-c", script, "bash", *pairs], timeout=SCRIPT_SECONDS
        )
        verdicts = read(said.stdout)
        if pairs and not verdicts:
            raise QuorateError(f"{server.name} does not let Quorate be root")
        return [
            item for item in mine
            if not verdicts.get((item.address, processes[item.container]), False)
        ]  # fmt: skip

    asked = {item.server for item in tries}
    found = in_parallel(one, [s for s in connections.fleet.servers if s.name in asked])
    return Crossed(
        tried=len(tries),
        mute=tuple(item for items in found.results.values() for item in items),
        unasked={name: error.what for name, error in found.errors.items()},
    )


def read(text: str) -> dict[tuple[str, int], bool]:
    """What the script printed: (address, process) → whether it was answered. Pure."""
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1].isdigit():
            found[fields[0], int(fields[1])] = fields[2] == "answers"
    return found
