"""A service that a backup keeps still runs again, whoever is lost meanwhile.

The volume's service is stopped for its backup, the record of it in its own labels. Then the server
with the data loses its power, and the process that would have started it again is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from quorate.backup import quiesce as keeping
from quorate.backup.jobs.spec import LABEL, LABEL_SOURCE
from quorate.backup.policy import quiesce
from quorate.errors import QuorateError
from tests.real_prometheus import free_port
from tests.scenarios import live, steps
from tests.scenarios.test_9_backup import backup, given_a_repository, labelled

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

SOURCE, SERVICE, SERVER = "volume/data_pages", "data_files", "two"
LATER = 180.0
"""Seconds in which a controller is to find it: a job that was lost is given up a minute later."""


@pytest.fixture(scope="module")
def still(vault: Office) -> Iterator[Office]:
    """The fleet deployed, its files' service stopped while it is backed up; much is in it."""
    text = vault.fleet.read_text()
    vault.fleet.write_text(f"{text}  sources:\n    {SOURCE}: {{quiesce: stop}}\n")
    steps.up(vault)
    given_a_repository(vault)
    backup(vault, "run", SOURCE)  # makes the repository
    fill = "head -c 400000000 /dev/urandom > /usr/share/nginx/html/large"
    inside = ("exec", "--fleet", str(vault.fleet), "--lab", "files", "--", "sh", "-ec")
    # The backup has started it again, and it is not healthy at once.
    until(lambda: vault.quorate(*inside, "true", code=None).returncode == 0, within=60.0)
    vault.quorate(*inside, fill)
    yield vault
    vault.fleet.write_text(text)


def spec_of(office: Office, *, without: str = "") -> dict[str, Any]:
    """The files' service, as a manager has it; empty while no manager answers."""
    try:
        with live.connected(office, without=without) as connections:
            return dict(keeping.service(connections.manager().client, SERVICE)["Spec"])
    except QuorateError:
        return {}


def until(happened: Callable[[], bool], within: float) -> float:
    """Wait for something to be so; the seconds it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within, "waited in vain"
        time.sleep(1.0)
    return time.monotonic() - began


def kept_still(office: Office) -> subprocess.Popen[str]:
    """`quorate backup run`, when the service is down and its job has begun."""
    verb = office.start("backup", "run", SOURCE, "--fleet", str(office.fleet), "--lab")
    steps.when_it_says(verb, f"backup of {SOURCE} on {SERVER}: started")
    spec = spec_of(office)
    assert quiesce.marked(spec) and quiesce.replicas_of(spec) == 0
    return verb


def complete(office: Office) -> set[str]:
    """The copies of the files that count."""
    listed = backup(office, "list", "--source", SOURCE)["copies"]
    return {copy["id"] for copy in listed if copy["complete"]}


def let_go(office: Office, *, without: str = "") -> bool:
    """Whether the service is to run again, and nothing says that it is kept still."""
    spec = spec_of(office, without=without)
    return bool(spec) and not quiesce.marked(spec) and quiesce.replicas_of(spec) == 1


def then_it_runs_and_the_next_run_is_right(office: Office, before: set[str]) -> None:
    """At home again, nothing counts that did not, and a backup now is a copy."""
    live.wait_until(office, lambda seen: bool(live.running(seen)[SERVICE]), within=120)
    assert complete(office) == before
    (run,) = backup(office, "run", SOURCE)["runs"]
    assert run["outcome"] == "done"
    assert complete(office) == before | {copy["id"] for copy in run["copies"]}
    assert let_go(office)
    jobs = labelled(office, LABEL).values()  # a controller may have begun others
    assert [one for one in jobs if one["Spec"]["Labels"][LABEL_SOURCE] == SOURCE] == []


@contextmanager
def serving(office: Office) -> Iterator[subprocess.Popen[str]]:
    """`quorate serve` beside the fleet."""
    listen = f"127.0.0.1:{free_port()}"
    process = office.start("serve", str(office.fleet), "--lab", "--listen", listen)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        steps.its_end(process, within=60)


@pytest.mark.fault(
    "node lost in mid-quiesce",
    injected="the power of the server whose service is stopped while its volume is read, in a lab",
    seen=(
        "code 6; the record is gone and the service wanted again while the server is off; it runs "
        "when the server is on; no copy counts; the next run is right"
    ),
)
def test_the_server_is_lost_while_its_service_is_stopped(
    still: Office, saw: Callable[[str], None]
) -> None:
    before = complete(still)
    verb = kept_still(still)
    with steps.without_power(still, SERVER) as off:
        code, said = steps.its_end(verb, within=180)
        assert code == 6, said
        assert f"{SERVER} was lost during the backup of {SOURCE}" in said, said
        until(lambda: let_go(still, without=SERVER), within=60)
        saw(f"wanted again {time.monotonic() - off:.0f} s after the loss")
    then_it_runs_and_the_next_run_is_right(still, before)


@pytest.mark.fault(
    "node lost in mid-quiesce",
    injected=(
        "the same, and SIGKILL to the process that would have started it again; then a controller "
        "begins elsewhere"
    ),
    seen="the controller finds the record and ends it; no copy counts; the next run is right",
)
def test_whoever_would_have_started_it_again_is_lost_too(
    still: Office, saw: Callable[[str], None]
) -> None:
    before = complete(still)
    verb = kept_still(still)
    os.killpg(verb.pid, signal.SIGKILL)
    with steps.without_power(still, SERVER):
        steps.its_end(verb, within=10)
        assert quiesce.marked(spec_of(still, without=SERVER))
        with serving(still):
            took = until(lambda: let_go(still, without=SERVER), within=LATER)
        saw(f"wanted again {took:.0f} s after a controller began")
    then_it_runs_and_the_next_run_is_right(still, before)
