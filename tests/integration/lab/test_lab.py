"""A real lab: its nodes, its faults, and that it leaves nothing behind.

The tests share one lab and each leaves it well; the last one takes it down.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from quorate.errors import LabError, UnreachableError
from quorate.fleet.model import Fleet
from quorate.lab import clear, compose, faults, nodeimage, nodes, state, status, up
from quorate.lab.state import Lab
from quorate.tools import docker, ssh


def target(lab: Lab, server: str) -> ssh.Target:
    return ssh.Target(name=server, host=server, user="root", config=lab.ssh_config)


def reaches(lab: Lab, one: str, other: str) -> bool:
    """Whether a connection from one node to another's ssh port is made within a second."""
    probe = f"timeout 1 bash -c '</dev/tcp/{lab.node(other).address}/22' && echo yes || echo no"
    return nodes.execute(lab, one, "bash", "-c", probe).strip() == "yes"


def seen(lab: Lab, server: str) -> status.NodeStatus:
    return next(node for node in status.look(lab).nodes if node.server == server)


def containers(lab: Lab) -> dict[str, str]:
    """Container id and start time of each node."""
    form = "{{.Name}} {{.Id}}{{.State.StartedAt}}"
    names = [node.container for node in lab.nodes]
    said = docker.cli(lab.engine_socket, "inspect", "--format", form, *names).stdout
    return dict(line.split() for line in said.splitlines())


def test_each_server_answers_ssh_with_an_engine_of_its_size(lab: Lab) -> None:
    for node in lab.nodes:
        with docker.connect(target(lab, node.server)) as client:
            info = client.info()
        assert info["Name"] == node.server
        assert info["NCPU"] == node.cpus
        assert info["MemTotal"] == pytest.approx(node.memory, abs=4096)


def test_ssh_is_quick(lab: Lab) -> None:
    ssh.run(target(lab, "alpha"), ["true"])
    started = time.monotonic()
    ssh.run(target(lab, "alpha"), ["true"])
    assert time.monotonic() - started < 2  # 0.2 s on an idle machine


def test_an_unknown_name_is_refused_at_once(lab: Lab) -> None:
    started = time.monotonic()
    nodes.execute(lab, "alpha", "getent", "hosts", "nowhere.invalid", check=False)
    assert time.monotonic() - started < 2
    assert lab.node("beta").address in nodes.execute(lab, "alpha", "getent", "hosts", "beta")


def test_bringing_it_up_again_changes_nothing(lab: Lab, fleet: Fleet) -> None:
    before = containers(lab)
    assert up.bring_up(fleet) == lab
    assert containers(lab) == before


def test_an_interrupted_start_is_continued(lab: Lab, fleet: Fleet) -> None:
    state.save(lab.model_copy(update={"complete": False}))
    docker.cli(lab.engine_socket, "rm", "-f", lab.node("beta").container)
    with pytest.raises(LabError, match="not complete"):
        state.load(fleet.path)
    up.bring_up(fleet)
    assert state.load(fleet.path).complete
    assert seen(lab, "beta").engine


def test_bringing_it_up_repairs_what_is_off(lab: Lab, fleet: Fleet) -> None:
    parted = faults.cut(lab, ["alpha"], ["beta"])
    faults.stop_engine(parted, "alpha")
    faults.power_off(parted, "beta")
    mended = up.bring_up(fleet)
    assert seen(mended, "alpha").engine
    assert seen(mended, "beta").engine
    assert not reaches(mended, "alpha", "beta")
    faults.heal(mended)


def test_the_same_name_from_elsewhere_is_refused(
    lab: Lab, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = containers(lab)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(LabError, match="already runs on this engine"):
        up.bring_up(fleet)
    # Nor does clearing up take the images and the engine from under it.
    with pytest.raises(LabError, match=f"still used by: .*{lab.name}"):
        clear.clear_engine(socket=lab.engine_socket)
    assert containers(lab) == before
    assert state.every() == ()


def test_a_cut_parts_both_ways_and_heals(lab: Lab) -> None:
    assert reaches(lab, "alpha", "beta")
    parted = faults.cut(lab, ["alpha"], ["beta"])
    faults.cut(parted, ["alpha"], ["beta"])
    assert not reaches(lab, "alpha", "beta")
    assert not reaches(lab, "beta", "alpha")
    assert seen(parted, "alpha").cut_from == ("beta",)
    faults.heal(parted)
    assert reaches(lab, "alpha", "beta")
    assert "quorate_lab" not in nodes.execute(lab, "alpha", "nft", "list", "tables")


def test_a_cut_outlasts_a_power_cut(lab: Lab) -> None:
    parted = faults.cut(lab, ["alpha"], ["beta"])
    faults.power_off(parted, "beta")
    faults.power_on(parted, "beta")
    assert not reaches(lab, "beta", "alpha")
    faults.heal(parted)
    assert reaches(lab, "beta", "alpha")


def test_a_server_without_power_is_unreachable_and_keeps_its_data(lab: Lab) -> None:
    nodes.execute(lab, "beta", "docker", "volume", "create", "kept")
    faults.power_off(lab, "beta")
    faults.power_off(lab, "beta")
    assert seen(lab, "beta").power == "off"
    with pytest.raises(UnreachableError):
        ssh.run(target(lab, "beta"), ["true"])
    with pytest.raises(LabError, match="is off"):
        faults.freeze(lab, "beta")
    faults.power_on(lab, "beta")
    assert "kept" in nodes.execute(lab, "beta", "docker", "volume", "ls", "-q")


def test_a_frozen_server_stands_still_and_goes_on(lab: Lab) -> None:
    faults.freeze(lab, "beta")
    assert seen(lab, "beta").power == "frozen"
    with pytest.raises(LabError, match="is frozen"):
        faults.cut(lab, ["alpha"], ["beta"])
    assert not state.load(lab.fleet_path).cuts
    faults.thaw(lab, "beta")
    assert seen(lab, "beta").engine


def test_an_engine_stops_and_starts_under_a_running_server(lab: Lab) -> None:
    faults.stop_engine(lab, "beta")
    stopped = seen(lab, "beta")
    assert (stopped.power, stopped.engine) == ("on", "")
    assert reaches(lab, "alpha", "beta")
    faults.start_engine(lab, "beta")
    assert seen(lab, "beta").engine


def test_a_compose_stack_runs_on_its_server(lab: Lab) -> None:
    image = nodeimage.base_tag()
    archive = subprocess.run(
        ["docker", "-H", f"unix://{lab.engine_socket}", "save", image],
        check=True,
        capture_output=True,
    ).stdout
    docker.cli(
        lab.engine_socket,
        *("exec", "-i", lab.node("beta").container, "docker", "load", "-q"),
        input=archive,
        timeout=120,
    )
    document = {"services": {"one": {"image": image, "entrypoint": ["sleep", "1000"]}}}
    compose.start_compose(lab, "beta", "mail", document)
    running = nodes.execute(lab, "beta", "docker", "ps", "--format", "{{.Names}}")
    assert running.split() == ["mail-one-1"]
    compose.stop_compose(lab, "beta", "mail", document)


def test_a_fault_on_an_unknown_server_names_the_known_ones(lab: Lab) -> None:
    with pytest.raises(LabError, match="no server gamma"):
        faults.power_off(lab, "gamma")


def test_taking_it_down_removes_all_of_it_and_nothing_else(lab: Lab) -> None:
    other = f"{lab.node('alpha').volume}-other"
    docker.cli(lab.engine_socket, "volume", "create", "--label", "quorate.lab=other", other)
    try:
        counts = up.take_down(lab)
        # Two nodes and the registry, whose storage outlives labs.
        assert counts == {"containers": 3, "networks": 1, "volumes": 2}
        label = ("--filter", f"label=quorate.lab={lab.name}")
        for listing in (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q")):
            assert docker.cli(lab.engine_socket, *listing, *label).stdout == ""
        assert other in docker.cli(lab.engine_socket, "volume", "ls", "-q").stdout
        with pytest.raises(LabError, match="no lab runs"):
            state.load(lab.fleet_path)
    finally:
        docker.cli(lab.engine_socket, "volume", "rm", other)
