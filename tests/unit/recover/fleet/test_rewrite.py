"""The recovered fleet file: values from the bundle's files, other addresses, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quorate.backup.bundle.archive import Held, record_of
from quorate.errors import UsageError
from quorate.recover.fleet.laying import named_addresses
from quorate.recover.fleet.rewrite import moved, rewritten, variables

TEXT = """\
# The office.
version: 1
name: office
servers:
  one: {address: 10.0.0.1, role: manager} # upstairs
  two:
    address: 10.0.0.2
secrets:
  spoken: {command: [pass, show, spoken]}
  plain: {file: secrets/plain.txt}
registries:
  r.example: {user: ci, password: {command: [pass, ci]}}
backup:
  repositories:
    away:
      sftp: {host: box, path: /b, identity: {file: ~/.ssh/backup}}
      password: {file: /etc/office/away.txt}
  notify:
    to: {ops: {command: [pass, ops]}}
  heartbeat: {command: [pass, heartbeat]}
"""
RECORD = record_of(
    "office",
    datetime(2026, 1, 1, tzinfo=UTC),
    {
        "fleet/fleet.yaml": Held(data=b"", uses=("fleet and compose files",)),
        "fleet/secrets/plain.txt": Held(data=b"", uses=("secret plain",)),
        "values/secret-spoken": Held(data=b"", uses=("secret spoken",)),
        "values/ci": Held(data=b"", uses=("password of ci at r.example",)),
        "values/ops": Held(data=b"", uses=("address of notifications ops",)),
        "values/beat": Held(data=b"", uses=("address of the heartbeat",)),
        "elsewhere/home/ops/.ssh/backup": Held(data=b"", uses=("identity of repository away",)),
        "elsewhere/etc/office/away.txt": Held(data=b"", uses=("password of repository away",)),
        "environment/DOMAIN": Held(data=b"", uses=("variable of compose files",)),
    },
)


def test_what_came_from_commands_and_elsewhere_comes_from_files() -> None:
    files = {use: f"../{path}" for use, path in moved(RECORD).items()}
    assert "secret plain" not in files and "fleet and compose files" not in files
    found = rewritten(TEXT, files, {"one": "10.9.0.1", "two": "10.9.0.2"})
    expected = (
        TEXT.replace("10.0.0.", "10.9.0.")
        .replace("{command: [pass, show, spoken]}", "{file: ../values/secret-spoken}")
        .replace("{command: [pass, ci]}", "{file: ../values/ci}")
        .replace("{command: [pass, ops]}", "{file: ../values/ops}")
        .replace("{command: [pass, heartbeat]}", "{file: ../values/beat}")
        .replace("{file: ~/.ssh/backup}", "{file: ../elsewhere/home/ops/.ssh/backup}")
        .replace("{file: /etc/office/away.txt}", "{file: ../elsewhere/etc/office/away.txt}")
    )
    assert found == expected


def test_nothing_to_change_changes_nothing() -> None:
    assert rewritten(TEXT, {}, {}) == TEXT


def test_variables_by_name() -> None:
    assert variables(RECORD) == {"DOMAIN": "environment/DOMAIN"}


def test_an_address_of_no_server() -> None:
    with pytest.raises(UsageError, match="no server three"):
        rewritten(TEXT, {}, {"three": "10.0.0.3"})


def test_addresses_as_they_are_written() -> None:
    given = ["one=10.0.0.1,two=host.example", "three=fd00::3"]
    assert named_addresses(given) == {"one": "10.0.0.1", "two": "host.example", "three": "fd00::3"}
    for wrong in ("one", "one=", "=10.0.0.1"):
        with pytest.raises(UsageError, match="no server's address"):
            named_addresses([wrong])
