"""quorate init --from-compose: what is written, what is shown, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import CheckError, UsageError

pytestmark = pytest.mark.slow

COMPOSE = """\
services:
  web: {image: "nginx:1.27", environment: {API_TOKEN: "${API_TOKEN}", LEVEL: "${LEVEL}"}}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["init", *arguments])


@pytest.fixture
def compose(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "compose.yaml"
    path.parent.mkdir()
    path.write_text(COMPOSE)
    return path


def imported(compose: Path, *arguments: str) -> Result:
    out = str(compose.parent.parent / "fleet")
    return run("--from-compose", str(compose), "-o", out, *arguments)


def test_what_is_written_checks_and_is_told(compose: Path) -> None:
    result = imported(compose)
    assert result.exit_code == 0, result.output
    fleet = compose.parent.parent / "fleet"
    assert sorted(path.name for path in fleet.iterdir()) == [
        ".gitignore", "fleet.yaml", "shop.quorate.yaml", "values.env",
    ]  # fmt: skip
    assert compose.read_text() == COMPOSE
    values = fleet / "values.env"
    assert values.stat().st_mode & 0o777 == 0o600
    # A blank password would go unnoticed; another blank is what compose makes of it.
    assert "API_TOKEN=__fill_in__\n" in values.read_text()
    assert "LEVEL=\n" in values.read_text()
    assert "placeholder server-a: address 192.0.2.11" in result.output
    assert "load.memory 96M, load.cpu 0.1 (no reservation; a rule of thumb" in result.output
    assert CliRunner().invoke(build(), ["check", str(fleet / "fleet.yaml")]).exit_code == 0


def test_json_fits_its_schema_and_a_dry_run_writes_nothing(compose: Path) -> None:
    result = imported(compose, "--dry-run", "--json")
    printed = json.loads(result.output)
    jsonschema.validate(printed, schema("init"))
    assert {file["action"] for file in printed["files"]} == {"not written"}
    assert printed["checked"]
    assert {guess["kind"] for guess in printed["guesses"]} == {"guess", "placeholder"}
    assert not (compose.parent.parent / "fleet").exists()


def test_nothing_is_overwritten_without_force_and_then_the_difference_is_shown(
    compose: Path,
) -> None:
    imported(compose)
    fleet = compose.parent.parent / "fleet/fleet.yaml"
    assert imported(compose).exit_code == 0  # nothing differs
    fleet.write_text(fleet.read_text().replace("name: fleet", "name: mine"))
    refused = imported(compose)
    assert isinstance(refused.exception, UsageError)
    assert "name: mine" in fleet.read_text()
    assert "-name: mine" in imported(compose, "--dry-run").output
    done = imported(compose, "--force")
    assert "-name: mine" in done.output
    assert "name: mine" not in fleet.read_text()


def test_a_gitignore_that_is_there_stays(compose: Path) -> None:
    place = compose.parent.parent / "fleet"
    place.mkdir()
    (place / ".gitignore").write_text("*.log\n")
    assert "does not name values.env" in imported(compose).output
    assert (place / ".gitignore").read_text() == "*.log\n"


def test_errors_that_are_left_are_listed(compose: Path) -> None:
    compose.write_text("services: {web: {image: 'nginx:1', env_file: missing.env}}\n")
    result = imported(compose)
    assert result.exit_code == 0
    assert "1 error left for you to decide" in result.output
    assert "missing.env" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from-compose"], "needs compose files"),
        (["--from-compose", "--from-swarm", "x"], "exclude each other"),
        (["--from-swarm", "a", "b"], "takes one manager"),
        (["--from-docker", "tcp://a:2375"], "is no engine"),
        (["--from-docker", "a", "--server", "name=b"], "goes with --from-compose only"),
        (["a", "b"], "written to one directory"),
        (["--from-compose", "x.yaml", "--name", "No!"], "not the name of a fleet"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert words in str(result.exception)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("memory=4G", "name= is missing"),
        ("name=a,memory=-4G", "not a size"),
        ("name=a,cpus=0", "above 0"),
        ("name=a,memroy=4G", "did you mean `memory`"),
        ("name=a,role=leader", "role is manager or worker"),
        ("name=a,name=b", "there twice"),
    ],
)
def test_servers_that_cannot_be(compose: Path, server: str, words: str) -> None:
    result = imported(compose, "--server", server)
    assert isinstance(result.exception, UsageError), result.output
    assert words in str(result.exception)


def test_files_that_cannot_be_read_stop_it_and_others_are_left_out(compose: Path) -> None:
    broken = compose.parent / "broken.yaml"
    broken.write_text("services: [")
    result = run("--from-compose", str(compose), str(broken), "none.yaml")
    assert isinstance(result.exception, CheckError)
    assert len(result.exception.problems) == 2
    settings = compose.parent / "prometheus.yml"
    settings.write_text("scrape_configs: []\n")
    result = run("--from-compose", str(settings))
    assert isinstance(result.exception, UsageError)
    assert "has no `services`" in str(result.exception.cause)
