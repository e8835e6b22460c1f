"""Gather what `status --deep` judges: from a manager, every engine, every server's shell.

Never raises for what does not work: that becomes a reason why something was not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from quorate.errors import QuorateError
from quorate.fleet.model import Role, Server
from quorate.fleet.observed import Snapshot
from quorate.observe.certificate import validity
from quorate.observe.connect import Connections
from quorate.observe.deep_ask import Asker
from quorate.observe.deep_model import (
    Answers,
    Check,
    Clock,
    Disk,
    Facts,
    Ran,
    ServerFacts,
    Settings,
    Validity,
)
from quorate.observe.deep_names import overlays, questions
from quorate.observe.deep_tasks import sharing
from quorate.observe.gather import Gathered
from quorate.observe.snapshot import NANO, moment
from quorate.observe.targets import target_of
from quorate.tools import clock, docker, parallel, ssh, tls

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LOOKS = 3
SLOW_SECONDS = 2.0
"""After such a look another would see no better: an engine without quorum takes 18 s."""

SHELL_SECONDS = 20.0
DEFAULT_ROOT = "/var/lib/docker"
CERTIFICATE = "swarm/certificates/swarm-node.crt"
RAFT = "swarm/raft"

MANAGER_PORT = "127.0.0.1:2377"

OF_SERVER = f'df -Pk -- "$1"; du -sk -- "$1/{RAFT}" 2> /dev/null; cat "$1/{CERTIFICATE}" 2>&1; true'


def look(
    connections: Connections, gathered: Gathered, homes: Mapping[str, tuple[str, ...]]
) -> Facts:
    """All facts, the servers at once."""
    snapshot = gathered.snapshot
    servers: list[dict[str, ServerFacts]] = []
    names: list[tuple[tuple[Answers, ...], Mapping[str, str]]] = []
    ran: list[Mapping[str, Ran]] = []
    work: tuple[Callable[[], None], ...] = (
        lambda: servers.append(look_at_servers(connections, snapshot)),
        lambda: names.append(_names(connections, snapshot)),
        lambda: ran.append(_ran(connections, snapshot)),
    )
    parallel.run(lambda one: one(), work)
    settings, unread = read_settings(gathered)
    if gathered.swarm and not homes:
        unread[Check.SKEW] = "no deployment by `quorate up` is recorded"
    return Facts(
        snapshot=snapshot,
        swarm=gathered.swarm,
        why=gathered.why.what if gathered.why else "",
        homes=homes,
        settings=settings,
        servers=servers[0],
        answers=names[0][0],
        unasked=names[0][1],
        ran=ran[0],
        unread=unread,
    )


def read_settings(gathered: Gathered) -> tuple[Settings | None, dict[Check, str]]:
    """The swarm's settings; or why they could not be read."""
    if gathered.client is None:
        return None, {}
    try:
        with docker.translated("the swarm's settings cannot be read"):
            spec = gathered.client.api.inspect_swarm().get("Spec") or {}
    except QuorateError as error:
        return None, {Check.SETTINGS: error.what}
    return Settings(
        heartbeat=float((spec.get("Dispatcher") or {}).get("HeartbeatPeriod") or 0) / NANO,
        task_history=(spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit"),
    ), {}


def look_at_servers(connections: Connections, snapshot: Snapshot) -> dict[str, ServerFacts]:
    """Disk, certificate and clock of each server whose engine answers."""
    there = [s.name for s in connections.fleet.servers if s.name not in snapshot.unreachable]
    found = connections.each(_server, there)
    failed = {
        name: ServerFacts(
            server=name,
            unread=dict.fromkeys((Check.DISK, Check.CERTIFICATE, Check.CLOCK), error.what),
        )
        for name, error in found.errors.items()
    }
    return {**found.results, **failed}


def _server(server: Server, client: DockerClient) -> ServerFacts:
    unread: dict[Check, str] = {}
    root, seen = engine_clock(client, unread)
    disk = raft = certificate = None
    try:
        said = ssh.run(
            target_of(server), ["sh", "-c", OF_SERVER, "sh", root], timeout=SHELL_SECONDS
        ).stdout
    except QuorateError as error:
        unread |= dict.fromkeys((Check.DISK, Check.CERTIFICATE), error.what)
    else:
        disk, raft = parse_disk(said, root), parse_raft(said)
        if disk is None:
            unread[Check.DISK] = f"`df {root}` says nothing"
        certificate = _certificate(server, said)
        if certificate is None:
            unread[Check.CERTIFICATE] = f"{root}/{CERTIFICATE} cannot be read by this ssh user"
    return ServerFacts(
        server=server.name,
        disk=disk,
        raft=raft,
        certificate=certificate,
        clock=seen,
        unread=unread,
    )


def _certificate(server: Server, said: str) -> Validity | None:
    """From the file, where it was printed; a manager also shows it to whoever connects."""
    try:
        return validity(said)
    except ValueError:
        if server.role is not Role.MANAGER:
            return None
    try:
        with ssh.Forward(target_of(server), MANAGER_PORT).open() as forward:
            return validity(tls.shown_certificate(forward.path))
    except (QuorateError, OSError, ValueError):
        return None


def engine_clock(client: DockerClient, unread: dict[Check, str]) -> tuple[str, Clock | None]:
    """The engine's data root, and its clock by the quickest of a few looks."""
    best: Clock | None = None
    root = DEFAULT_ROOT
    for _ in range(LOOKS):
        before, started = clock.now(), clock.monotonic()
        info = client.api.info()
        took = clock.monotonic() - started
        root = str(info.get("DockerRootDir") or root)
        time = moment(info.get("SystemTime"))
        if time is not None and (best is None or took / 2 < best.error):
            ahead = (time - before).total_seconds() - took / 2
            best = Clock(ahead=ahead, error=took / 2)
        if took > SLOW_SECONDS:
            break
    if best is None:
        unread[Check.CLOCK] = "its engine does not tell the time"
    return root, best


def parse_disk(text: str, root: str) -> Disk | None:
    """The file system in what `df -Pk` printed."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1].isdigit() and fields[3].isdigit():
            return Disk(path=root, size=int(fields[1]) * 1024, free=int(fields[3]) * 1024)
    return None


def parse_raft(text: str) -> int | None:
    """Bytes of the raft log, in what `du -sk` printed; None where it may not be read."""
    for line in text.splitlines():
        size, _, path = line.partition("\t")
        if size.isdigit() and path.endswith(f"/{RAFT}"):
            return int(size) * 1024
    return None


def _names(
    connections: Connections, snapshot: Snapshot
) -> tuple[tuple[Answers, ...], Mapping[str, str]]:
    asked = questions(snapshot)
    found = connections.each(
        lambda server, client: Asker(server.name, client, asked).go(overlays(snapshot)),
        {question.server for question in asked},
    )
    unasked = {name: error.what for name, error in found.errors.items()}
    unasked |= {name: "; ".join(why) for name, (_, why) in found.results.items() if why}
    return tuple(a for answers, _ in found.results.values() for a in answers), unasked


def _ran(connections: Connections, snapshot: Snapshot) -> Mapping[str, Ran]:
    """When the containers ran that have a volume one after the other; by container id."""
    wanted = {item.id: item.server for group in sharing(snapshot).values() for item in group}

    def ask(server: Server, client: DockerClient) -> list[Ran]:
        return [ran for key, name in wanted.items() if name == server.name
                and (ran := _times(client, key)) is not None]  # fmt: skip

    found = connections.each(ask, set(wanted.values()))
    return {ran.container: ran for runs in found.results.values() for ran in runs}


def _times(client: DockerClient, container: str) -> Ran | None:
    try:
        state = client.api.inspect_container(container).get("State") or {}
    except docker.engine_errors():  # removed meanwhile
        return None
    since = moment(state.get("StartedAt"))
    until = None if state.get("Running") else moment(state.get("FinishedAt"))
    if since is None or (until is None and not state.get("Running")):
        return None
    return Ran(container=container, since=since, until=until)
