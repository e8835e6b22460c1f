"""Secrets of every kind, planted, are in nothing that a command prints or writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from tests.unit.fleet.helpers import FLEET, written

FILES = (
    *("db-password", "near-password", "s3-access", "s3-secret", "ssh-identity", "rest-password"),
    *("chat-url", "heartbeat-url", "registry-password"),
)
VARIABLES = ("PLANTED_CACHE", "PLANTED_FAR")
SECTION = """\
secrets:
  db_password: {file: db-password}
  cache_password: {environment: PLANTED_CACHE}
registries:
  registry.example.org: {user: ops, password: {file: registry-password}}
backup:
  repositories:
    near: {local: {server: three, path: /b}, password: {file: near-password}}
    side: {local: {server: one, path: /b}, password: {file: near-password}}
    far:
      sftp: {host: box.example.org, path: /b, user: me, identity: {file: ssh-identity}}
      password: {environment: PLANTED_FAR}
      offsite: true
    s3:
      s3:
        endpoint: https://s3.example.org
        bucket: office
        access_key: {file: s3-access}
        secret_key: {file: s3-secret}
      password: {environment: PLANTED_FAR}
      offsite: true
    rest:
      rest: {url: https://rest.example.org/office, user: me, password: {file: rest-password}}
      password: {environment: PLANTED_FAR}
  notify: {to: {chat: {file: chat-url}}}
  heartbeat: {file: heartbeat-url}
  bundle: {recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}
"""
COMPOSE = """\
services:
  db:
    image: registry.example.org/postgres:17
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password}
    secrets: [db_password]
    volumes: ["rows:/var/lib/postgresql/data"]
    x-quorate: {state: postgres, pin: one}
  cache:
    image: redis:8
    command: ["sh", "-c", 'exec redis-server --requirepass "$$(cat /run/secrets/cache_password)"']
    secrets: [cache_password]
    volumes: ["kept:/data"]
    x-quorate: {state: redis, pin: two}
volumes: {rows: , kept: }
secrets:
  db_password: {external: true}
  cache_password: {external: true}
"""
COMMANDS = (
    ("check", "FLEET"),
    ("check", "FLEET", "--json"),
    ("plan", "FLEET"),
    ("plan", "FLEET", "--json"),
    ("plan", "FLEET", "-o", "OUT/plan.json"),
    ("render", "FLEET", "-o", "OUT/stacks"),
    ("render", "FLEET", "--json", "-o", "OUT/again"),
    ("render", "FLEET", "--bacula", "--director", "two", "--json", "-o", "OUT/bacula"),
    ("what-if", "FLEET", "--lose", "two", "--json"),
    ("what-if", "FLEET", "--lose", "two", "--html", "OUT/what-if.html"),
    ("predict", "FLEET", "--fail", "two", "--json"),
    ("predict", "FLEET", "--fail", "two", "--html", "OUT/predict.html"),
    ("explain", "db", "FLEET", "--json"),
    ("rules", "FLEET"),
    ("rules", "FLEET", "--dashboard"),
    ("backup", "plan", "FLEET"),
    ("backup", "plan", "FLEET", "--json"),
    ("backup", "estimate", "FLEET"),
    ("backup", "estimate", "FLEET", "--json"),
)


def planted(name: str) -> str:
    return f"planted-{name.lower()}-7Qx"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {name: f"{planted(name)}\n" for name in FILES}
    files |= {"chat-url": f"json://host/{planted('chat-url')}\n"}
    files |= {"heartbeat-url": f"https://example.org/{planted('heartbeat-url')}\n"}
    for name in VARIABLES:
        monkeypatch.setenv(name, planted(name))
    return written(
        tmp_path / "fleet", {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE, **files}
    )


def texts(directory: Path) -> Iterator[tuple[str, str]]:
    """All that was written below a directory."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path.name, path.read_text(errors="replace")


@pytest.mark.slow
def test_nothing_printed_or_written_holds_one(fleet: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    written_by = {}
    for command in COMMANDS:
        argv = [word.replace("FLEET", str(fleet)).replace("OUT", str(out)) for word in command]
        done = CliRunner().invoke(build(), argv)
        assert done.exit_code in (0, 4), f"{command}: {done.output} {done.exception}"
        written_by[" ".join(command)] = done.output
    everything = [*written_by.items(), *texts(out)]
    assert len(list(texts(out))) > 8
    found = [
        f"{secret} in {name}"
        for name, text in everything
        for secret in map(planted, (*FILES, *VARIABLES))
        if secret in text
    ]
    assert found == []


def test_what_is_planted_is_found(fleet: Path) -> None:
    """Else a fleet that holds nothing would pass."""
    kept = dict(texts(fleet.parent))
    assert all(planted(name) in kept[name] for name in FILES)
