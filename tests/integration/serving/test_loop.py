"""The loop as a process: what it serves, how it ends, what becomes of a round that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate.tools import web
from tests.unit.fleet.helpers import FLEET, written
from tests.unit.serving.test_controller import COMPOSE, SECTION

ROOT = Path(__file__).parents[3]
PROGRAM = "tests.integration.serving.controller_program"
PATIENCE = 120.0


class Run:
    """A controller that runs; `url` is where it answers."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        self.url = self.wait_for("http://").partition("http://")[2].partition(":/")[0]

    def wait_for(self, words: str) -> str:
        """The line with these words, once it is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if words in line:
                    return line
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        pytest.fail(f"`{words}` was not said:\n{self.log.read_text()}")

    def get(self, path: str) -> tuple[int, str]:
        host = self.url.split(": ")[0].rstrip(":")
        try:
            with urllib.request.urlopen(f"http://{host}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, path: str, words: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            _, text = self.get(path)
            if words in text:
                return text
            time.sleep(0.2)
        pytest.fail(f"`{words}` is not at {path}:\n{text}")


@contextmanager
def running(directory: Path, mode: str = "plain") -> Iterator[Run]:
    fleet = written(directory, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    log = directory / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(fleet), mode],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"src:{os.environ.get('PYTHONPATH', '')}"},
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Run(process, log)
    finally:
        process.kill()
        process.wait()


def ends(run: Run, number: signal.Signals) -> tuple[int, float]:
    """Its exit code, and how long it took to end."""
    began = time.monotonic()
    run.process.send_signal(number)
    return run.process.wait(timeout=PATIENCE), time.monotonic() - began


def test_a_week_is_shown_to_prometheus_and_sigterm_ends_it(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        text = run.until("/metrics", 'quorate_backup_proof_ok{copy="copied"')
        assert 'backup_last_success_timestamp{copy="original",fleet="test"' in text
        assert 'backup_last_exit_code{copy="original",fleet="test",repository="near"' in text
        assert 'quorate_backup_controller_active{fleet="test"} 1.0' in text
        status, said = run.get("/healthz")
        assert (status, said[:3]) == (200, "ok:")
        status, said = run.get("/nothing")
        assert (status, said) == (404, "/metrics /healthz\n")
        code, seconds = ends(run, signal.SIGTERM)
        assert code == 0
        assert seconds < 30  # on a machine that does much else; by itself less than one
        assert run.log.read_text().splitlines()[-1].startswith("ended after ")


def test_a_round_that_hangs_is_unhealthy_and_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running(tmp_path, "hang") as run:
        said = run.until("/healthz", "stands")
        assert said.startswith("stands: no round has ended for ")
        assert run.get("/healthz")[0] == 503
        assert run.get("/metrics")[0] == 200
        code, seconds = ends(run, signal.SIGINT)
        assert code == 0
        assert seconds < 30


@pytest.mark.fault(
    "two controllers at once",
    injected="a second controller while another holds the lock",
    seen="it waits, says so on /healthz, and shows itself as not active",
)
def test_a_second_controller_waits_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "wait") as run:
        run.wait_for("waiting: somebody else decides")
        assert run.get("/healthz") == (200, "ok: waits for another controller to end\n")
        assert 'quorate_backup_controller_active{fleet="test"} 0.0' in run.get("/metrics")[1]
        assert ends(run, signal.SIGTERM)[0] == 0


@pytest.mark.fault(
    "two controllers at once",
    injected="a controller whose lock was taken",
    seen="it ends with code 7",
)
def test_a_controller_whose_lock_was_taken_ends(tmp_path: Path) -> None:
    with running(tmp_path, "lost") as run:
        assert run.process.wait(timeout=PATIENCE) == 7
        assert "error: the lock on this fleet was lost" in run.log.read_text()


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    from quorate.errors import MachineError

    with (
        web.served({}, "127.0.0.1", 0) as port,
        pytest.raises(MachineError, match=r"nothing can listen on 127\.0\.0\.1"),
        web.served({}, "127.0.0.1", port),
    ):
        pass
