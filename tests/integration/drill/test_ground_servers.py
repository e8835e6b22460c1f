"""Drills on servers that are not there: ssh leads to stand-ins on this machine, one for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.drill import armed, ground_servers
from quorate.drill.file import Drill
from quorate.drill.ground import Work
from quorate.drill.ground_servers import ServersGround
from quorate.errors import LockedError, MachineError, UnreachableError
from quorate.fleet.model import Fleet
from tests.integration.drill.conftest import write_programs
from tests.unit.drill.shop import seen, shop

# A script in standard input is run as it is, but for its place; else the command is.
SSH = """\
#!/bin/sh
while [ "$1" != -- ]; do shift; done
S="$SERVERS/$2"
export S
[ ! -e "$S/unreached" ] || { echo "ssh: connect to host $2: timed out" >&2; exit 255; }
case "$3" in
*sudo*) sed "s,/run/systemd/system,$S/systemd,g; s,/run/quorate-drill,$S/lease,g" | sh -s ;;
*) sh -c "$3" ;;
esac
"""


class Servers:
    """The stand-ins' states, a directory each."""

    def __init__(self, place: Path, fleet: Fleet) -> None:
        self.place, self.fleet = place, fleet

    def has(self, server: str, name: str) -> bool:
        return (self.place / server / name).exists()

    def ground(self) -> ServersGround:
        return ServersGround(self.fleet)


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Managers a, b, c and a worker w, each with an engine."""
    programs, place = tmp_path / "programs", tmp_path / "servers"
    programs.mkdir()
    write_programs(programs)
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    made = shop()
    known = [
        server.model_copy(update={"address": f"192.0.2.{number}"})
        for number, server in enumerate(made.servers, start=1)
    ]
    for server in known:
        state = place / server.address
        state.mkdir(parents=True)
        (place / server.name).symlink_to(state)
        (state / "engine").touch()
        (state / "running").write_text("c1\n")
        (state / "availability").write_text("active\n")
        (state / "label").touch()
    path = programs.parent / "fleet.yaml"
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("SERVERS", str(place))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(ground_servers, "ASK_SECONDS", 0.1)
    fleet = made.model_copy(update={"servers": tuple(known), "path": path})
    found = Servers(place, fleet)
    yield found
    for name in "abcw":
        (place / name / "unreached").unlink(missing_ok=True)
    found.ground().clear()


def work(kind: str = "partition", hit: str = "w", lease: float = 60.0, **more: Any) -> Work:
    target = {"service": "web"} if kind == "freeze-service" else {"server": list(hit)}
    fault = {"kind": kind, "duration": lease}
    drill = {"drill": "try", "target": target, "fault": fault, "undo": {"lease": lease, **more}}
    return Work(drill=Drill.model_validate(drill), hit=tuple(hit), before=seen())


def wait_for_the_lease(servers: Servers, server: str) -> None:
    deadline = time.monotonic() + 30
    while servers.has(server, "lease"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_fault_is_made_and_undone_and_nothing_is_left(servers: Servers) -> None:
    ground = servers.ground()
    assert ground.leftovers() == []
    ground.check(work())
    held = ground.arm(work())
    assert held == "the undo is held on w by a detached shell (systemd is not its init)"
    assert not servers.has("w", "rules")
    ground.begin(work())
    assert servers.has("w", "rules")
    assert not servers.has("a", "rules")
    assert ground.holder() == "try"
    assert servers.ground().leftovers() == [
        "the undo of the drill try on w (held by a shell)",
        "packet rules on w",
    ]
    assert ground.undo()
    assert ground.leftovers() == []
    assert not ground.undo()


def test_somebody_else_can_end_it_and_the_drill_notices(servers: Servers) -> None:
    ground = servers.ground()
    ground.arm(work())
    ground.begin(work())
    (noted,) = armed.every()
    assert (noted.drill, noted.fleet.name) == ("try", "fleet.yaml")
    assert servers.ground().undo()
    assert not servers.has("w", "rules")
    time.sleep(0.2)
    assert ground.holder() is None
    assert not ground.undo()
    assert ground.leftovers() == []
    assert armed.every() == []


def test_a_second_drill_is_refused_before_and_while_arming(servers: Servers) -> None:
    servers.ground().arm(work())
    with pytest.raises(LockedError, match="the drill try is under way on w"):
        servers.ground().check(work())
    # On several servers: what was armed already is let go.
    with pytest.raises(LockedError, match="the drill try is under way on w"):
        servers.ground().arm(work(hit="cw"))
    assert not servers.has("c", "lease")
    assert servers.has("w", "lease")


def test_the_server_undoes_it_by_itself(servers: Servers) -> None:
    ground = servers.ground()
    ground.arm(work(lease=4.0))
    ground.begin(work(lease=4.0))
    wait_for_the_lease(servers, "w")
    assert not servers.has("w", "rules")
    assert not ground.undo()


def test_where_systemd_is_the_init_a_timer_holds_it(servers: Servers) -> None:
    (servers.place / "w" / "systemd").mkdir()
    ground, made = servers.ground(), work("stop-engine")
    ground.check(made)
    assert ground.arm(made) == "the undo is held on w by a timer of systemd"
    assert servers.has("w", "timer")
    ground.begin(made)
    assert not servers.has("w", "engine")
    assert servers.ground().leftovers()[0] == "the undo of the drill try on w (held by a timer)"
    assert ground.undo()
    assert servers.has("w", "engine")
    assert not servers.has("w", "timer")
    assert ground.leftovers() == []


def test_a_timer_undoes_it_when_nobody_else_does(servers: Servers) -> None:
    (servers.place / "w" / "systemd").mkdir()
    ground = servers.ground()
    ground.arm(work("stop-engine", lease=4.0))
    ground.begin(work("stop-engine", lease=4.0))
    wait_for_the_lease(servers, "w")
    assert servers.has("w", "engine")
    assert ground.leftovers() == []


def test_a_server_that_cannot_be_reached_is_waited_for(servers: Servers) -> None:
    ground = servers.ground()
    ground.arm(work(lease=4.0))
    ground.begin(work(lease=4.0))
    away = servers.place / "w" / "unreached"
    away.touch()
    time.sleep(0.2)
    # Nothing says that it is undone.
    assert ground.holder() == "try"
    threading.Timer(6.0, away.unlink).start()
    assert not ground.undo()
    assert not servers.has("w", "rules")


def test_one_that_stays_away_is_an_error(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground_servers, "LATE_SECONDS", 0.5)
    ground = servers.ground()
    ground.arm(work(lease=4.0))
    (servers.place / "w" / "unreached").touch()
    with pytest.raises(UnreachableError):
        ground.undo()
    (text,) = ground.leftovers()
    assert text.startswith("of w nobody knows")
    with pytest.raises(MachineError, match="not everything could be undone: w"):
        ground.clear()


def test_a_drain_is_held_by_all_other_managers(servers: Servers) -> None:
    ground = servers.ground()
    held = ground.arm(work("drain", "a"))
    assert "on b by" in held
    assert "on c by" in held
    ground.begin(work("drain", "a"))
    assert (servers.place / "b" / "availability").read_text() == "drain\n"
    assert ground.undo()
    assert (servers.place / "b" / "availability").read_text() == "active\n"
    assert not servers.has("c", "lease")


def test_what_a_killed_drill_left_is_cleared(servers: Servers) -> None:
    ground = servers.ground()
    ground.arm(work("freeze-service"))
    ground.begin(work("freeze-service"))
    assert servers.has("w", "c1.paused")
    found = servers.ground()
    assert any("paused" in text or "undo" in text for text in found.leftovers())
    assert found.clear() == ["thawed a container on w", "undid its fault on w"]
    assert not servers.has("w", "c1.paused")
    assert found.leftovers() == []


def test_a_frozen_container_goes_on_even_where_the_undo_does_not_know_of_it(
    servers: Servers,
) -> None:
    place = servers.place / "w"
    (place / "lease").mkdir()
    (place / "lease" / "paused").write_text("c1\n")
    (place / "c1.paused").touch()
    (place / "lease" / "undo").write_text(f"rm -rf {place}/lease\n")
    servers.ground().clear()
    assert not servers.has("w", "c1.paused")
    assert servers.ground().leftovers() == []


def test_rules_whose_undo_is_gone_are_found_and_removed(servers: Servers) -> None:
    (servers.place / "w" / "rules").touch()
    ground = servers.ground()
    assert ground.leftovers() == ["packet rules on w"]
    assert ground.clear() == ["removed packet rules on w"]


def test_a_power_cut_is_held_on_this_machine(servers: Servers, tmp_path: Path) -> None:
    on: dict[str, Any] = {"power_on": f"touch {tmp_path}/on-{{server}}"}
    ground = servers.ground()
    held = ground.arm(work("power-off", **on))
    assert held == "the undo is held on this machine by a detached shell"
    assert ground.holder() == "try"
    assert any("a lease on this machine" in text for text in ground.leftovers())
    # Another run of Quorate finds it there.
    assert servers.ground().undo()
    assert (tmp_path / "on-w").exists()
    assert ground.leftovers() == []


def test_no_probe_without_its_image(servers: Servers) -> None:
    ground = servers.ground()
    ground.ready(["a", "b"], "there:1")
    with pytest.raises(MachineError, match="cannot have python:9") as caught:
        ground.ready(["a", "b"], "python:9")
    assert "no such image" in (caught.value.cause or "")
    assert "probes: {image" in (caught.value.todo or "")
