"""One writer at a time: a lock that lives in the swarm itself.

It is a Swarm config with a fixed name: creating one is decided by raft, so of
two writers exactly one succeeds. Its holder renews it; a lock that is not
renewed any more, or whose process on this machine is gone, is stale and taken
over. Ages are measured on the swarm's own clock (the manager that is asked
against the time it stored), never between this machine's and another's.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quorate.errors import EngineError, LockedError, QuorateError
from quorate.observe.snapshot import moment
from quorate.tools import clock, docker, process

if TYPE_CHECKING:
    from types import FrameType

    from quorate.tools.docker import DockerClient

LOCK_NAME = "quorate-lock"
STALE_SECONDS = 90.0
RENEW_SECONDS = 20.0
POLL_SECONDS = 1.0
CONFLICT = 409
NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds the lock. `age` is seconds since it was last renewed; after `lasts`, as its holder
    said, it may be taken over."""

    id: str
    token: str
    owner: str
    host: str
    what: str
    since: str
    age: float
    process: process.Process
    lasts: float = STALE_SECONDS

    def describe(self) -> str:
        """For people: who, where, what, since when."""
        return (
            f"{self.owner} on {self.host} (process {self.process.pid}) "
            f"has been running `{self.what}` since {self.since}"
        )

    @property
    def stale(self) -> str | None:
        """Why the lock may be taken over; None while its holder may be alive."""
        if process.is_gone(self.process):
            return f"its process {self.process.pid} on this machine has ended"
        if self.age > self.lasts:
            return f"it was not renewed for {self.age:.0f} s"
        return None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which lock, and how to wait for it. `wait` in seconds; 0 leaves at once when it is held.

    `lasts`: seconds after which it may be taken over unless it was renewed; renewed every `renew`.
    """

    wait: float = 0.0
    name: str = LOCK_NAME
    lasts: float = STALE_SECONDS
    renew: float = RENEW_SECONDS
    say: Callable[[str], None] = lambda text: None


class FleetLock:
    """A lock that is held. `check` is for long verbs, before each step that changes something.

    It is relied on for as long as it lasts without being renewed. Who has slept for longer (a
    laptop that was closed, a process that was stopped) looks before anything else.
    """

    def __init__(
        self,
        token: str,
        name: str = LOCK_NAME,
        *,
        lasts: float = STALE_SECONDS,
        renew: Callable[[FleetLock], None] = lambda lock: None,
    ) -> None:
        self.token = token
        self.name = name
        self.lost: str | None = None
        self.renewed = clock.boottime()
        self._lasts = lasts
        self._renew = renew

    def check(self) -> None:
        """Raises LockedError when somebody else has taken the lock over."""
        if self.lost is None and clock.boottime() - self.renewed >= self._lasts:
            self._renew(self)
        if self.lost is not None:
            raise LockedError(
                "the lock on this fleet was lost while working",
                cause=self.lost,
                todo="see who works on the fleet (`quorate status`), then run the command again",
            )


def holder(client: DockerClient, name: str = LOCK_NAME) -> Holder | None:
    """Who holds the lock now; None when nobody does.

    Raises:
        EngineError: the swarm does not answer.
    """
    with docker.translated("the fleet's lock cannot be read"):
        for raw in client.api.configs(filters={"name": name}) or ():
            if (raw.get("Spec") or {}).get("Name") == name:
                return _holder(raw, moment(client.api.info().get("SystemTime")))
    return None


@contextlib.contextmanager
def hold(
    client: DockerClient | Callable[[], DockerClient],
    *,
    what: str,
    settings: Settings | None = None,
) -> Iterator[FleetLock]:
    """Hold the fleet's lock for the block; released however the block ends.

    Also on Ctrl-C and on SIGTERM or SIGHUP, which end the block as Ctrl-C does.

    Args:
        client: of a manager; or what gives one that answers now, for blocks in which managers
            come and go. It may raise as they do.
        what: the verb, for whoever else comes meanwhile.

    Raises:
        LockedError: somebody holds it for longer than `settings.wait`.
        EngineError: the swarm does not answer.
    """
    chosen = settings or Settings()
    now: Callable[[], DockerClient] = client if callable(client) else lambda: client
    lock = FleetLock(
        uuid.uuid4().hex,
        chosen.name,
        lasts=chosen.lasts,
        renew=lambda held: _renew(now, held),
    )
    stop = threading.Event()
    with _signals_as_interrupt():
        renewer: threading.Thread | None = None
        try:
            _acquire(now(), lock.token, what, chosen)
            renewer = threading.Thread(
                target=_keep_renewed, args=(now, lock, stop, chosen.renew), daemon=True
            )
            renewer.start()
            yield lock
        finally:
            stop.set()
            _release(now, lock)
            if renewer is not None:
                renewer.join()


def _acquire(client: DockerClient, token: str, what: str, settings: Settings) -> None:
    deadline = clock.monotonic() + settings.wait
    told = ""
    while not _try_create(client, token, what, settings):
        found = holder(client, settings.name)
        if found is None:
            continue
        stale = found.stale
        if stale is not None:
            settings.say(f"taking over a stale lock of {found.owner} on {found.host}: {stale}")
            _remove(client, found.id)
            continue
        if clock.monotonic() >= deadline:
            raise LockedError(
                "somebody else is changing this fleet",
                cause=found.describe(),
                todo="wait for it to end, or give `--wait`; a lock whose holder died "
                f"is taken over after {found.lasts:.0f} s",
            )
        if told != found.token:
            told = found.token
            settings.say(f"waiting: {found.describe()}")
        clock.sleep(min(POLL_SECONDS, max(0.0, deadline - clock.monotonic())))


def _try_create(client: DockerClient, token: str, what: str, settings: Settings) -> bool:
    me = process.this_process()
    labels = {
        "quorate.lock.token": token,
        "quorate.lock.owner": process.user_name(),
        "quorate.lock.host": process.host_name(),
        "quorate.lock.what": what,
        "quorate.lock.since": clock.now().isoformat(timespec="seconds"),
        "quorate.lock.place": me.place,
        "quorate.lock.pid": str(me.pid),
        "quorate.lock.started": me.started,
        "quorate.lock.lasts": f"{settings.lasts:g}",
        "quorate.lock.beat": "0",
    }
    try:
        client.api.create_config(settings.name, b"held", labels=labels)
    except docker.engine_errors() as error:
        if docker.status_of(error) == CONFLICT:
            return False
        raise EngineError("the fleet could not be locked", cause=docker.words(error)) from error
    return True


def _keep_renewed(
    now: Callable[[], DockerClient], lock: FleetLock, stop: threading.Event, every: float
) -> None:
    """Renew until stopped, or until it is lost."""
    while lock.lost is None and not stop.wait(every):
        _renew(now, lock)


def _renew(now: Callable[[], DockerClient], lock: FleetLock) -> None:
    """Renew it, or see that it is lost. A swarm that does not answer is borne with: nobody else
    can take the lock over meanwhile either."""
    began = clock.boottime()
    try:
        client = now()
        raw = _own(client, lock)
        if raw is None:
            lock.lost = "it was taken over, or removed by hand"
            return
        labels = {**raw["Spec"]["Labels"], "quorate.lock.beat": f"{began:.3f}"}
        docker.update_config_labels(client, raw["ID"], labels)
    except docker.engine_errors():
        return
    except QuorateError:
        return
    lock.renewed = began


def _release(now: Callable[[], DockerClient], lock: FleetLock) -> None:
    """Remove the lock if it is ours; when the swarm is gone it goes stale by itself."""
    with contextlib.suppress(QuorateError, *docker.engine_errors()), _uninterrupted():
        client = now()
        raw = _own(client, lock)
        if raw is not None:
            client.api.remove_config(raw["ID"])


def _remove(client: DockerClient, identity: str) -> None:
    """Remove exactly this lock: by its id, so that a fresh one of the same name stays."""
    try:
        client.api.remove_config(identity)
    except docker.engine_errors() as error:
        if docker.status_of(error) != NOT_FOUND:
            raise EngineError(
                "a stale lock could not be removed", cause=docker.words(error)
            ) from error


def _own(client: DockerClient, lock: FleetLock) -> dict[str, Any] | None:
    for raw in client.api.configs(filters={"name": lock.name}) or ():
        if ((raw.get("Spec") or {}).get("Labels") or {}).get("quorate.lock.token") == lock.token:
            return dict(raw)
    return None


def _holder(raw: dict[str, Any], now: datetime | None) -> Holder:
    labels = (raw.get("Spec") or {}).get("Labels") or {}

    def label(key: str) -> str:
        return str(labels.get(f"quorate.lock.{key}") or "")

    renewed = moment(raw.get("UpdatedAt"))
    age = (now - renewed).total_seconds() if now and renewed else 0.0
    pid = label("pid")
    return Holder(
        id=str(raw.get("ID") or ""),
        token=label("token"),
        owner=label("owner") or "somebody",
        host=label("host") or "an unknown machine",
        what=label("what") or "quorate",
        since=label("since"),
        age=age,
        lasts=_seconds(label("lasts")),
        process=process.Process(
            place=label("place"), pid=int(pid) if pid.isdigit() else 0, started=label("started")
        ),
    )


def _seconds(text: str) -> float:
    """What a label says; a lock of a former Quorate's says nothing."""
    try:
        return float(text)
    except ValueError:
        return STALE_SECONDS


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block like Ctrl-C; only the main thread may set handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back a second Ctrl-C until the block is done."""
    held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    former = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
