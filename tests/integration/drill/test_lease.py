"""The scripts that hold an undo, run by a real shell: armed, done in time, done once, let go."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from quorate.drill import remote_lease
from tests.integration.drill.conftest import Machine


def armed(machine: Machine, *, lease: float = 60.0, steps: str = "", drill: str = "lose it") -> str:
    """An arming script; `steps` of its undo."""
    place = str(machine.place)
    undo = remote_lease.undo_script(steps, place=place)
    return remote_lease.arm_script(drill, undo, lease=lease, place=place, timer=False)


def counting(machine: Machine) -> str:
    return f'echo done >> "{machine.state}/count"\n'


def wait_for(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(pid: str) -> bool:
    """Whether a process is there and not only waiting to be collected."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_it_is_held_by_a_process_and_readable_to_its_owner_alone(machine: Machine) -> None:
    done = machine.run(armed(machine))
    assert (done.returncode, done.stdout) == (0, "shell\n"), done.stderr
    assert machine.place.stat().st_mode & 0o777 == 0o700
    assert (machine.place / "undo").stat().st_mode & 0o777 == 0o700
    assert runs((machine.place / "pid").read_text().strip())
    holder = remote_lease.holder_script(place=str(machine.place))
    assert machine.run(holder).stdout == "lose it\n"
    machine.run(remote_lease.undoing_script(place=str(machine.place)))


def test_undone_early_it_ends_the_lease_and_leaves_nothing(machine: Machine) -> None:
    machine.run(armed(machine, steps=counting(machine)))
    pid = (machine.place / "pid").read_text().strip()
    undo = remote_lease.undoing_script(place=str(machine.place))
    assert machine.run(undo).stdout == "undone\n"
    assert not machine.place.exists()
    wait_for(lambda: not runs(pid))
    # A second time there is nothing to do.
    assert machine.run(undo).stdout == ""
    assert machine.text("count") == "done"


def test_the_lease_undoes_it_when_nobody_else_does(machine: Machine) -> None:
    machine.run(armed(machine, lease=1.0, steps=counting(machine)))
    pid = (machine.place / "pid").read_text().strip()
    wait_for(lambda: not machine.place.exists())
    assert machine.text("count") == "done"
    wait_for(lambda: not runs(pid))


def test_an_undo_that_fails_is_tried_again(machine: Machine) -> None:
    steps = f'{counting(machine)}[ -e "{machine.state}/well" ] || failed=1\n'
    machine.run(armed(machine, lease=0.1, steps=steps))
    wait_for(lambda: machine.has("count"))
    undo = remote_lease.undoing_script(place=str(machine.place))
    assert machine.run(undo).returncode != 0
    assert machine.place.exists()
    (machine.state / "well").touch()
    wait_for(lambda: not machine.place.exists())
    assert len(machine.text("count").split()) >= 3


def test_a_second_drill_is_refused_and_the_first_stays(machine: Machine) -> None:
    machine.run(armed(machine))
    second = machine.run(armed(machine, drill="another"))
    assert second.returncode == remote_lease.HELD
    assert "the drill lose it is under way" in second.stderr
    holder = remote_lease.holder_script(place=str(machine.place))
    assert machine.run(holder).stdout == "lose it\n"
    machine.run(remote_lease.undoing_script(place=str(machine.place)))


def test_where_nobody_can_hold_it_nothing_is_left(machine: Machine) -> None:
    script = armed(machine).replace("setsid sh", "false").replace("-lt 50", "-lt 3")
    done = machine.run(script)
    assert done.returncode == remote_lease.UNARMED
    assert not machine.place.exists()


def test_names_are_no_commands(machine: Machine) -> None:
    machine.run(armed(machine, drill=f"$(touch {machine.state}/oops); x"))
    holder = remote_lease.holder_script(place=str(machine.place))
    assert "$(touch" in machine.run(holder).stdout
    assert not machine.has("oops")
    machine.run(remote_lease.undoing_script(place=str(machine.place)))
