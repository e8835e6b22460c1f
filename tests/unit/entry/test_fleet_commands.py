"""quorate check, schema and init."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import UsageError

pytestmark = pytest.mark.slow

CASES = Path(__file__).parents[2] / "cases/fleet"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments))


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    assert run("init", str(tmp_path)).exit_code == 0
    return tmp_path / "fleet.yaml"


def test_the_starter_checks_without_a_word(starter: Path) -> None:
    result = run("check", str(starter), "--strict")
    assert result.exit_code == 0
    assert result.output == (
        "my-fleet: 3 servers (3 managers, 40 GiB, 20 threads), 1 stack, 2 services, "
        "3 containers; nothing wrong\n"
    )


def test_mistakes_end_with_2_and_errors_come_last() -> None:
    path = CASES / "mistakes/fleet.yaml"
    result = run("check", str(path))
    lines = result.output.splitlines()
    assert result.exit_code == 2
    assert f"{path}:3:1: error Q101: unknown key `heartbeat`" in result.output
    assert lines[-1].startswith(f"{path}: ")
    assert "errors" in lines[-1]
    kinds = [
        line.split(": ")[1].split()[0] for line in lines if ": what" not in line and " Q" in line
    ]
    assert kinds == sorted(kinds, key=["note", "warning", "error"].index)


def test_quiet_leaves_out_notes() -> None:
    assert " note Q517" in run("check", str(CASES / "mistakes/fleet.yaml")).output
    assert " note Q517" not in run("check", "-q", str(CASES / "mistakes/fleet.yaml")).output


def test_warnings_fail_only_when_strict(starter: Path) -> None:
    compose = starter.parent / "web.yaml"
    compose.write_text(compose.read_text().replace("nginx:1.27.3", "nginx"))
    assert run("check", str(starter)).exit_code == 0
    assert run("check", str(starter), "--strict").exit_code == 2


@pytest.mark.parametrize("good", [True, False])
def test_json_fits_its_schema(starter: Path, good: bool) -> None:
    path = starter if good else CASES / "mistakes/fleet.yaml"
    result = run("check", str(path), "--json")
    printed = json.loads(result.output)
    jsonschema.validate(printed, schema("check"))
    assert (printed["status"], result.exit_code) == (("ok", 0) if good else ("errors", 2))
    assert (printed["summary"] is not None) is good


def test_a_fleet_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "none.yaml:1:1: error Q001: the fleet file" in result.output


@pytest.mark.parametrize("subject", ["fleet", "x-quorate", "check", "plan"])
def test_schemas_are_schemas(subject: str) -> None:
    printed = json.loads(run("schema", subject).output)
    jsonschema.Draft202012Validator.check_schema(printed)


def test_the_schemas_accept_the_starter_and_refuse_a_typing_error(starter: Path) -> None:
    fleet = yaml.safe_load(starter.read_text())
    fleet_schema = json.loads(run("schema", "fleet").output)
    jsonschema.validate(fleet, fleet_schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**fleet, "serves": {}}, fleet_schema)
    service_schema = json.loads(run("schema", "x-quorate").output)
    compose = yaml.safe_load((starter.parent / "web.yaml").read_text())
    for service in compose["services"].values():
        jsonschema.validate(service["x-quorate"], service_schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"stat": "none"}, service_schema)


def test_init_overwrites_nothing_unless_told(starter: Path) -> None:
    starter.write_text("mine")
    result = run("init", str(starter.parent))
    assert isinstance(result.exception, UsageError)
    assert starter.read_text() == "mine"
    assert run("init", str(starter.parent), "--force").exit_code == 0
    assert starter.read_text().startswith("# A Quorate fleet")
