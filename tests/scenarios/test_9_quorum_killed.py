"""`recover quorum` is killed within each of its steps, and gone on with, in every way it takes.

One after the other in one lab of five servers: a manager whose engine only has to be started; a
new cluster, beside a manager that is damaged; and those that were lost, back again. Every
operation is killed at its first step, resumed and killed again, to its end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.recover.journal import FileStore
from quorate.recover.model import Journal, State
from tests.scenarios import figures, live, steps
from tests.scenarios.conftest import FLEETS, running_lab
from tests.scenarios.test_9_recover_quorum import (
    leads,
    on,
    power,
    recover,
    then_all_that_can_runs,
)

if TYPE_CHECKING:
    from quorate.fleet.observed import Snapshot
    from tests.scenarios.conftest import Office

LATE_SECONDS = (0.0, 1.5)
"""A step is killed as soon as it has begun, and again when it has run for so long."""
STEP_SECONDS, WHOLE_SECONDS = 180.0, 240.0
BACK_SECONDS = 90.0
DAMAGE = (
    "for f in /var/lib/docker/swarm/raft/wal-v3-encrypted/*.wal; do "
    "head -c 65536 /dev/urandom | dd of=$f conv=notrunc status=none; done"
)


@pytest.fixture(scope="module")
def wide(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The lab of `fleets/shop` with one worker more, so that two can stand in for managers."""
    place = tmp_path_factory.mktemp("wide")
    source = place / "source" / "shop"
    shutil.copytree(FLEETS / "shop", source)
    fleet = source / "fleet.yaml"
    text, count = re.subn(
        r"(?m)^  four: (.*)192\.0\.2\.24(.*)$",
        r"\g<0>\n  five: \g<1>192.0.2.25\g<2>",
        fleet.read_text(),
    )
    assert count == 1
    fleet.write_text(text)
    with running_lab(source, place, name=f"wide-{os.getpid()}") as found:
        yield found


def journal_of(office: Office, subject: str) -> Journal:
    """The newest journal of an operation that is kept on this machine."""
    (directory,) = Path(office.environment["XDG_STATE_HOME"]).glob("quorate/labs/*/operations")
    *_, newest = FileStore(directory).all()
    assert newest.operation.subject == subject
    return newest


def killed_in(office: Office, verb: Any, shown: Any, number: int, late: float) -> State:
    """Kill what runs when that step has run for a while, or is done; how it stands with it."""
    step = shown["steps"][number - 1]["id"]
    steps.when_it_says(verb, f"step {number} of {len(shown['steps'])}:", within=STEP_SECONDS)
    began = time.monotonic()
    while journal_of(office, shown["subject"]).of(step) is State.PLANNED:
        time.sleep(0.01)
    while (
        time.monotonic() - began < late
        and journal_of(office, shown["subject"]).of(step) is State.BEGUN
    ):
        time.sleep(0.01)
    os.killpg(verb.pid, signal.SIGKILL)
    steps.its_end(verb, within=10)
    return journal_of(office, shown["subject"]).of(step)


def killed_at_every_step(office: Office, *options: str) -> Journal:
    """A recovery that is killed twice within each step, and its journal once it is done."""
    looked = recover(office, *options, "--dry-run")
    shown = looked["operation"]
    print([step["id"] for step in shown["steps"]], json.dumps(looked["seen"]))
    started = time.monotonic()
    on_lab = ("--fleet", str(office.fleet), "--lab", "--yes")
    first, again = ("recover", "quorum", *options), ("operations", "resume")
    argv = first
    hit: dict[str, State] = {}
    for number, step in enumerate(shown["steps"], start=1):
        for late in LATE_SECONDS:
            if hit.get(step["id"]) is State.DONE:
                continue  # shorter than that
            verb = office.start(*argv, *on_lab)
            hit[step["id"]] = killed_in(office, verb, shown, number, late)
            print(f"{step['id']} +{late} s: {hit[step['id']]}, {time.monotonic() - started:.0f} s")
            if options and argv is first:
                refused = office.json(*first, *on_lab, code=7)
                assert "is not over" in refused["what"]
            argv = again
    if journal_of(office, shown["subject"]).open:
        office.quorate(*again, *on_lab, timeout=WHOLE_SECONDS)
    journal = journal_of(office, shown["subject"])
    figures.told(f"recover quorum ({journal.facts['way']}), killed", RTO=time.monotonic() - started)
    print({one.step: one.seconds for one in journal.entries}, journal.facts.get("verified"))
    assert journal.state is State.DONE
    assert {one.step for one in journal.entries} == {step["id"] for step in shown["steps"]}
    return journal


def then_whole(office: Office, journal: Journal, *managers: str, lost: tuple[str, ...]) -> None:
    """One swarm, of which all managers say the same, and everything in it runs and answers."""
    verified = journal.facts["verified"]
    assert not verified["waiting"] and not verified["names"] and not verified["mute"]
    assert not verified["late"] and verified["crossed"] > 0
    live.wait_until(office, lambda seen: reached(seen) == sorted(managers), within=60)
    assert all(leads(office, server) for server in managers)
    ask = ("docker", "info", "--format", "{{.Swarm.Cluster.ID}}")
    clusters = {on(office, one, *ask).strip() for one in managers}
    assert len(clusters) == 1, clusters
    form = "{{.ID}} {{.Hostname}} {{.Status}} {{.ManagerStatus}}"
    listed = {on(office, one, "docker", "node", "ls", "--format", form) for one in managers}
    assert len(listed) == 1, listed
    then_all_that_can_runs(office, live.snapshot(office), lost=lost)
    steps.then_no_lock_is_left(office)


def reached(seen: Snapshot) -> list[str]:
    """The managers that the leader reaches; entries of lost ones stay until they are back."""
    return sorted(n.hostname for n in seen.nodes if n.ready and n.reachability == "reachable")


def in_error(office: Office, server: str) -> bool:
    said = on(office, server, "docker", "info", "--format", "{{json .Swarm}}", check=False)
    return bool(json.loads(said)["LocalNodeState"] == "error")


@pytest.mark.lab
@pytest.mark.steady
@pytest.mark.drill
@pytest.mark.timeout(2400)
def test_killed_within_every_step_of_every_way(wide: Office) -> None:
    before = steps.given_deployed(wide)
    power(wide, "power-off", "one")
    wide.quorate("lab", "stop-engine", "three", str(wide.fleet), timeout=120)
    journal = killed_at_every_step(wide)
    assert journal.facts["way"] == "restart"
    assert [one.id for one in journal.operation.steps][:2] == ["start-three", "elect"]
    then_managers_there(wide, journal)

    # The log of one of the two is damaged, the engine of the other stands still.
    wide.quorate("lab", "stop-engine", "three", str(wide.fleet), timeout=120)
    on(wide, "three", "sh", "-c", DAMAGE)
    wide.quorate("lab", "stop-engine", "two", str(wide.fleet), timeout=120)
    wide.quorate("lab", "start-engine", "three", str(wide.fleet), timeout=120)
    assert in_error(wide, "three")
    journal = killed_at_every_step(wide, "--without", "three")
    assert [one.id for one in journal.operation.steps] == [
        *("start-two", "halt-three", "force", "instead", "labels", "verify"),
    ]  # fmt: skip
    then_whole(wide, journal, "two", "four", "five", lost=("one", "three"))

    # One finds in by itself; the other, whose log is damaged, cannot.
    power(wide, "power-on", "one")
    live.wait_until(wide, lambda seen: "one" in reached(seen), within=BACK_SECONDS)
    journal = killed_at_every_step(wide)
    assert journal.facts["way"] == "return"
    made = [one.id for one in journal.operation.steps]
    assert {"start-three", "rejoin-three", "roles"} <= set(made)
    assert not {"rejoin-four", "rejoin-five"} & set(made), "they are in the swarm"
    then_whole(wide, journal, "one", "two", "three", lost=())
    assert recover(wide, "--dry-run")["operation"] is None
    after = live.snapshot(wide)
    assert {s.name for s in after.services} == {s.name for s in before.services}
    assert len(after.nodes) == len(before.nodes)
    steps.up(wide)
    steps.then_all_at_home(wide)


def then_managers_there(office: Office, journal: Journal) -> None:
    """Two of three, which is enough."""
    verified = journal.facts["verified"]
    assert not verified["waiting"] and not verified["names"] and not verified["mute"]
    assert leads(office, "two") and leads(office, "three")
    then_all_that_can_runs(office, live.snapshot(office), lost=("one",))
