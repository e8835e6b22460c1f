"""Connections to the engines of a fleet: opened together, kept for a whole verb, closed at its end.

One ssh process per server serves all its API calls. A server that does not
answer is remembered with its own reason and never stops the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from quorate.errors import EngineError, NoQuorumError, QuorateError, UnreachableError
from quorate.fleet.model import Fleet, Server
from quorate.observe.targets import target_of
from quorate.tools import clock, docker, parallel, ssh

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

Answer = TypeVar("Answer")

MAX_PARALLEL = 16
POLL_SECONDS = 0.02
NO_LEADER_WORDS = (
    "does not have a leader",
    "too few managers",
    "deadline exceeded",
    "no elected cluster leader",
    "lost leader status",
    "Canceled desc = context canceled",
)
"""What an engine says while its swarm has no leader, or has just lost it (swarmkit's raft.go; the
last from its pull request 1091, not seen here)."""


@dataclass(frozen=True, kw_only=True)
class Answers(Generic[Answer]):
    """What each server answered, and why the others did not; both by server name."""

    results: Mapping[str, Answer] = field(default_factory=dict)
    errors: Mapping[str, QuorateError] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manager:
    """A manager with a working swarm: the server, its engine, and where ssh finds it."""

    server: Server
    client: DockerClient

    @property
    def target(self) -> ssh.Target:
        return target_of(self.server)


class _Line:
    """The way to one server's engine: opened in a thread of its own, at most once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client: DockerClient | None = None
        self.error: QuorateError | None = None
        self._forward = ssh.Forward(target_of(server))
        self._thread = threading.Thread(target=self._open, name=server.name, daemon=True)
        self._thread.start()

    def _open(self) -> None:
        try:
            self.client = docker.through(self._forward.open())
        except QuorateError as error:
            self.error = error

    @property
    def settled(self) -> bool:
        """Whether the connection is open, or has failed."""
        return not self._thread.is_alive()

    @property
    def broken(self) -> bool:
        """Whether it could not be opened, or has ended since."""
        return self.settled and (self.client is None or not self._forward.alive)

    def wait(self, patience: float | None) -> DockerClient:
        """The client, once open. Raises that server's own error."""
        self._thread.join(patience)
        if not self.settled:
            raise UnreachableError(f"{self.server.name} has not answered within {patience:g} s")
        if self.client is None:
            raise self.error or UnreachableError(f"{self.server.name} could not be connected")
        return self.client

    def close(self) -> None:
        # Ending the forward makes an opening thread give up at once.
        self._forward.close()
        self._thread.join()
        if self.client is not None:
            self.client.close()


class Connections:
    """The engines of a fleet's servers. Use as a context manager.

    Entering starts all connections in parallel and returns at once; the first
    use of a server waits for it, for `patience` seconds at most (None: until
    ssh itself gives up).
    """

    def __init__(self, fleet: Fleet, *, patience: float | None = None) -> None:
        self.fleet = fleet
        self.patience = patience
        self._lines: dict[str, _Line] = {}

    def __enter__(self) -> Self:
        try:
            for server in self.fleet.servers:
                self._lines[server.name] = _Line(server)
        except BaseException:  # Ctrl-C too: nobody else knows of those that are open
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        for line in self._lines.values():
            line.close()
        self._lines = {}

    def renew(self, servers: Iterable[str] | None = None) -> None:
        """Open anew what could not be opened or has broken since; for verbs that watch.

        Of all servers, or the named ones: one that is off would be waited for again.
        """
        wanted = set(servers) if servers is not None else set(self._lines)
        for name, line in list(self._lines.items()):
            if name in wanted and line.broken:
                line.close()
                self._lines[name] = _Line(line.server)

    def client(self, server: str) -> DockerClient:
        """The engine of one server.

        Raises:
            UnreachableError, EngineError: that server's own reason.
        """
        return self._lines[server].wait(self.patience)

    def each(
        self,
        ask: Callable[[Server, DockerClient], Answer],
        servers: Iterable[str] | None = None,
    ) -> Answers[Answer]:
        """Ask all servers (or the named ones) at once.

        `ask` may raise QuorateError or whatever a call to an engine raises; it
        becomes that server's error.
        """

        def one(server: Server) -> Answer:
            client = self.client(server.name)
            with docker.translated(f"the Docker engine on {server.name} refused"):
                return ask(server, client)

        wanted = set(servers) if servers is not None else set(self._lines)
        return in_parallel(one, [s for s in self.fleet.servers if s.name in wanted])

    def manager(self) -> Manager:
        """A manager whose swarm works: of those connected by now, the fleet file's first.

        Where none of those works the other servers are asked: one may have become a manager
        before the file says so, or for a lost one.

        Raises:
            UnreachableError: no manager answers; every reason is given.
            NoQuorumError: one answers, and its swarm has no quorum.
            EngineError: one answers, but is not in a swarm.
        """
        managers = self.fleet.managers
        reasons: dict[str, QuorateError] = {}
        if found := self._first_working(managers, reasons):
            return found
        others = [server for server in self.fleet.servers if server not in managers]
        if found := self._first_working(others, {}):
            return found
        raise no_manager(reasons)

    def _first_working(
        self, servers: Iterable[Server], reasons: dict[str, QuorateError]
    ) -> Manager | None:
        """The first manager that works among these; why each of the others does not, noted."""
        for server in self._settled_first(servers):
            try:
                client = self.client(server.name)
                require_working(server.name, client)
                return Manager(server=server, client=client)
            except QuorateError as error:
                reasons[server.name] = error
        return None

    def _settled_first(self, servers: Iterable[Server]) -> Iterator[Server]:
        """The servers as their connections settle, so that a dead manager delays nobody."""
        waiting = list(servers)
        while waiting:
            server = next((s for s in waiting if self._lines[s.name].settled), None)
            if server is None:
                clock.sleep(POLL_SECONDS)
            else:
                waiting.remove(server)
                yield server


@contextmanager
def manager(fleet: Fleet) -> Iterator[DockerClient]:
    """A client of a reachable manager with a working swarm, for as long as the block lasts.

    Raises:
        UnreachableError, EngineError: as `Connections.manager`.
    """
    with ExitStack() as stack:
        yield stack.enter_context(Connections(fleet)).manager().client


def each_server(fleet: Fleet, ask: Callable[[Server, DockerClient], Answer]) -> Answers[Answer]:
    """Ask the engines of all servers at once, over connections opened just for that."""
    with Connections(fleet) as connections:
        return connections.each(ask)


def in_parallel(ask: Callable[[Server], Answer], servers: Iterable[Server]) -> Answers[Answer]:
    """Run `ask` for several servers at once; a QuorateError becomes that server's error."""
    results: dict[str, Answer] = {}
    errors: dict[str, QuorateError] = {}

    def one(server: Server) -> None:
        try:
            results[server.name] = ask(server)
        except QuorateError as error:
            errors[server.name] = error

    parallel.run(one, tuple(servers), limit=MAX_PARALLEL)
    return Answers(results=results, errors=errors)


def require_working(name: str, client: DockerClient) -> None:
    """Check that this engine is a manager of a swarm that has a leader.

    With its quorum lost an engine takes about 18 s to say so.

    Raises:
        EngineError: it is not.
    """
    with docker.translated(f"the Docker engine on {name} does not answer"):
        swarm = client.api.info().get("Swarm") or {}
    state = swarm.get("LocalNodeState") or "unknown"
    answers = swarm.get("ControlAvailable") and swarm.get("Cluster") and not swarm.get("Error")
    # An engine may go on calling a node failed that came back by itself (seen with 26.1.5).
    if state != "active" and not (state == "error" and answers):
        raise EngineError(
            f"{name} is not in a swarm (its state is {state})",
            cause=swarm.get("Error") or None,
            todo="`quorate up` makes the swarm",
        )
    if not swarm.get("ControlAvailable"):
        raise EngineError(
            f"{name} is a worker of its swarm, not a manager",
            todo="`quorate up` gives every server the role of the fleet file",
        )
    said = str(swarm.get("Error") or "")
    if said or not swarm.get("Cluster"):
        if not said or leaderless(said):
            raise no_quorum(name, said)
        raise EngineError(f"the swarm on {name} does not work", cause=said)


def leaderless(said: str) -> bool:
    """Whether an engine's words say that its swarm has no leader."""
    return any(words in said for words in NO_LEADER_WORDS)


def no_quorum(name: str, said: str) -> NoQuorumError:
    """The error for a swarm that has lost the majority of its managers."""
    return NoQuorumError(
        f"the swarm has no quorum: {name} finds no leader",
        cause=said or "more than half of the managers are down or cannot reach each other",
        todo="power the other managers on again; running services keep running meanwhile",
    )


def no_manager(reasons: Mapping[str, QuorateError]) -> QuorateError:
    """One error for all managers' reasons: the most telling one leads."""
    if not reasons:
        return EngineError("the fleet has no manager", todo="give a server `role: manager`")
    engines = [error for error in reasons.values() if isinstance(error, EngineError)]
    said = "; ".join(
        f"{name}: {error.what}" + (f" ({error.cause})" if error.cause else "")
        for name, error in reasons.items()
    )
    if engines:
        lead = next((e for e in engines if isinstance(e, NoQuorumError)), engines[0])
        return type(lead)(lead.what, cause=said, todo=lead.todo)
    first = next(iter(reasons.values()))
    return UnreachableError("no manager of the fleet answers", cause=said, todo=first.todo)
