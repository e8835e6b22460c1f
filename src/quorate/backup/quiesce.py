"""Keep services still while their volumes are read, and never leave one down.

Everything is derived from the services' labels (`policy/quiesce.py`): whoever began may be
killed, or its server lost; whoever comes next finds what is stale and ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from quorate.backup.policy import quiesce as policy
from quorate.backup.policy.groups import Batch, swarm_names
from quorate.backup.policy.quiesce import Record, Stale
from quorate.errors import EngineError, LockedError, MachineError, QuorateError, UsageError
from quorate.fleet.model import Fleet
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ATTEMPTS = 20
POLL_SECONDS = 0.3
STOP_SECONDS = 120.0
"""How long tasks may take to end; Swarm kills them after their own grace period."""
LAG_SECONDS = 20.0
"""How long after its grace period an engine may take to kill a program, and to say so."""
GONE = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which services are to be kept still, in what order, for whom and for how long (s).

    `active`: keys of the runs that are going on, where they are known.
    """

    services: tuple[str, ...]
    run: str
    source: str
    seconds: float
    method: str = "stop"
    active: Collection[str] | None = None
    patience: float = STOP_SECONDS


def wished(batch: Batch, fleet: Fleet, run: str, active: Collection[str] | None = None) -> Wish:
    """What a batch of sources needs to be kept still, for the run of that key.

    Raises:
        UsageError: a service of it cannot be: it runs by compose.
    """
    return Wish(
        services=swarm_names(batch, fleet),
        run=run,
        source=batch.name,
        seconds=batch.seconds,
        method=batch.method,
        active=active,
    )


@dataclass
class Kept:
    """What is kept still. `broken`: services that somebody deployed or scaled meanwhile."""

    services: tuple[str, ...] = ()
    broken: list[str] = field(default_factory=list)


@contextmanager
def still(client: DockerClient, wish: Wish) -> Iterator[Kept]:
    """Keep services still for the block; they run again however it ends.

    Look at `broken` after the block: a copy of what was not still all the time is none.

    Raises:
        UsageError: a service cannot be kept still in this way.
        LockedError: another run keeps one of them still.
        MachineError: one does not stop, or the swarm refuses; all run again.
    """
    kept = Kept()
    if wish.method == "none" or not wish.services:
        yield kept
        return
    try:
        begin(client, wish)
        kept.services = wish.services
        yield kept
        kept.broken.extend(broken(client, wish.services, wish.run))
    finally:
        end(client, wish.run)


def begin(client: DockerClient, wish: Wish) -> None:
    """Scale the services to 0, each with its record, and wait until no task of theirs runs.

    Or (`policy.UNWATCHED`) take their health checks away, and wait until they run without.
    The same run may do so again: what is still stays so, with a new deadline.

    Raises:
        UsageError, LockedError, MachineError: as `still`; what was begun is for `end`.
    """
    now = swarm_time(client)
    found = {name: service(client, name) for name in wish.services}
    # Whatever stops last: the job is started when all of them have stopped.
    slowest = max((policy.stopping_seconds(one["Spec"]) for one in found.values()), default=0.0)
    wait = min(slowest, wish.patience) + policy.START_SECONDS
    record = Record(
        run=wish.run,
        source=wish.source,
        replicas=0,
        deadline=now + timedelta(seconds=wish.seconds),
        awaited=now + timedelta(seconds=wait),
    )
    for name, one in found.items():
        _require(name, one["Spec"], wish, now)
    unwatched = wish.method == policy.UNWATCHED
    stop = policy.unwatched if unwatched else policy.stopped
    for name in wish.services:
        change(client, name, lambda one: stop(one["Spec"], record))
    if unwatched:
        wait_until_unwatched(client, wish.services, wait)
    else:
        wait_until_still(client, wish.services, wish.patience)


def note(client: DockerClient, services: Sequence[str], run: str, job: str) -> None:
    """Record which job reads what a run keeps still; empty: another one is awaited.

    Raises:
        EngineError: the swarm refuses, or does not answer.
    """
    now = swarm_time(client)
    for name in services:
        change(client, name, lambda one: policy.noted(one["Spec"], run, job, now))


def _require(name: str, spec: Mapping[str, Any], wish: Wish, now: datetime) -> None:
    why = policy.why_not(wish.method, spec)
    if why is not None:
        raise UsageError(f"{name} cannot be kept still by `quiesce: {wish.method}`", cause=why)
    if policy.kept_by_other(spec, wish.run, now, wish.active):
        record = policy.record_of(spec)
        raise LockedError(
            f"another run keeps {name} still",
            cause=f"the run {record.run} of {record.source}" if record else None,
            todo="wait for it to end; one that is dead is ended by `quorate serve` and by `quorate "
            "backup doctor --mend`, what an abandoned operation keeps by `quorate operations "
            "abandon ID --let-go` (`quorate operations list` shows its id)",
        )


def broken(client: DockerClient, services: Sequence[str], run: str) -> list[str]:
    """Those that are no longer kept still by this run.

    Raises:
        EngineError: the swarm does not answer.
    """
    return [name for name in services if not _held(client, name, run)]


def _held(client: DockerClient, name: str, run: str) -> bool:
    try:
        return policy.held(service(client, name)["Spec"], run)
    except MachineError:
        return False


def kept(client: DockerClient, run: str) -> tuple[str, ...]:
    """The names of the services that a run keeps still, and nobody has started since.

    Raises:
        EngineError: the swarm does not answer.
    """
    return tuple(_name(one) for one in _marked(client) if policy.held(one["Spec"], run))


def end(client: DockerClient, run: str) -> tuple[str, ...]:
    """Let everything go that a run keeps still, the last that was stopped first; its names.

    What has been told to stop is given the time that it may take: Swarm would start another one
    beside it, on the same data.

    Raises:
        EngineError: the swarm does not answer, or refuses one; the others are let go.
    """
    mine = [one for one in _marked(client) if _run_of(one) == run]
    _give_time(client, [one["Spec"] for one in mine if policy.replicas_of(one["Spec"]) == 0])
    return _let_go(client, [(str(one["ID"]), _name(one)) for one in reversed(mine)])


def _give_time(client: DockerClient, stopped: Sequence[Mapping[str, Any]]) -> None:
    """Wait for services to end, no longer than they may take.

    An engine that has not ended one by then hangs, and starts nothing either.
    """
    grace = max(map(policy.stopping_seconds, stopped), default=0.0)
    deadline = clock.monotonic() + grace + LAG_SECONDS
    for spec in stopped:
        while left(client, str(spec["Name"])) and clock.monotonic() < deadline:
            clock.sleep(POLL_SECONDS)


def converge(
    client: DockerClient,
    active: Callable[[], Collection[str]] | None = None,
    *,
    say: Callable[[Stale], None] = lambda stale: None,
) -> tuple[Stale, ...]:
    """Find what nobody keeps still any more, and end it.

    Args:
        client: of a manager.
        active: gives the keys of the runs whose jobs are there. It is asked after the services
            were listed: a job that one of them names was there before. None: only deadlines count.
        say: told of each before it is ended.

    Raises:
        EngineError: the swarm does not answer, or refuses one; the others are let go.
    """
    found = stale(client, active)
    for one in found:
        say(one)
    _let_go(client, [(one.id, one.name) for one in found])
    return found


def stale(
    client: DockerClient, active: Callable[[], Collection[str]] | None = None
) -> tuple[Stale, ...]:
    """What nobody keeps still any more; as `converge`, which ends it."""
    marked = _marked(client)
    if not marked:
        return ()
    return policy.stale(marked, swarm_time(client), active() if active else None)


def _let_go(client: DockerClient, services: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    failed: QuorateError | None = None
    done = []
    for identity, name in services:
        try:
            change(client, identity, _resumed)
            done.append(name)
        except QuorateError as error:
            failed = error
    if failed is not None:
        raise failed
    return tuple(done)


def _resumed(one: Mapping[str, Any]) -> dict[str, Any] | None:
    if not policy.marked(one["Spec"]):
        return None  # somebody deployed it meanwhile
    return policy.resumed(one["Spec"], one.get("PreviousSpec"))


def change(
    client: DockerClient,
    name: str,
    decide: Callable[[Mapping[str, Any]], dict[str, Any] | None],
) -> None:
    """Change a service, deciding anew when somebody else has changed it meanwhile.

    `decide` makes the new spec of the service as it is; None: nothing is to be changed. A
    service that is gone needs nothing.

    Raises:
        EngineError: the swarm refuses.
    """
    for attempt in range(ATTEMPTS):
        try:
            one = client.api.inspect_service(name)
            spec = decide(one)
            if spec is not None and spec != one["Spec"]:
                docker.update_service(client, one["ID"], one["Version"]["Index"], spec)
            return
        except docker.engine_errors() as error:
            if docker.status_of(error) == 404:
                return
            said = docker.words(error)
            if "out of sequence" not in said or attempt == ATTEMPTS - 1:
                raise EngineError(f"the service {name} could not be changed", cause=said) from error
        clock.sleep(POLL_SECONDS)


def service(client: DockerClient, name: str) -> Mapping[str, Any]:
    """A service as the engine has it.

    Raises:
        MachineError: there is none of that name, or the swarm does not answer.
    """
    with docker.translated(
        f"the service {name} cannot be looked at",
        todo="`quorate status` says whether it is deployed, and which managers answer",
    ):
        return dict(client.api.inspect_service(name))


def swarm_time(client: DockerClient) -> datetime:
    """The time by the clock of the engine that is asked, UTC.

    Raises:
        EngineError: it does not answer.
    """
    with docker.translated("the engine does not tell the time"):
        said = str(client.api.info().get("SystemTime") or "")
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return clock.now()


def wait_until_still(
    client: DockerClient,
    services: Sequence[str],
    patience: float,
    ended: Collection[str] = (),
) -> None:
    """Wait until no task of these services runs on a server that is there.

    Args:
        ended: containers that have ended by the word of their own engines, of which Swarm may
            hear later.

    Raises:
        MachineError: one does not stop. EngineError: the swarm does not answer.
    """
    deadline = clock.monotonic() + patience
    for name in services:
        _wait(client, name, patience, deadline, ended)


def wait_until_unwatched(client: DockerClient, services: Sequence[str], patience: float) -> None:
    """Wait until these services run in tasks without a health check, and in no other.

    Raises:
        MachineError: one does not start. EngineError: the swarm does not answer.
    """
    deadline = clock.monotonic() + patience
    for name in services:
        while not _runs_unwatched(client, name):
            if clock.monotonic() > deadline:
                raise MachineError(
                    f"{name} does not run within {patience:.0f} s without its health check",
                    cause="its server is down, or it does not start",
                    todo=f"see `quorate logs {name}`",
                )
            clock.sleep(POLL_SECONDS)


def _runs_unwatched(client: DockerClient, name: str) -> bool:
    there = left(client, name)
    return bool(there) and all(
        (task.get("Status") or {}).get("State") == "running"
        and not policy.has_check(task.get("Spec") or {})
        for task in there
    )


def left(client: DockerClient, name: str) -> list[Mapping[str, Any]]:
    """The tasks of a service that run, or are about to, on servers that are there."""
    with docker.translated(f"the tasks of {name} cannot be looked at"):
        ready = {
            node["ID"]
            for node in client.api.nodes()
            if (node.get("Status") or {}).get("State") == "ready"
        }
        tasks = client.api.tasks(filters={"service": name})
    return [task for task in tasks if task.get("NodeID") in ready and _runs(task)]


def container_of(task: Mapping[str, Any]) -> str:
    """The id of the container that a task runs in; empty: it has none yet."""
    status = (task.get("Status") or {}).get("ContainerStatus") or {}
    return str(status.get("ContainerID") or "")


def _wait(
    client: DockerClient, name: str, patience: float, deadline: float, ended: Collection[str]
) -> None:
    """Until no task of a service runs on a server that is there."""
    while any(container_of(task) not in ended for task in left(client, name)):
        if clock.monotonic() > deadline:
            raise MachineError(
                f"{name} has not stopped within {patience:.0f} s",
                cause="its program does not end when it is told to, or its server hangs",
                todo="wait for its end, or end it on its server (`docker stop`); a shorter "
                "`stop_grace_period` helps, and for backups `quiesce: none`",
            )
        clock.sleep(POLL_SECONDS)


def _runs(task: Mapping[str, Any]) -> bool:
    return str((task.get("Status") or {}).get("State") or "").lower() not in GONE


def _marked(client: DockerClient) -> list[Mapping[str, Any]]:
    """All services that anything says of that they are kept still."""
    with docker.translated("the swarm's services cannot be listed"):
        return [one for one in client.api.services() or () if policy.marked(one.get("Spec") or {})]


def _run_of(one: Mapping[str, Any]) -> str:
    return policy.labels_of(one["Spec"]).get(policy.RUN, "")


def _name(one: Mapping[str, Any]) -> str:
    return str((one.get("Spec") or {}).get("Name") or one.get("ID") or "")
