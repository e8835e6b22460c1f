"""Looking at the managers of a swarm that may have lost its quorum, every server at once.

Of an engine that is stopped, or that finds no leader, the files of its swarm tell what it is:
its certificate has its node's id, its swarm's, and its role.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate.deploy.facts import OPEN, REFUSED, try_ports
from quorate.deploy.swarm_state import membership
from quorate.errors import CommandError, EngineError, QuorateError, UnreachableError
from quorate.fleet.model import Fleet, Role, Server
from quorate.observe.certificate import subject
from quorate.observe.connect import Connections, in_parallel
from quorate.observe.snapshot import node
from quorate.observe.targets import target_of
from quorate.recover.quorum.model import Listed, Seen, Sight
from quorate.recover.quorum.raftlog import Reach, by_names, last_entry, newest
from quorate.tools import clock, docker, parallel, ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

FORCED = "quorate.quorum.forced"
"""A label of the swarm: when a cluster was forced in it, so that two can be told apart."""

AS_ROOT = (
    'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n sh -s; '
    "else exec sh -s; fi"
)
FILES_SECONDS, LOG_SECONDS = 25.0, 60.0
STEP_DOWN_SECONDS, STEP_DOWN_POLL_SECONDS = 30.0, 1.0
"""Swarm's managers wait 10 to 20 s for their leader, and it for them."""
PORTS = (2377, 7946, 22)
WORDS = 200

FILES = r"""
root=$(sed -n 's/.*"data-root"[^"]*"\([^"]*\)".*/\1/p' /etc/docker/daemon.json 2>/dev/null)
cd "${root:-/var/lib/docker}/swarm" 2>/dev/null || exit 0
echo @certificate; cat certificates/swarm-node.crt 2>/dev/null
echo; echo @remotes; cat state.json 2>/dev/null
echo; echo @engine; cat docker-state.json 2>/dev/null
echo; echo @log; ls raft/wal-v3-encrypted raft/snap-v3-encrypted 2>/dev/null
echo @end
"""
SEGMENT = r"""
root=$(sed -n 's/.*"data-root"[^"]*"\([^"]*\)".*/\1/p' /etc/docker/daemon.json 2>/dev/null)
gzip -c -1 "${root:-/var/lib/docker}/swarm/raft/wal-v3-encrypted/NAME" | base64
"""


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a server's files tell of its swarm."""

    node: str = ""
    cluster: str = ""
    manager: bool = False
    address: str = ""
    peers: tuple[str, ...] = ()
    log: Reach | None = None
    segments: tuple[str, ...] = ()


def look(connections: Connections, *, logs: bool = True) -> Sight:
    """Ask every server of the fleet, over ssh and its engine, and what they reach of each other.

    Takes about 20 s where an engine finds no leader. Raises nothing for a server's sake.

    Args:
        logs: read how far the logs reach, where one has to be chosen.
    """
    fleet = connections.fleet
    servers = parallel.run(lambda server: _seen(server, connections), fleet.servers)
    seen = [one for one, _ in servers]
    rivals = [one.server for one in seen if one.manager and one.answers and not one.works]
    if logs and len(rivals) > 1:
        seen = _with_logs(fleet, servers, rivals)
    alive = {} if any(one.works for one in seen) else _alive(fleet, seen)
    return Sight(fleet=fleet.name, servers=tuple(seen), alive=alive)


def _seen(server: Server, connections: Connections) -> tuple[Seen, Files]:
    seen = Seen(server=server.name, leads=server.role is Role.MANAGER)
    files = Files()
    try:
        files = read_files(_run(server, FILES, FILES_SECONDS))
        seen = seen.model_copy(update={"ssh": True})
    except (UnreachableError, CommandError) as error:  # or it stands still
        return seen.model_copy(update={"error": _words(error)}), files
    try:
        update = _asked(server, connections.client(server.name))
    except QuorateError as error:
        update = {"error": _words(error)}
    of_files = {
        "node": files.node,
        "cluster": files.cluster,
        "manager": files.manager,
        "address": files.address,
        "peers": files.peers,
        "log": files.log,
    }
    known = {key: value for key, value in update.items() if value not in ("", (), None)}
    return seen.model_copy(update={**of_files, **known}), files


def _asked(server: Server, client: DockerClient) -> dict[str, Any]:
    """What its engine says; and, where it is a manager that works, what it lists.

    A leader that has just lost the others leads on until an election timeout has passed (raft's
    CheckQuorum): it is asked again until it steps down, or reaches most of them.

    Raises:
        EngineError: it does not answer.
    """
    deadline = clock.monotonic() + STEP_DOWN_SECONDS
    while True:
        found = _asked_once(server, client)
        if not found.get("works") or most_reached(found["listed"]):
            return found
        if clock.monotonic() > deadline:
            del found["works"], found["listed"]
            return {**found, "error": "it leads, and reaches too few of its managers"}
        clock.sleep(STEP_DOWN_POLL_SECONDS)


def most_reached(listed: Iterable[Listed]) -> bool:
    """Whether the managers that are reached can decide anything."""
    members = [one for one in listed if one.member]
    return 2 * sum(one.reached for one in members) > len(members)


def _asked_once(server: Server, client: DockerClient) -> dict[str, Any]:
    with docker.translated(f"the engine on {server.name} does not answer"):
        swarm = client.api.info().get("Swarm") or {}
    own = membership(server.name, swarm)
    found: dict[str, Any] = {
        "engine": True,
        "state": own.state,
        "node": own.node_id,
        "address": str(swarm.get("NodeAddr") or ""),
        "peers": own.managers if own.control or len(own.managers) > 1 else (),
        "error": own.error[:WORDS],
    }
    if own.control:
        found["manager"] = True
    if not own.works:
        return found
    found["cluster"] = own.cluster
    try:
        with docker.translated("the swarm cannot be read"):
            nodes = client.api.nodes()
            labels = (client.api.inspect_swarm().get("Spec") or {}).get("Labels") or {}
    except EngineError as error:  # it lost its leader meanwhile
        return {**found, "error": _words(error)}
    listed = tuple(_listed(raw) for raw in nodes or ())
    return {**found, "works": True, "listed": listed, "forced": str(labels.get(FORCED) or "")}


def _listed(raw: Mapping[str, Any]) -> Listed:
    one = node(raw)
    return Listed(
        id=one.id,
        hostname=one.hostname,
        manager=one.role == Role.MANAGER.value,
        member=one.reachability is not None,
        ready=one.ready,
        reached=one.reachability == "reachable",
    )


def _run(server: Server, script: str, timeout: float) -> str:
    argv = ["sh", "-c", AS_ROOT]
    return ssh.run(target_of(server), argv, input=script, timeout=timeout, check=False).stdout


def read_files(text: str) -> Files:
    """What the script printed; what cannot be read is left out. Pure."""
    parts = _sections(text)
    try:
        names = subject("\n".join(parts.get("certificate", ())))
    except ValueError:
        names = {}
    remotes = _json(parts.get("remotes", ()))
    engine = _json(parts.get("engine", ()))
    files = [line for line in parts.get("log", ()) if line]
    advertised = str(engine.get("AdvertiseAddr") or "") if isinstance(engine, dict) else ""
    listed = remotes if isinstance(remotes, list) else []
    return Files(
        node=names.get("CN", ""),
        cluster=names.get("O", ""),
        manager=names.get("OU") == "swarm-manager",
        address=_host(advertised),
        peers=tuple(_host(str(one.get("addr") or "")) for one in listed if isinstance(one, dict)),
        log=by_names(files),
        segments=newest(files),
    )


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("@"):
            lines = found.setdefault(line[1:].strip(), [])
        else:
            lines.append(line)
    return found


def _json(lines: Iterable[str]) -> Any:
    try:
        return json.loads("\n".join(lines))
    except ValueError:
        return None


def _host(address: str) -> str:
    """An address without its port."""
    host, colon, port = address.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else address


def _with_logs(
    fleet: Fleet, servers: Sequence[tuple[Seen, Files]], rivals: Sequence[str]
) -> list[Seen]:
    """The ends of the logs of those among whom one is chosen, exact where they can be read."""
    segments = {one.server: files.segments for one, files in servers if files.segments}

    def one(server: Server) -> Reach | None:
        for number, name in enumerate(segments[server.name]):
            end = segment_end(_run(server, SEGMENT.replace("NAME", name), LOG_SECONDS))
            if end is not None:
                # One that was begun a moment ago has no entry yet; or it is damaged.
                return end.model_copy(update={"least": number > 0})
        return None

    asked = [s for s in fleet.servers if s.name in rivals and s.name in segments]
    ends = in_parallel(one, asked).results
    return [
        seen.model_copy(update={"log": _further(ends.get(seen.server), seen.log)})
        for seen, _ in servers
    ]


def _further(end: Reach | None, names: Reach | None) -> Reach | None:
    """What was read, unless the names of the files tell of more."""
    if end is None or names is None or not end.least:
        return end or names
    return max(end, names, key=lambda one: one.order)


def segment_end(text: str) -> Reach | None:
    """The last entry of a segment that was sent packed; None where it cannot be read. Pure."""
    try:
        return last_entry(gzip.decompress(base64.b64decode(text)))
    except (binascii.Error, OSError, EOFError, zlib.error):
        return None


def _alive(fleet: Fleet, seen: Sequence[Seen]) -> dict[str, str]:
    """Managers that nobody here answers for, and that other servers of the fleet reach."""
    mine = {one.address for one in seen if one.answers}
    peers = {peer for one in seen for peer in one.peers}
    lost = sorted(peers - mine - {""})
    if not lost:
        return {}
    pairs = [(address, port) for address in lost for port in PORTS]
    asking = [s for s in fleet.servers if any(o.server == s.name and o.ssh for o in seen)]
    answers = in_parallel(lambda server: try_ports(server, pairs), asking).results
    found: dict[str, str] = {}
    for name, tried in answers.items():
        for (address, port), result in tried.items():
            if result in (OPEN, REFUSED):
                found.setdefault(address, f"{name} on port {port}")
    return found


def _words(error: QuorateError) -> str:
    return f"{error.what}" + (f" ({error.cause})" if error.cause else "")
