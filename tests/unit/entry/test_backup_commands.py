"""`quorate backup plan` and `estimate`: the tables, the JSON, the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from tests.unit.fleet.helpers import FLEET, written

OFFICE = str(Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml")
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"],
       x-quorate: {state: postgres, pin: one, data_size: 100G, group: g}}
  files: {image: x, volumes: ["f:/f", "/nameless"],
          x-quorate: {state: volume, pin: one, group: g}}
  roams: {image: x, volumes: ["r:/r"], x-quorate: {state: volume}}
volumes: {d: , f: , r: }
"""
SECTION = """\
backup:
  timezone: Europe/Berlin
  repositories:
    here: {local: {server: two, path: /b}, room: 10G, password: {environment: P}}
    there: {local: {server: three, path: /b}, password: {environment: P}}
  exclude: [system/three]
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), ["backup", *words])


@pytest.fixture
def shop(tmp_path: Path) -> str:
    return str(written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE}))


def as_json(*words: str, code: int = 0) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_the_plan_fits_its_schema_and_says_it_all(shop: str) -> None:
    made = as_json("plan", shop)
    jsonschema.validate(made, schema("backup-plan"))
    sources = {one["id"]: one for one in made["sources"]}
    assert sources["db"]["repository"] == "here"
    assert sources["db"]["cron"] == "0 0 * * *"
    assert sources["db"]["next"].endswith(("T22:00:00Z", "T23:00:00Z"))  # midnight in Berlin
    assert sources["db"]["missing"] == ["2 copies with the data itself, not 3", "none off-site"]
    assert sources["system/two"]["repository"] == "there"
    assert sources["system/three"]["excluded"] is True
    # A placement is looked for, since `roams` may run anywhere: not on its repository's server.
    assert len(sources["volume/app_r"]["servers"]) == 1
    assert [one["what"] for one in made["unprotected"]] == ["files: /nameless"]


def test_the_plan_says_when_recoveries_are_rehearsed(tmp_path: Path) -> None:
    files = {"fleet.yaml": FLEET + SECTION + "  rehearse: true\n", "compose.yaml": COMPOSE}
    path = str(written(tmp_path, files))
    assert "rehearsed Sundays at 10:00" in " ".join(run("plan", path).stdout.split())
    assert as_json("plan", path)["rehearsing"] == "Sundays at 10:00"


def test_the_plan_as_a_table(shop: str) -> None:
    text = run("plan", shop).stdout
    assert "copied off-site daily at 04:00, proven daily at 06:00; times of Europe/Berlin" in text
    assert "g: 2 sources, at one time" in text
    assert "3-2-1: none off-site: configs, db, swarm, system/one and 3 more sources" in text
    assert "unprotected: files: /nameless: a volume without a name" in text
    assert "excluded" in text


def test_room_that_is_too_small_is_exit_code_4(shop: str) -> None:
    made = as_json("estimate", shop, code=4)
    jsonschema.validate(made, schema("backup-estimate"))
    fits = {one["name"]: one["fits"] for one in made["repositories"]}
    assert fits == {"here": False, "there": None}
    result = run("estimate", shop)
    assert result.exit_code == 4
    assert "too small" in result.stdout
    assert "of unknown size, and counted as nothing: volume/app_f, volume/app_r" in result.stdout


def test_the_office_fits() -> None:
    made = as_json("estimate", OFFICE)
    assert all(one["fits"] for one in made["repositories"])
    assert run("estimate", OFFICE).exit_code == 0


def test_a_plan_that_is_none(shop: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    result = run("plan", shop, "--plan", str(tmp_path / "plan.json"))
    assert "is not a plan file" in str(result.exception)
