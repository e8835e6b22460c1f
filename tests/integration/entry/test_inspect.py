"""quorate inspect, its script run for real on this machine by a stand-in for ssh."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import RefusedError, UnreachableError, UsageError
from quorate.fleet.read import read_fleet

FAKE = Path(__file__).parents[2] / "fakes" / "ssh"
FLEET = """\
version: 1
name: here
servers:
  here: # this very machine
    address: 192.0.2.1
    role: manager
    cpus: 99 # surely not
    memory: 1M
"""


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in on PATH, and a fleet file whose figures are wrong."""
    monkeypatch.setenv("PATH", f"{FAKE}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SSH_LOG", str(tmp_path / "calls"))
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["inspect", *arguments])


def test_this_machine(fleet: Path) -> None:
    result = run("here", "--fleet", str(fleet), "--json")
    printed = json.loads(result.stdout)
    jsonschema.validate(printed, schema("inspect"))
    (server,) = printed["servers"]
    hardware = server["hardware"]
    assert hardware["name"] == socket.gethostname()
    assert hardware["threads"] == len(os.sched_getaffinity(0))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert abs(hardware["memory"] - pages) < 0.05 * pages
    assert hardware["speed"] > 0
    assert {"cpus", "memory", "speed"} <= {found["key"] for found in server["differences"]}


def test_writing_asks_first_and_keeps_comments(fleet: Path) -> None:
    refused = run("--fleet", str(fleet), "--write")
    assert isinstance(refused.exception, RefusedError)
    assert fleet.read_text() == FLEET
    assert run("--fleet", str(fleet), "--write", "--yes").exit_code == 0
    after = fleet.read_text()
    assert "cpus: 99" not in after
    assert after.count("# surely not") == after.count("# this very machine") == 1
    assert read_fleet(fleet, environment={}).server("here").memory > 2**20


def test_a_server_outside_of_the_fleet_is_a_piece_of_a_fleet_file(fleet: Path) -> None:
    result = run("ssh://ops@192.0.2.9", "--fleet", str(fleet))
    assert "    address: 192.0.2.9" in result.stdout
    assert "      user: ops" in result.stdout


def test_who_cannot_be_asked(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = run("hree", "--fleet", str(fleet))
    assert isinstance(unknown.exception, UsageError)
    assert "did you mean `here`" in str(unknown.exception)
    monkeypatch.setenv("FAKE_SSH_SAYS", "Connection refused")
    assert isinstance(run("--fleet", str(fleet)).exception, UnreachableError)
