"""The fleet's lock against a real swarm, with real processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from quorate.deploy import lock
from quorate.errors import LockedError

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

HOLD = """
import sys, time
from quorate.deploy import lock
from quorate.tools import docker
client = docker.connect_socket(sys.argv[1])
with lock.hold(client, what="up", settings=lock.Settings({settings})):
    print("held", flush=True)
    time.sleep(60)
"""


def holding_process(client: DockerClient, settings: str = "") -> subprocess.Popen[str]:
    """Another process that holds the lock, for certain, when this returns."""
    base = client.api.adapters["http+docker://"].socket_path  # type: ignore[attr-defined]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(settings=settings), base],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait(timeout=20)
    assert process.stdout is not None
    process.stdout.close()


def test_held_once_and_released(swarm: DockerClient) -> None:
    with lock.hold(swarm, what="up"):
        found = lock.holder(swarm)
        assert found is not None and found.process.pid == os.getpid() and found.stale is None
        with pytest.raises(LockedError) as caught, lock.hold(swarm, what="up"):
            pytest.fail("two holders")
        assert "`up`" in str(caught.value.cause) and str(os.getpid()) in str(caught.value.cause)
        # The second one's leaving must not have taken the first one's lock away.
        assert lock.holder(swarm) is not None
    assert lock.holder(swarm) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_released_when_interrupted(swarm: DockerClient, number: int) -> None:
    end(holding_process(swarm), number)
    assert lock.holder(swarm) is None


def test_the_lock_of_a_killed_process_is_taken_over(swarm: DockerClient) -> None:
    process = holding_process(swarm)
    with pytest.raises(LockedError), lock.hold(swarm, what="up"):
        pytest.fail("two holders")
    end(process, signal.SIGKILL)
    assert lock.holder(swarm) is not None
    said: list[str] = []
    with lock.hold(swarm, what="up", settings=lock.Settings(say=said.append)):
        assert "has ended" in said[0]
    assert lock.holder(swarm) is None


def test_waiting_gets_it_when_the_holder_is_done(swarm: DockerClient) -> None:
    process = holding_process(swarm)
    try:
        process.send_signal(signal.SIGINT)
        with lock.hold(swarm, what="up", settings=lock.Settings(wait=20)):
            pass
    finally:
        end(process, signal.SIGKILL)


def test_renewed_while_held_and_noticed_when_lost(swarm: DockerClient) -> None:
    with lock.hold(swarm, what="up", settings=lock.Settings(renew=0.1)) as held:
        time.sleep(1.0)
        found = lock.holder(swarm)
        assert found is not None and found.age < 0.6
        held.check()
        swarm.api.remove_config(found.id)
        time.sleep(0.5)
        with pytest.raises(LockedError, match="lost"):
            held.check()


def test_not_renewed_for_long_is_stale(swarm: DockerClient) -> None:
    """For as long as its holder has said, whatever others think."""
    process = holding_process(swarm, "lasts=0.5")
    try:
        time.sleep(1.0)
        with lock.hold(swarm, what="up"):
            found = lock.holder(swarm)
            assert found is not None and found.process.pid == os.getpid()
    finally:
        end(process, signal.SIGKILL)


def test_who_slept_until_somebody_else_had_it_looks_first(swarm: DockerClient) -> None:
    """Nothing has renewed it meanwhile, and nothing has told that it is lost."""
    settings = lock.Settings(lasts=0.5, renew=3600)
    with lock.hold(swarm, what="move", settings=settings) as held:
        held.check()
        time.sleep(1.0)
        held.check()  # nobody has taken it over: it is renewed by that
        found = lock.holder(swarm)
        assert found is not None and found.age < 0.5
        time.sleep(1.0)
        with (
            lock.hold(swarm, what="move, resumed"),
            pytest.raises(LockedError, match="lost while working"),
        ):
            held.check()
