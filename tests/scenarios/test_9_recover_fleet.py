"""Every server is lost with its disk; the off-site repository and a key bring all of it back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.lab.outside import ssh_config
from tests.scenarios import figures, live, steps
from tests.scenarios.conftest import Office
from tests.scenarios.test_9_backup import (
    backup,
    given_a_repository,
    given_data,
    labelled,
    on,
)
from tests.scenarios.test_9_recover_server import then_all_data_is_there

pytestmark = pytest.mark.drill
BEFORE = "  # The scenarios are about"
# The lab's outside host stands for the first; nobody has a key to it but the lab.
OFFSITE = """\
    far:
      sftp: {{host: backups.example.net, user: ops, path: /backup/vault}}
      offsite: true
      password: {{file: repository-password.txt}}
  bundle: {{recipients: [{recipient}]}}
"""
SERVERS = ("one", "two", "three")
RECOVERED_SECONDS = 480.0
STEPS = (
    *("reach", "swarm", "image", "make:near", "restore:volume/data_pages", "databases"),
    *("restore:db", "restore:cache", "services", "verify", "fill:near"),
)
INSIDE = (
    *("step 1 of", "make a new swarm on one", "step 3 of", "create of near on three: started"),
    "restore of volume/data_pages on two: started",
    *("2 services handed to Swarm", "restore of db on one: started", "restore of cache: restore"),
    *("1 services handed to Swarm", "step 10 of", "copy of near on three: started"),
)
"""What is said in each step while it is at it, in the order of the steps."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a person has after the fire: nothing of it lies on a server, or beside the fleet."""

    words: tuple[str, ...]
    into: Path

    def recovery(self, *more: str) -> tuple[str, ...]:
        return ("recover", "fleet", *self.words, "--into", str(self.into), "--lab", *more)


@contextmanager
def offsite(office: Office, key: Path) -> Iterator[None]:
    """The fleet has an off-site repository and a recovery bundle."""
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    recipient = key.read_text().partition("public key: ")[2].split()[0]
    text = office.fleet.read_text()
    assert text.count(BEFORE) == 1
    office.fleet.write_text(text.replace(BEFORE, OFFSITE.format(recipient=recipient) + BEFORE))
    try:
        office.quorate("lab", "up", str(office.fleet), timeout=600)
        yield
    finally:
        office.fleet.write_text(text)
        office.quorate("lab", "up", str(office.fleet), timeout=300)


def left(office: Office, key: Path, place: Path, into: str) -> Left:
    """The address of the repository, its password, the key; how ssh gets there."""
    lab = live.lab_of(office)
    assert lab.outside is not None
    node = lab.outside.node
    config = place / "ssh_config"
    config.write_text(ssh_config(lab))
    password = place / "repository-password.txt"
    shutil.copy(office.fleet.parent / "repository-password.txt", password)
    return Left(
        words=(
            *("--from", f"sftp:keeper@{node.address}:/backup/vault"),
            *("--password-file", str(password), "--identity", str(key)),
            *("--ssh-config", str(config)),
        ),
        into=place / into,
    )


@contextmanager
def without_the_fleets_files(office: Office) -> Iterator[None]:
    """The directory of the fleet file is empty: the machine it was on is lost too."""
    directory = office.fleet.parent
    away = directory.with_name(f"{directory.name}-away")
    away.mkdir()
    for path in list(directory.iterdir()):
        path.rename(away / path.name)
    try:
        yield
    finally:
        for path in list(away.iterdir()):
            path.rename(directory / path.name)
        away.rmdir()


def given_only_what_is_off_site(office: Office) -> None:
    """Every server is gone with its disk; as many empty machines are in their places."""
    for server in SERVERS:
        office.quorate("lab", "destroy", server, str(office.fleet), "--yes", timeout=60)
    office.quorate("lab", "up", str(office.fleet), timeout=300)
    for server in SERVERS:
        assert on(office, server, "docker", "volume", "ls", "-q").split() == []


def then_it_is_as_it_was(office: Office) -> None:
    """Data, homes, repositories; and backups go on."""
    then_all_data_is_there(office)
    homes, running = steps.planned_homes(office), live.running(live.snapshot(office))
    assert {name: running[name] for name in homes} == homes
    listed = backup(office, "list")
    assert listed["unread"] == []
    for place in ("near", "far"):
        found = {one["source"] for one in listed["copies"] if one["repository"] == place}
        assert found >= {"db", "cache", "volume/data_pages", "bundle"}
    assert labelled(office, "quorate.job") == {}
    runs = {run["source"]: run["outcome"] for run in backup(office, "run")["runs"]}
    assert set(runs.values()) == {"done"} and "bundle" in runs


def given_copies_off_site(office: Office) -> None:
    given_data(office)
    given_a_repository(office)
    report = backup(office, "run", "--copy", "--prove")
    assert {run["outcome"] for run in report["runs"]} == {"done"} and not report["refused"]
    proven = {(one["source"], one["repository"]) for one in report["proofs"] if one["proven"]}
    assert {
        ("db", "far"),
        ("cache", "far"),
        ("volume/data_pages", "far"),
        ("bundle", "far"),
    } <= proven


def test_a_whole_fleet_comes_back_from_its_off_site_repository(
    vault: Office, tmp_path: Path
) -> None:
    key = tmp_path / "recovery.key"
    with offsite(vault, key):
        given_copies_off_site(vault)
        what = left(vault, key, tmp_path, "first")
        refused = vault.quorate(*what.recovery("--yes"), timeout=240, code=8)
        assert "is in a swarm" in refused.stderr
        given_only_what_is_off_site(vault)
        with without_the_fleets_files(vault):
            plan = vault.json(*what.recovery("--dry-run"), timeout=240)
            assert [step["id"] for step in plan["steps"]] == list(STEPS)
            assert all(step["seconds"] for step in plan["steps"])
            report: Any = vault.json(*what.recovery("--yes"), timeout=RECOVERED_SECONDS)
        figures.told("recover fleet", RTO=report["rto"], RPO=max(report["rpo"].values()))
        print({e["step"]: e["seconds"] for e in report["operation"]["entries"]})
        assert report["operation"]["state"] == "done" and 0 < report["rto"] < 300
        assert set(report["rpo"]) == {"db", "cache", "volume/data_pages"}
        then_it_is_as_it_was(vault)


def test_killed_within_each_step_it_goes_on(vault: Office, tmp_path: Path) -> None:
    key = tmp_path / "recovery.key"
    with offsite(vault, key):
        given_copies_off_site(vault)
        what = left(vault, key, tmp_path, "again")
        given_only_what_is_off_site(vault)
        with without_the_fleets_files(vault):
            words = what.recovery("--yes")
            for moment in INSIDE:
                verb = vault.start(*words)
                steps.when_it_says(verb, moment, within=240)
                os.killpg(verb.pid, signal.SIGKILL)
                steps.its_end(verb, within=10)
                words = ("recover", "fleet", "--into", str(what.into), "--lab", "--yes")
            done = vault.json(*words, timeout=RECOVERED_SECONDS)
        assert done["operation"]["state"] == "done"
        then_it_is_as_it_was(vault)
