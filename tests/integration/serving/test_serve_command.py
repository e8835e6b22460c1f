"""`quorate serve` itself, beside an engine that a program plays: its lock, its notes, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.configs import FakeConfigs
from tests.fakes.engine import Engine, Handler
from tests.unit.fleet.helpers import FLEET, written
from tests.unit.serving.test_controller import COMPOSE, SECTION

ROOT = Path(__file__).parents[3]
PATIENCE = 180.0
START = "from quorate.entry.cli.main import main; main()"
KNOWN = (
    "/_ping",
    "/version",
    "/info",
    "/nodes",
    "/services",
    "/tasks",
    "/swarm",
    "/networks",
    "/secrets",
)
"""What is listed, mostly as empty."""


class FakeEngine(Engine):
    """The engine of `one`, which also keeps configs, and starts nothing."""

    def __init__(self, directory: Path) -> None:
        state = directory / "state.json"
        managers = ["one", "two", "three"]
        state.write_text(
            json.dumps(
                {
                    **{"managers": managers, "workers": [], "leader": "one", "down": []},
                    **{"services": {}, "root": "/var/lib/docker"},
                }
            )
        )
        self.configs = FakeConfigs()
        super().__init__("one", directory, state)
        self.RequestHandlerClass = _Handler


class _Handler(Handler):
    server: FakeEngine

    def do_GET(self) -> None:
        path = self._path()
        if path == "/configs":
            self._say(200, list(self.server.configs.kept.values()))
        elif path.startswith("/configs/"):
            self._say(200, self.server.configs.inspect_config(path.split("/")[2]))
        elif path in KNOWN:
            super().do_GET()
        else:
            self._say(404, {"message": f"the fake has no {path}"})

    def do_POST(self) -> None:
        path, configs = self._path(), self.server.configs
        configs.now = datetime.now(UTC)  # as the engine's own clock says
        said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if path == "/configs/create":
            if any(one["Spec"]["Name"] == said["Name"] for one in configs.kept.values()):
                self._say(409, {"message": "it is there"})
                return
            configs.create_config(said["Name"], b"", said["Labels"])
            self._say(201, {"ID": f"id-{configs.number}"})
        elif path.endswith("/update"):
            configs.post(path, {}, said, 1.0)
            self._say(200, {})
        else:
            self._say(501, {"message": f"the fake takes no {path}"})

    def do_DELETE(self) -> None:
        self.server.configs.remove_config(self._path().split("/")[2])
        self._say(200, {})

    def _path(self) -> str:
        path = self.path.partition("?")[0]
        return "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path

    def _say(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def engine(directory: Path) -> Iterator[FakeEngine]:
    made = FakeEngine(directory)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


@contextmanager
def serving(directory: Path, name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = directory / f"{name}.log"
    words = ["serve", str(directory / "fleet.yaml"), "--socket", str(directory / "one.sock")]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *words, "--listen", "0"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"src:{os.environ.get('PYTHONPATH', '')}", "P": "x"},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def until(log: Path, words: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if words in log.read_text():
            return log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"`{words}` was not said:\n{log.read_text()}")


def names(made: FakeEngine) -> set[str]:
    return {one["Spec"]["Name"] for one in made.configs.kept.values()}


def test_it_decides_says_what_it_cannot_start_and_gives_the_lock_back(tmp_path: Path) -> None:
    written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    with engine(tmp_path) as made:
        with serving(tmp_path, "first") as (first, log):
            until(log, "begun: catalogue of near on two")
            text = until(log, "failed: catalogue near")
            assert "the fake takes no" in text and "Traceback" not in text
            assert names(made) == {"quorate-serve", "quorate-serve-notes"}
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=PATIENCE) == 0
        assert names(made) == {"quorate-serve-notes"}


@pytest.mark.fault(
    "two controllers at once",
    injected="two real `quorate serve` at one swarm, then SIGKILL to the one that decides",
    seen="the second begins nothing while the first lives, and follows it within a minute",
)
def test_the_second_follows_when_the_first_is_killed(
    tmp_path: Path, saw: Callable[[str], None]
) -> None:
    written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    with engine(tmp_path), serving(tmp_path, "first") as (first, log):
        until(log, "begun: catalogue of near on two")
        with serving(tmp_path, "second") as (_, other):
            until(other, "wait")
            time.sleep(5)
            assert "begun" not in other.read_text()
            first.kill()
            began = time.monotonic()
            until(other, "begun: catalogue of near on two")
            took = time.monotonic() - began
    # The lock lasts half a minute; the rest is for a machine that does much else.
    assert took < 60 + PATIENCE / 3
    saw(f"it followed after {took:.0f} s")
