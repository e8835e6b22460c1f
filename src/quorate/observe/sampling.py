"""What services use, from the engines' own statistics: a look at every container, again and again.

Every server has a thread and a pace of its own, so that a slow one holds up nobody.
CPU comes from the engines' counters, so between two looks no burst is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quorate.errors import QuorateError, UnreachableError
from quorate.fleet.model import Fleet
from quorate.measured.assemble import Watched
from quorate.measured.figures import Gathering, Sample
from quorate.measured.model import Source
from quorate.measured.stats import Reading, rate, reading, service_key
from quorate.observe.connect import Connections
from quorate.observe.watching import Watcher
from quorate.tools import clock, docker, parallel

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

AT_ONCE = 8
"""Containers of one server that are asked at the same time."""

POLL_SECONDS = 0.2
RENEW_SECONDS = 5.0
PATIENCE_SECONDS = 15.0
"""After the last look is due, for servers that are late."""

RUNNING: dict[str, Any] = {"status": ["running"]}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often and how many times: `interval` in seconds."""

    samples: int
    interval: float

    @property
    def seconds(self) -> float:
        """Between the first look and the last."""
        return (self.samples - 1) * self.interval


@dataclass(frozen=True, kw_only=True)
class _Begin:
    """When it began, by the clock and by the one that never jumps."""

    time: datetime
    monotonic: float


@dataclass(kw_only=True)
class _Server:
    """The looks at one server; only its own thread writes here."""

    name: str
    samples: list[tuple[Sample, bool]] = field(default_factory=list)
    before: dict[str, Reading] = field(default_factory=dict)
    rounds: int = 0
    good: int = 0
    error: QuorateError | None = None


def sample_engines(
    fleet: Fleet, pace: Pace, watcher: Watcher, *, lab: bool = False
) -> tuple[Gathering, Watched]:
    """Look at every running container of every server, as often as asked.

    Ctrl-C ends it early and keeps what was seen; `interrupted` then says so.

    Raises:
        UnreachableError: no server could be asked, even once.
    """
    servers = [_Server(name=server.name) for server in fleet.servers]
    stop = threading.Event()
    interrupted = False
    watcher.phase(f"looking at the containers of {len(servers)} servers")
    with Connections(fleet) as connections:
        # The time begins when everybody answers, or it is known that one does not.
        connections.each(lambda *_: None)
        begin = _Begin(time=clock.now(), monotonic=clock.monotonic())
        threads = [
            threading.Thread(
                target=_watch, args=(connections, server, pace, begin, stop), daemon=True
            )
            for server in servers
        ]
        for thread in threads:
            thread.start()
        try:
            _follow(connections, servers, threads, pace, watcher)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            stop.set()
            for thread in threads:
                thread.join(POLL_SECONDS)
    lost = {server.name: _why(server, pace) for server in servers if server.error is not None}
    if not any(server.good for server in servers):
        if interrupted:
            raise KeyboardInterrupt
        raise _nobody(servers)
    return _gathered(fleet, servers), Watched(
        source=Source(kind="engine", lab=lab),
        start=begin.time,
        end=clock.now(),
        interval=pace.interval,
        interrupted=interrupted,
        lost=lost,
    )


def _follow(
    connections: Connections,
    servers: list[_Server],
    threads: list[threading.Thread],
    pace: Pace,
    watcher: Watcher,
) -> None:
    """Show how far it is until all are done; servers that come back are connected anew."""
    total, shown = pace.samples, 0
    deadline = clock.monotonic() + pace.seconds + PATIENCE_SECONDS
    renewed = clock.monotonic()
    while any(thread.is_alive() for thread in threads) and clock.monotonic() < deadline:
        clock.sleep(POLL_SECONDS)
        done = max(server.rounds for server in servers)
        if done > shown:
            shown = done
            containers = sum(len(server.before) for server in servers)
            watcher.progress(done, total, f"samples of {containers} containers")
        if clock.monotonic() - renewed > RENEW_SECONDS:
            renewed = clock.monotonic()
            connections.renew()


def _watch(
    connections: Connections, server: _Server, pace: Pace, begin: _Begin, stop: threading.Event
) -> None:
    """One server's looks, at the common times; a look that is late is left out, not made up."""
    while server.rounds < pace.samples and not stop.is_set():
        due = begin.monotonic + server.rounds * pace.interval
        if stop.wait(max(0.0, due - clock.monotonic())):
            return
        number = server.rounds
        try:
            client = connections.client(server.name)
            with docker.translated(f"the Docker engine on {server.name} refused"):
                _look(client, server, begin.time.timestamp() + number * pace.interval, stop)
            server.good += 1
        except (QuorateError, KeyError) as error:
            if stop.is_set():  # the connections were closed, and that is the error
                return
            if isinstance(error, KeyError):
                raise
            server.error = error
        behind = int((clock.monotonic() - begin.monotonic) / pace.interval)
        server.rounds = max(number + 1, behind)


def _look(client: DockerClient, server: _Server, moment: float, stop: threading.Event) -> None:
    """Every running container once; what ends or cannot be read meanwhile is left out.

    `moment` is the look's time, the same for all servers.
    """
    listed = client.api.containers(filters=RUNNING) or []
    found = [(str(raw.get("Id")), key) for raw in listed if (key := _key(raw)) is not None]

    def one(item: tuple[str, str]) -> tuple[str, str, Reading] | None:
        identity, key = item
        if stop.is_set():
            return None
        try:
            raw = client.api.stats(identity, stream=False, one_shot=True)
        except docker.engine_errors() as error:
            if docker.status_of(error) is None:
                raise
            return None
        return identity, key, reading(raw, clock.now().timestamp())

    looks = [look for look in parallel.run(one, found, limit=AT_ONCE) if look is not None]
    for identity, key, now in looks:
        if now.memory is not None:
            server.samples.append((Sample(key, identity, server.name, moment, now.memory), True))
        before = server.before.get(identity)
        used = rate(before, now) if before is not None else None
        if used is not None:
            server.samples.append((Sample(key, identity, server.name, moment, used), False))
    server.before = {identity: now for identity, _, now in looks}


def _key(raw: Mapping[str, Any]) -> str | None:
    return service_key(raw.get("Labels") or {})


def _gathered(fleet: Fleet, servers: Iterable[_Server]) -> Gathering:
    gathering = Gathering({server.name: server.speed for server in fleet.servers})
    for server in servers:
        for sample, memory in tuple(server.samples):
            (gathering.add_memory if memory else gathering.add_cpu)(sample)
    return gathering


def _why(server: _Server, pace: Pace) -> str:
    assert server.error is not None
    missed = pace.samples - server.good
    often = "" if not server.good else f" ({missed} of {pace.samples} looks)"
    return f"{server.error.what}{often}"


def _nobody(servers: Iterable[_Server]) -> QuorateError:
    errors = [server.error for server in servers if server.error is not None]
    said = "; ".join(dict.fromkeys(error.what for error in errors))
    todo = errors[0].todo if errors else None
    return UnreachableError("no server could be asked", cause=said or None, todo=todo)
