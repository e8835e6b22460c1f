"""A server is lost with its disk, and comes back: data, services, repositories."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios import figures, live, steps
from tests.scenarios.test_9_backup import (
    KEYS,
    ROWS,
    backup,
    given_a_repository,
    given_data,
    inside,
    kept,
    labelled,
    on,
    rows,
    second_place,
)
from tests.scenarios.test_9_controller import LOG, health, within

if TYPE_CHECKING:
    from quorate.fleet.observed import Snapshot
    from tests.scenarios.conftest import Office

RECOVERED_SECONDS = 480.0
LATE_ROWS = 200
"""Committed after the newest copy, one by one."""
LATE_SECONDS = 2.0
"""What is committed so long before the end may be missing."""


def on_lab(office: Office) -> tuple[str, ...]:
    return ("--fleet", str(office.fleet), "--lab")


def recover(office: Office, *arguments: str, code: int = 0) -> Any:
    """What `quorate recover server` prints with `--json`."""
    return office.json(
        *("recover", "server", *arguments, *on_lab(office), "--yes"),
        timeout=RECOVERED_SECONDS,
        code=code,
    )


def refused(office: Office, *arguments: str, code: int = 8) -> str:
    """What it says when it does nothing."""
    done = office.quorate(
        *("recover", "server", *arguments, *on_lab(office), "--yes"), timeout=240, code=code
    )
    return done.stderr


def lost(office: Office, server: str) -> None:
    """The server is gone, its disk too, and the swarm has noticed."""
    office.quorate("lab", "destroy", server, str(office.fleet), "--yes", timeout=60)

    def noticed(seen: Snapshot) -> bool:
        return all(not node.ready for node in seen.nodes if node.hostname == server)

    live.wait_until(office, noticed, within=90, without=server)


def given_an_empty_machine(office: Office) -> None:
    """Whatever is missing of the lab is there again, empty."""
    office.quorate("lab", "up", str(office.fleet), timeout=300)


def keys(office: Office) -> str:
    door = 'redis-cli -a "$(cat /run/secrets/cache_password)" --no-auth-warning'
    return inside(office, "cache", f"{door} DBSIZE; {door} GET key:{KEYS}").strip()


def then_all_data_is_there(office: Office, server: str = "two") -> None:
    assert rows(office, "postgres") == str(ROWS)
    assert keys(office).split() == [str(KEYS), str(KEYS)]
    assert kept(office, server, "data_pages") == "kept"


def then_nothing_is_held(office: Office) -> None:
    """No service carries a recovery's note, and no job is left."""
    with live.connected(office) as connections:
        listed = connections.manager().client.api.services()
    labels = [name for raw in listed for name in raw["Spec"].get("Labels") or {}]
    assert not [name for name in labels if name.startswith("quorate.recover.")]
    assert labelled(office, "quorate.job") == {}


@pytest.mark.drill
def test_a_lost_server_comes_back_whole_on_an_empty_machine(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    assert "is not lost: the swarm says that it is ready" in refused(vault, "two")
    lost(vault, "two")
    assert "a new machine does not answer" in refused(vault, "two", code=6)
    given_an_empty_machine(vault)
    report = recover(vault, "two")
    figures.told("recover server", RTO=report["rto"], RPO=max(report["rpo"].values()))
    assert report["operation"]["state"] == "done" and 0 < report["rto"] < 300
    assert set(report["rpo"]) == {"cache", "volume/data_pages"}
    then_all_data_is_there(vault)
    then_nothing_is_held(vault)
    homes, running = steps.planned_homes(vault), live.running(live.snapshot(vault))
    assert {name: running[name] for name in homes} == homes
    with live.connected(vault) as connections:
        nodes = connections.manager().client.api.nodes()
    assert len(nodes) == 3
    assert all((node.get("ManagerStatus") or {}).get("Reachability") for node in nodes)
    # Backups of that server's sources go on by themselves.
    runs = {run["source"]: run["outcome"] for run in backup(vault, "run")["runs"]}
    assert runs == {"db": "done", "cache": "done", "volume/data_pages": "done"}


@contextmanager
def logged(office: Office) -> Iterator[None]:
    """The write-ahead log of the database is received on another server meanwhile."""
    text = office.fleet.read_text()
    wanted = "controller: false\n  kinds:\n    postgres: {wal: true}\n  # "
    assert text.count("controller: false #") == 1
    office.fleet.write_text(text.replace("controller: false #", wanted))
    try:
        steps.up(office)
        within(240, lambda: health(office).get("state") == "streaming")
        within(240, lambda: health(office).get("windows"))
        yield
    finally:
        office.fleet.write_text(text)
        steps.up(office)


@pytest.mark.drill
def test_a_database_whose_log_is_elsewhere_loses_nothing(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    with logged(vault):
        backup(vault, "run", "--prove")
        ask = "psql -qAtU postgres -v ON_ERROR_STOP=1"
        late = "\n".join(f"insert into late values ({n});" for n in range(LATE_ROWS))
        inside(vault, "db", f"{ask} -c 'create table late (n int)'")
        inside(vault, "db", f"echo '{late}' | {ask}")
        time.sleep(LATE_SECONDS)
        lost(vault, "one")
        given_an_empty_machine(vault)
        report = recover(vault, "one")
        figures.told("recover server, by its log", RTO=report["rto"], RPO=report["rpo"]["db"])
        assert report["operation"]["state"] == "done"
        (found,) = report["operation"]["facts"]["lost"]
        assert found["source"] == "db" and found["log"]["server"] == "three"
        assert report["rpo"]["db"] < (copy_age := age_of(report, found)), (report, copy_age)
        assert inside(vault, "db", f"{ask} -c 'select count(*) from late'").strip() == str(
            LATE_ROWS
        )
        then_all_data_is_there(vault)
        then_nothing_is_held(vault)
        on(vault, "three", "rm", "-rf", LOG)
    assert len([n for n in live.snapshot(vault).nodes if n.role == "manager"]) == 3


def age_of(report: Any, found: Any) -> float:
    """Seconds between the copy that would have been used and the begin."""
    begun = datetime.fromisoformat(report["operation"]["facts"]["begun"])
    return (begun - datetime.fromisoformat(found["copy_used"]["taken"])).total_seconds()


@pytest.mark.drill
def test_a_lost_repository_is_made_anew_and_filled_from_the_other(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    with second_place(vault):
        backup(vault, "run", "--copy", "--prove")
        lost(vault, "three")
        given_an_empty_machine(vault)
        report = recover(vault, "three")
        assert report["rpo"] == {}
        listed = backup(vault, "list")
        assert listed["unread"] == []
        found = {c["source"] for c in listed["copies"] if c["repository"] == "near"}
        assert found >= {"db", "cache", "volume/data_pages"}
        backup(vault, "run", "db")
    then_all_data_is_there(vault)
    then_nothing_is_held(vault)


@pytest.mark.drill
def test_data_on_the_server_of_the_only_other_copy_comes_from_off_site(vault: Office) -> None:
    """Database and second repository on one server: what is left is the first repository."""
    given_data(vault)
    given_a_repository(vault)
    with second_place(vault):
        backup(vault, "run", "--copy", "--prove")
        lost(vault, "one")
        given_an_empty_machine(vault)
        report = recover(vault, "one")
        assert set(report["rpo"]) == {"db"}
        ids = [step["id"] for step in report["operation"]["operation"]["steps"]]
        assert {"make:far", "restore:db", "fill:far"} <= set(ids)
        found = {c["source"] for c in backup(vault, "list")["copies"] if c["repository"] == "far"}
        assert "db" in found
    then_all_data_is_there(vault)
    then_nothing_is_held(vault)


@pytest.mark.drill
def test_another_server_takes_the_place_of_a_lost_one(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    lost(vault, "two")
    report = recover(vault, "two", "--onto", "one")
    assert report["operation"]["state"] == "done"
    then_all_data_is_there(vault, "one")
    seen = live.snapshot(vault)
    assert {node.hostname for node in seen.nodes} == {"one", "three"}
    given_an_empty_machine(vault)
    on(vault, "one", "docker", "volume", "ls")
    steps.up(vault)


@pytest.mark.drill
def test_a_recovery_that_is_killed_goes_on(vault: Office) -> None:
    """Killed in the middle of a restore, and as soon as each step of it has begun."""
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "--prove")
    lost(vault, "two")
    given_an_empty_machine(vault)
    first, again = ("recover", "server", "two"), ("operations", "resume")
    planned = vault.json(*first, *on_lab(vault), "--dry-run", timeout=240)["steps"]
    names = [step["id"] for step in planned]
    killed: list[str] = []
    verb = vault.start(*first, *on_lab(vault), "--yes")
    while (number := steps.begun(verb, after=len(killed), within=RECOVERED_SECONDS)) is not None:
        if names[number - 1].startswith("restore:") and "restore:" not in "".join(killed):
            steps.when_it_says(verb, "restore of volume/data_pages on two: started", within=240)
        os.killpg(verb.pid, signal.SIGKILL)
        steps.its_end(verb, within=10)
        killed += names[len(killed) : number]
        refused = vault.json(*first, *on_lab(vault), "--yes", code=7)
        assert "is not over" in refused["what"]
        verb = vault.start(*again, *on_lab(vault), "--yes")
    assert steps.its_end(verb, within=10) == (0, "")
    print(f"killed in {', '.join(killed)}")
    assert killed == names
    then_all_data_is_there(vault)
    then_nothing_is_held(vault)
    steps.then_no_lock_is_left(vault)
