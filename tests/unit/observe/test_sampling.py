"""Looking at engines again and again: what fails is named, what was seen is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from requests import HTTPError, Response
from requests.exceptions import ConnectionError as Reset

from quorate.errors import QuorateError, UnreachableError
from quorate.fleet.model import Fleet, Server
from quorate.measured.assemble import Watched
from quorate.measured.model import Seen
from quorate.observe import sampling
from quorate.observe.connect import Answers
from quorate.observe.sampling import Pace, sample_engines
from quorate.tools import clock
from tests.unit.plan.builders import fleet, server, service

SWARM = {"com.docker.swarm.service.name": "app_web"}
MIB = 2**20


class Engine:
    """An engine whose containers use half a thread and 10 MiB more at every look."""

    def __init__(self, *containers: str, gone: str = "") -> None:
        self.api = self
        self.listed = containers
        self.gone = gone
        self.looks = 0
        self._lock = threading.Lock()

    def containers(self, filters: object) -> list[dict[str, Any]]:
        with self._lock:
            self.looks += 1
        return [{"Id": name, "Labels": SWARM} for name in self.listed] + [
            {"Id": "alien", "Labels": {}}
        ]

    def stats(self, identity: str, *, stream: bool, one_shot: bool) -> dict[str, Any]:
        assert identity != "alien", "a container of no service is not looked at"
        if identity == self.gone:
            response = Response()
            response.status_code = 404
            raise HTTPError("no such container", response=response)
        return {
            "read": f"2026-03-02T12:00:{self.looks:02}.000000000Z",
            "cpu_stats": {"cpu_usage": {"total_usage": self.looks * 500_000_000}},
            "memory_stats": {"usage": self.looks * 10 * MIB},
        }


class Sometimes(Engine):
    """An engine that closes the connection at some looks (counted from 1)."""

    def __init__(self, *fails: int) -> None:
        super().__init__("a")
        self.fails = fails

    def containers(self, filters: object) -> list[dict[str, Any]]:
        found = super().containers(filters)
        if self.looks in self.fails:
            raise Reset("closed")
        return found


def connections(engines: dict[str, Engine | QuorateError]) -> type:
    """A class in the place of `Connections`."""

    class Fake:
        def __init__(self, fleet: Fleet) -> None: ...

        def __enter__(self) -> Fake:
            return self

        def __exit__(self, *exc: object) -> None: ...

        def renew(self) -> None: ...

        def each(self, ask: Callable[..., None]) -> Answers[None]:
            return Answers()

        def client(self, name: str) -> Engine:
            found = engines[name]
            if isinstance(found, QuorateError):
                raise found
            return found

    return Fake


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def phase(self, title: str) -> None: ...

    def note(self, text: str) -> None: ...

    def progress(self, done: int, total: int, what: str) -> None:
        self.told.append((done, total))


class SlowClock:
    """Time that passes at a twentieth of its speed, so that a busy machine makes no look late."""

    now = staticmethod(clock.now)
    sleep = staticmethod(clock.sleep)

    @staticmethod
    def monotonic() -> float:
        return clock.monotonic() / 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "clock", SlowClock)
    monkeypatch.setattr(sampling, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(sampling, "PATIENCE_SECONDS", 2.0)


def sample(
    monkeypatch: pytest.MonkeyPatch,
    engines: dict[str, Engine | QuorateError],
    *,
    samples: int = 5,
    watcher: Watcher | None = None,
) -> tuple[dict[str, Seen], Watched]:
    monkeypatch.setattr(sampling, "Connections", connections(engines))
    office = fleet(list(_servers(engines)), [service("web")])
    pace = Pace(samples=samples, interval=0.05)
    gathering, watched = sample_engines(office, pace, watcher or Watcher())
    return gathering.seen(), watched


def _servers(names: Iterable[str]) -> Iterable[Server]:
    for name in names:
        yield server(name, speed=2.0)


def test_memory_at_each_look_and_cpu_between_two(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher()
    seen, watched = sample(
        monkeypatch, {"one": Engine("a", "b"), "two": Engine("c")}, watcher=watcher
    )
    web = seen["app_web"]
    assert set(seen) == {"app_web"}
    assert web.tasks == 3
    assert web.servers == ("one", "two")
    assert web.memory is not None and web.cpu is not None and web.work is not None
    assert web.memory.samples == 5
    assert web.memory.busiest.peak == 50 * MIB
    assert web.cpu.samples == 4
    assert web.cpu.busiest.p50 == 0.5
    assert web.work.busiest.p50 == 1.0, "half a thread of twice the speed"
    assert 0.1 < web.span < 0.3
    assert (watched.interrupted, watched.lost) == (False, {})
    assert watcher.told[-1] == (5, 5)


def test_a_container_that_is_gone_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, watched = sample(monkeypatch, {"one": Engine("a", "b", gone="b")})
    assert seen["app_web"].tasks == 1
    assert watched.lost == {}


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    off = UnreachableError("two does not answer ssh")
    seen, watched = sample(monkeypatch, {"one": Engine("a"), "two": off})
    assert seen["app_web"].servers == ("one",)
    assert watched.lost == {"two": "two does not answer ssh"}


def test_a_server_that_fails_at_some_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, watched = sample(monkeypatch, {"one": Engine("a"), "two": Sometimes(2, 3)})
    assert watched.lost == {"two": "the Docker engine on two refused (2 of 5 looks)"}


def test_no_server_answers_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    off = UnreachableError("one does not answer ssh", todo="switch it on")
    with pytest.raises(UnreachableError, match="no server could be asked") as caught:
        sample(monkeypatch, {"one": off})
    assert caught.value.cause == "one does not answer ssh"
    assert caught.value.todo == "switch it on"


class Interrupting(Watcher):
    """Presses Ctrl-C after the third look."""

    def progress(self, done: int, total: int, what: str) -> None:
        if done >= 3:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, watched = sample(monkeypatch, {"one": Engine("a")}, samples=1000, watcher=Interrupting())
    assert watched.interrupted
    assert watched.lost == {}
    memory = seen["app_web"].memory
    assert memory is not None and 3 <= memory.samples < 20


def test_ctrl_c_before_anything_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class AtOnce(Watcher):
        def progress(self, done: int, total: int, what: str) -> None:
            raise KeyboardInterrupt

    off = UnreachableError("one does not answer ssh")
    with pytest.raises(KeyboardInterrupt):
        sample(monkeypatch, {"one": off}, samples=1000, watcher=AtOnce())
