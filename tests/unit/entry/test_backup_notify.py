"""`quorate backup notify` without a trial: who is told, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from tests.unit.fleet.helpers import FLEET, written

TOLD = "  notify: {to: {ops: {file: ops-url}}, events: [failure], digest: {day: friday}}\n"
SECTION = """\
backup:
  repositories:
    near: {local: {server: one, path: /b}, password: {environment: P}}
    side: {local: {server: two, path: /b}, password: {environment: P}}
"""


def notify(directory: Path, section: str, *words: str) -> Result:
    files = {"fleet.yaml": FLEET + section, "compose.yaml": "services: {web: {image: nginx}}\n"}
    return CliRunner().invoke(build(), ["backup", "notify", str(written(directory, files)), *words])


def test_who_is_told_of_what(tmp_path: Path) -> None:
    found = notify(tmp_path, SECTION + TOLD)
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        "told of failure: ops",
        "digest Fridays at 08:00, times of UTC",
    ]
    told = notify(tmp_path, SECTION + TOLD, "--json")
    made = json.loads(told.stdout)
    jsonschema.validate(made, schema("backup-notify"))
    assert told.exit_code == 0
    assert made == {
        "fleet": "test",
        "tested": False,
        "good": None,
        "to": [{"address": "ops", "taken": None, "why": ""}],
        "events": ["failure"],
        "digest": "Fridays at 08:00",
        "timezone": "UTC",
    }


@pytest.mark.parametrize(("words", "code", "good"), [((), 0, None), (("--test",), 4, False)])
def test_where_nobody_is_told_a_trial_fails(
    tmp_path: Path, words: tuple[str, ...], code: int, good: bool | None
) -> None:
    found = notify(tmp_path, SECTION, *words)
    assert (found.exit_code, found.stdout.split(":")[0]) == (code, "nobody")
    made = notify(tmp_path, SECTION, *words, "--json")
    assert made.exit_code == code
    assert (json.loads(made.stdout)["good"], json.loads(made.stdout)["to"]) == (good, [])
