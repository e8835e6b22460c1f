"""Services kept still for backups, and commands in their containers, on a real engine and swarm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.backup import inside, quiesce
from quorate.backup.policy import quiesce as policy
from quorate.backup.quiesce import Wish
from quorate.backup.sources import base, copied
from quorate.backup.sources import swarm as swarm_source
from quorate.errors import CommandError, EngineError, MachineError

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

WRITES = "trap 'exit 0' TERM; while :; do echo x >> /data/log; sleep 0.05 & wait $!; done"
WISH = Wish(services=("shop_app",), run="r1", source="volume/shop_data", seconds=600)
SECONDS = 120.0

KILLED = """
import sys
from quorate.backup import quiesce
from quorate.backup.quiesce import Wish
from quorate.tools import docker
client = docker.connect_socket(sys.argv[1])
wish = Wish(services=("shop_app",), run="r1", source="volume/shop_data", seconds=600)
with quiesce.still(client, wish):
    print("still", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def service(swarm: DockerClient, shell: str) -> Iterator[dict[str, Any]]:
    """`shop_app`: two replicas that write into a volume."""
    template = {
        "ContainerSpec": {
            "Image": shell,
            "Command": ["/bin/sh", "-c", WRITES],
            "Mounts": [{"Type": "volume", "Source": "shop_data", "Target": "/data"}],
            "StopGracePeriod": 5_000_000_000,
        },
        "RestartPolicy": {"Condition": "any", "Delay": 100_000_000},
    }
    made = swarm.api.create_service(
        template,
        name="shop_app",
        labels={"com.docker.stack.namespace": "shop"},
        mode={"Replicated": {"Replicas": 2}},
    )
    try:
        until(lambda: containers(swarm) == 2)
        yield swarm.api.inspect_service(made["ID"])
    finally:
        removed(swarm)


def removed(client: DockerClient) -> None:
    """No service of that name is left, nor its containers."""
    for one in client.api.services(filters={"name": "shop_app"}):
        client.api.remove_service(one["ID"])
    until(lambda: containers(client) == 0)


def until(holds: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > SECONDS:
            pytest.fail("not so in time")
        time.sleep(0.2)
    return time.monotonic() - began


def containers(client: DockerClient) -> int:
    return len(client.api.containers(filters={"name": "shop_app", "status": "running"}))


def test_nothing_writes_while_it_is_kept_still(
    swarm: DockerClient, service: dict[str, Any]
) -> None:
    with quiesce.still(swarm, WISH) as kept:
        assert containers(swarm) == 0
        spec = swarm.api.inspect_service("shop_app")["Spec"]
        assert policy.held(spec, "r1") and policy.replicas_of(spec) == 0
        assert quiesce.converge(swarm, lambda: {"r1"}) == ()
    assert kept.broken == []
    until(lambda: containers(swarm) == 2)
    assert swarm.api.inspect_service("shop_app")["Spec"] == service["Spec"]


def test_killed_in_the_middle_it_runs_again(swarm: DockerClient, service: dict[str, Any]) -> None:
    adapters: Any = swarm.api.adapters
    path = next(one.socket_path for one in adapters.values() if hasattr(one, "socket_path"))
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"still\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert containers(swarm) == 0
    assert quiesce.converge(swarm) == (), "its deadline is not over"
    assert quiesce.converge(swarm, lambda: set[str]()) == (), "its job may be started yet"
    quiesce.note(swarm, ["shop_app"], "r1", "job")
    assert containers(swarm) == 0
    assert quiesce.converge(swarm, lambda: {"job"}) == ()
    (ended,) = quiesce.converge(swarm, lambda: set[str]())
    assert ended.name == "shop_app" and ended.why == "the run r1 has ended"
    until(lambda: containers(swarm) == 2)
    assert swarm.api.inspect_service("shop_app")["Spec"] == service["Spec"]


def test_who_scales_it_by_hand_is_obeyed(swarm: DockerClient, service: dict[str, Any]) -> None:
    with quiesce.still(swarm, WISH) as kept:
        swarm.services.get(service["ID"]).scale(1)
    assert kept.broken == ["shop_app"]
    spec = swarm.api.inspect_service("shop_app")["Spec"]
    assert policy.replicas_of(spec) == 1 and not policy.marked(spec)
    until(lambda: containers(swarm) == 1)


def test_a_rolled_back_service_is_let_go(swarm: DockerClient, service: dict[str, Any]) -> None:
    """`docker service rollback` after a backup brings back what the backup had made of it."""
    with quiesce.still(swarm, WISH):
        quiesce.note(swarm, ["shop_app"], "r1", "job")
    one = swarm.api.inspect_service("shop_app")
    before = one["PreviousSpec"]
    assert policy.record_of(before) is not None
    quiesce.change(swarm, "shop_app", lambda _: before)
    (ended,) = quiesce.converge(swarm, lambda: set[str]())
    assert ended.name == "shop_app"
    assert policy.replicas_of(swarm.api.inspect_service("shop_app")["Spec"]) == 2
    until(lambda: containers(swarm) == 2)


def test_commands_and_files_in_a_container(
    swarm: DockerClient, service: dict[str, Any], tmp_path: Path
) -> None:
    container = inside.matching(swarm, r"^shop_app\.")
    code, said = container.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert code == 3 and sorted(said.split()) == ["err", "out"]
    inside.hooks(container, ("mkdir -p /made/here", "echo kept > /made/here/file"), when="before")
    with pytest.raises(CommandError, match="ended with exit code 9") as caught:
        inside.hooks(container, ("echo why; exit 9",), when="after")
    assert caught.value.cause == "why"
    large = tmp_path / "large"
    large.write_bytes(os.urandom(3_000_001))
    container.put(large, "/made/here/large")
    container.take("/made/here/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    container.take("/made/here/file", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept\n"
    for path in ("/made/nowhere", "/made"):
        with pytest.raises(EngineError):
            container.take(path, tmp_path / "none")
    with pytest.raises(EngineError):
        container.put(large, "/nowhere/large")
    with pytest.raises(MachineError, match="no container that matches"):
        inside.matching(swarm, "^other")


def test_a_swarms_state_is_made_anew(
    swarm: DockerClient, service: dict[str, Any], tmp_path: Path
) -> None:
    network = swarm.api.create_network("shop_back", driver="overlay", attachable=True)
    config = swarm.api.create_config("shop_conf", b"x = 1", labels={"a": "b"})
    source = swarm_source.Swarm(client=swarm)
    try:
        made = source.dump(tmp_path / "spool")
        assert "services/shop_app.json" in made.parts
        assert base.prove(source, tmp_path / "spool") == ()
        assert "SWMTKN" not in str([
            path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file()
        ])  # fmt: skip
        assert swarm_source.restore(tmp_path / "spool", swarm) == (), "all of it is there"
        removed(swarm)
        swarm.api.remove_network(network["Id"])
        swarm.api.remove_config(config["ID"])
        done = swarm_source.restore(tmp_path / "spool", swarm)
        assert {"network shop_back", "config shop_conf", "service shop_app"} <= set(done)
        until(lambda: containers(swarm) == 2)
        kept = (tmp_path / "spool" / copied.TREE / "services/shop_app.json").read_bytes()
        source.dump(tmp_path / "again")
        again = tmp_path / "again" / copied.TREE / "services/shop_app.json"
        assert again.read_bytes() == kept
    finally:
        removed(swarm)
        swarm.api.remove_network("shop_back")
        for one in swarm.api.configs():
            if one["Spec"]["Name"] == "shop_conf":
                swarm.api.remove_config(one["ID"])
