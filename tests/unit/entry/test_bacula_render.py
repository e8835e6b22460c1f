"""quorate render --bacula: what is written, what is shown, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import CheckError, StalePlanError, UsageError

EXAMPLES = Path(__file__).parents[3] / "examples"
TINY = str(EXAMPLES / "tiny/fleet.yaml")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["render", *arguments])


def test_written_and_shown(tmp_path: Path) -> None:
    result = run(TINY, "--bacula", "--director", "two", "-o", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "two/bacula-dir.conf").is_file()
    assert (tmp_path / "one/bacula-fd.conf").is_file()
    assert "pool System:" in result.output
    assert "1. sh passwords.sh" in result.output


def test_as_json_and_where_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(TINY, "--bacula", "--director", "two", "--json", "--configs", "one:/srv/fleet/")
    told = json.loads(result.output)
    jsonschema.validate(told, schema("render-bacula"))
    assert told["directory"] == "bacula"
    assert all((tmp_path / "bacula" / name).is_file() for name in told["files"])
    (configs,) = [job for job in told["jobs"] if job["name"] == "BackupConfigs-one"]
    assert "/srv/fleet" in configs["files"]


def test_stacks_are_written_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(TINY).exit_code == 0
    assert (tmp_path / "stacks/prepare.sh").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--director", "two"), "--director: only with --bacula"),
        (("--without", "system", "--mail", "a@b"), "--without, --mail: only with --bacula"),
        (("--bacula", "--director", "four"), "no such server"),
        (("--bacula", "--director", "two", "--storage", "four"), "no such server"),
        (("--bacula", "--director", "two", "--configs", "two"), "not SERVER:DIRECTORY"),
        (("--bacula", "--director", "two", "--configs", "two:etc"), "not an absolute path"),
        (("--bacula", "--director", "two", "--dumps", "backups"), "not an absolute path"),
        (("--bacula", "--director", "two", "--archive", "x"), "not an absolute path"),
        (("--bacula", "--director", "two", "--without", "mail"), "none of databases"),
        (("--bacula", "--director", "two", "--catalogue", "mysql"), "none of postgresql"),
        (("--bacula", "--director", "two", "--mail", "a b"), "not an address"),
        (("--bacula", "--plan", "/nowhere.json"), "is not a plan file"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    result = run(TINY, "-o", str(tmp_path / "out"), *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in result.exception.what
    assert result.exception.todo
    assert not (tmp_path / "out").exists()


def test_no_director_is_an_error(tmp_path: Path) -> None:
    result = run(TINY, "--bacula", "-o", str(tmp_path))
    assert isinstance(result.exception, CheckError)
    assert "--director" in (result.exception.todo or "")


def test_homes_of_a_plan(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    made = CliRunner().invoke(build(), ["plan", TINY, "-o", str(plan)])
    assert made.exit_code == 0, made.output
    arguments = ("--bacula", "--director", "two", "--plan", str(plan), "-o", str(tmp_path / "out"))
    assert run(TINY, *arguments).exit_code == 0
    other = json.loads(plan.read_text()) | {"fleet_digest": "another"}
    plan.write_text(json.dumps(other))
    assert isinstance(run(TINY, *arguments).exception, StalePlanError)
