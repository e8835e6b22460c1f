"""The scripts of each fault on a stand-in of a server: what was before is there afterwards."""

from __future__ import annotations

import subprocess

import pytest

from quorate.drill import remote_faults, remote_lease
from quorate.drill.file import FaultEntry, Kind
from quorate.drill.remote_faults import Victim, power_on
from tests.integration.drill.conftest import Machine

VICTIM = Victim(
    server="w",
    node="n1",
    far=("192.0.2.1",),
    service="shop_web",
    fault=FaultEntry(kind=Kind.PARTITION),
)


def begin(machine: Machine, kind: Kind) -> subprocess.CompletedProcess[str]:
    machine.place.mkdir(exist_ok=True)
    (machine.place / "undo").touch()
    ways = remote_faults.WAYS[kind]
    return machine.run(remote_lease.begin_script(ways.begin(VICTIM)))


def undo(machine: Machine, kind: Kind) -> subprocess.CompletedProcess[str]:
    return machine.run(remote_lease.undo_script(remote_faults.WAYS[kind].undo(VICTIM)))


def test_no_fault_without_an_undo(machine: Machine) -> None:
    script = remote_lease.begin_script(remote_faults.WAYS[Kind.PARTITION].begin(VICTIM))
    done = machine.run(script)
    assert (done.returncode, done.stderr) == (remote_lease.UNARMED, "the undo is not armed\n")
    assert not machine.has("rules")


@pytest.mark.parametrize("times", [1, 2])
def test_a_partition(machine: Machine, times: int) -> None:
    assert begin(machine, Kind.PARTITION).returncode == 0
    assert "192.0.2.1" in machine.text("rules")
    for _ in range(times):
        assert undo(machine, Kind.PARTITION).returncode == 0
        assert not machine.has("rules")


@pytest.mark.parametrize("times", [1, 2])
def test_an_engine_that_is_stopped(machine: Machine, times: int) -> None:
    assert begin(machine, Kind.STOP_ENGINE).returncode == 0
    assert not machine.has("engine")
    for _ in range(times):
        assert undo(machine, Kind.STOP_ENGINE).returncode == 0
        assert machine.has("engine")


def test_an_engine_that_is_killed_is_kept_from_starting_until_it_is_undone(
    machine: Machine,
) -> None:
    with subprocess.Popen(["sleep", "60"]) as engine:
        (machine.state / "pid").write_text(f"{engine.pid}\n")
        assert begin(machine, Kind.KILL_ENGINE).returncode == 0
        assert engine.wait(5) == -9
    lines = machine.text("drop-in").splitlines()
    assert f"ConditionPathExists=!{machine.state / 'drop-in'}" in lines
    assert "Restart=no" in lines
    (machine.state / "engine").unlink()
    assert undo(machine, Kind.KILL_ENGINE).returncode == 0
    assert machine.has("engine")
    assert not machine.has("drop-in")


def test_only_what_the_drill_froze_goes_on(machine: Machine) -> None:
    assert begin(machine, Kind.FREEZE_SERVICE).returncode == 0
    assert machine.has("c1.paused")
    assert machine.has("c2.paused")
    (machine.state / "other.paused").touch()
    assert undo(machine, Kind.FREEZE_SERVICE).returncode == 0
    assert not machine.has("c1.paused")
    assert machine.has("other.paused")
    # What the record named is gone with it: again changes nothing.
    assert undo(machine, Kind.FREEZE_SERVICE).returncode == 0


def test_a_service_without_a_container_is_not_frozen(machine: Machine) -> None:
    (machine.state / "running").write_text("")
    done = begin(machine, Kind.FREEZE_SERVICE)
    assert done.returncode != 0
    assert "no container of shop_web runs here" in done.stderr


def test_with_the_engine_away_frozen_containers_are_not_thought_well(machine: Machine) -> None:
    begin(machine, Kind.FREEZE_SERVICE)
    (machine.state / "engine").unlink()
    assert undo(machine, Kind.FREEZE_SERVICE).returncode == 1
    (machine.state / "engine").touch()
    assert undo(machine, Kind.FREEZE_SERVICE).returncode == 0
    assert not machine.has("c1.paused")


def test_a_drained_server_gets_back_what_it_had(machine: Machine) -> None:
    assert begin(machine, Kind.DRAIN).returncode == 0
    assert (machine.text("availability"), machine.text("label")) == ("drain", "pause")
    assert undo(machine, Kind.DRAIN).returncode == 0
    assert (machine.text("availability"), machine.text("label")) == ("pause", "")
    # Drained by somebody since: without the label it is not the drill's.
    (machine.state / "availability").write_text("drain\n")
    assert undo(machine, Kind.DRAIN).returncode == 0
    assert machine.text("availability") == "drain"


def test_managers_that_take_a_server_back_at_once_do_not_fail(machine: Machine) -> None:
    """Each holds the lease: what one of them has done meanwhile is done."""
    begin(machine, Kind.DRAIN)
    (machine.state / "beside").touch()
    assert undo(machine, Kind.DRAIN).returncode == 0
    assert (machine.text("availability"), machine.text("label")) == ("pause", "")
    (machine.state / "beside").unlink()
    begin(machine, Kind.DRAIN)
    (machine.state / "stubborn").touch()
    assert undo(machine, Kind.DRAIN).returncode == 1
    assert machine.text("label") == "pause"


def test_the_way_to_switch_on_is_run_word_by_word(machine: Machine) -> None:
    steps = power_on(["touch", f"{machine.state}/on {{server}}; $HOME"], ["w", "c"])
    assert machine.run(remote_lease.undo_script(steps)).returncode == 0
    assert machine.has("on w; $HOME")
    assert machine.has("on c; $HOME")


def test_a_way_that_fails_is_not_taken_for_done(machine: Machine) -> None:
    machine.place.mkdir()
    steps = power_on(["false"], ["w"])
    assert machine.run(remote_lease.undo_script(steps)).returncode == 1
    assert machine.place.exists()
