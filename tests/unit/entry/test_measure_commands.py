"""`suggest`, and `--measured` of plan, what-if and explain: tables, JSON, files, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from quorate import measuring
from quorate.entry.cli.main import build
from quorate.entry.schemas import schema
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.read import read_fleet
from quorate.measured.model import Measurement, Seen, Source
from tests.unit.measured.making import GIB, MIB, found, seen, signal

SHOP = Path(__file__).parents[2] / "scenarios" / "fleets" / "shop"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small fleet with a measurement of it; the working directory."""
    home = Path(shutil.copytree(SHOP, tmp_path / "shop"))
    monkeypatch.chdir(home)
    measure(home)
    return home


def measure(home: Path, *, services: dict[str, Seen] | None = None, **fields: Any) -> Measurement:
    fleet = read_fleet(home / "fleet.yaml", environment={})
    services = services or {
        s.id: seen(signal(40 * MIB, 60 * MIB, 80 * MIB), signal(0.1, 0.2, 0.3))
        for s in fleet.services
        if s.id != "mailer"
    }
    made = found(fleet, services, **fields)
    measuring.save(made, home / "measured.json")
    return made


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(build(), list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit | QuorateError), (
        result.exception
    )
    return result


def test_the_measurement_fits_its_schema(shop: Path) -> None:
    jsonschema.validate(json.loads((shop / "measured.json").read_text()), schema("measurement"))


def test_suggest_shows_both_and_changes_nothing(shop: Path) -> None:
    before = {path.name: path.read_text() for path in shop.iterdir()}
    result = run("suggest")
    assert result.exit_code == 0
    line = next(line for line in result.stdout.splitlines() if line.startswith("db "))
    assert " ".join(line.split()) == "db 128M 40M 512M 80M 128M 60M 80M -48M 2000"
    assert "not seen, so as declared: mailer" in result.stdout
    assert "reserves too little" in result.stdout
    assert {path.name: path.read_text() for path in shop.iterdir()} == before


def test_suggest_as_json(shop: Path) -> None:
    printed = json.loads(run("suggest", "--json").stdout)
    jsonschema.validate(printed, schema("suggest"))
    assert printed["suggestions"]["db"]["reservation_memory"] == 80 * MIB
    assert printed["left"] == {"mailer": "not seen"}
    assert printed["written"] == []
    assert set(printed["files"]) == {
        "fleet.yaml", "data.measured.yaml", "shop.measured.yaml", "watch.measured.yaml"
    }  # fmt: skip
    assert "+  data: {files: [data.yaml, data.measured.yaml]" in printed["files"]["fleet.yaml"]


def test_a_dry_run_shows_the_difference_and_writes_nothing(shop: Path) -> None:
    result = run("suggest", "--dry-run", "--write", "--yes")
    assert "+++ data.measured.yaml" in result.stdout
    assert "-  data: {files: [data.yaml], class: data}" in result.stdout
    assert not (shop / "data.measured.yaml").exists()


def test_writing_asks_and_nobody_is_there(shop: Path) -> None:
    result = run("suggest", "--write")
    assert isinstance(result.exception, RefusedError)
    assert not (shop / "data.measured.yaml").exists()


def test_writing(shop: Path) -> None:
    result = run("suggest", "--write", "--yes")
    assert result.exit_code == 0
    fleet = read_fleet(shop / "fleet.yaml", environment={})
    assert fleet.service("db").reservation_memory == 80 * MIB
    again = run("suggest", "--dry-run")
    assert "nothing to write" in again.stdout


def test_one_service_and_an_unknown_one(shop: Path) -> None:
    printed = json.loads(run("suggest", "--json", "--only", "db").stdout)
    assert set(printed["suggestions"]) == {"db"}
    result = run("suggest", "--only", "fils")
    assert isinstance(result.exception, UsageError)
    assert "files" in str(result.exception.todo)


def test_figures_of_the_lab_are_written_on_demand_only(shop: Path) -> None:
    measure(shop, source=Source(kind="engine", lab=True))
    result = run("suggest", "--write", "--yes")
    assert isinstance(result.exception, UsageError)
    assert not (shop / "data.measured.yaml").exists()
    assert run("suggest", "--write", "--yes", "--lab").exit_code == 0


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("suggest",), "no such file"),
        (("plan", "--measured", "none.json"), "no such file"),
        (("what-if", "--move", "worker=one", "--measured", "none.json"), "no such file"),
        (("explain", "web", "--measured", "none.json"), "no such file"),
        (("check", "--measured", "none.json"), "no such file"),
    ],
)
def test_no_measurement(shop: Path, command: tuple[str, ...], what: str) -> None:
    (shop / "measured.json").unlink()
    result = run(*command)
    assert isinstance(result.exception, UsageError)
    assert what in result.exception.what


def test_plan_as_measured_beside_as_declared(shop: Path) -> None:
    plain = json.loads(run("plan", "--json").stdout)
    printed = json.loads(run("plan", "--measured", "measured.json", "--json", "-o", "p").stdout)
    jsonschema.validate(printed, schema("plan"))
    assert plain["measured"] is None
    assert set(printed["measured"]) >= {"as_declared", "as_measured", "difference"}
    assert printed["services"] == plain["services"], "the plan is the one as declared"
    assert printed["measured"]["difference"]["servers"]["two"]["memory"]["baseline"] < 0
    assert json.loads((shop / "p").read_text())["measured"] is None
    shown = run("plan", "--measured", "measured.json").stdout
    assert "as measured (prometheus, 2026-02-23 12:00 to 2026-03-02 12:00)" in shown
    assert "nothing of this is applied" in shown


def test_a_measurement_that_fits_nowhere_is_a_verdict(shop: Path) -> None:
    measure(shop, services={"db": seen(signal(900 * GIB), signal(0.1))})
    result = run("plan", "--measured", "measured.json", "--json")
    assert result.exit_code == 4
    printed = json.loads(result.stdout)
    assert printed["measured"]["as_measured"] is None
    assert printed["measured"]["conflict"]
    assert run("plan").exit_code == 0


def test_check_says_what_the_measurement_says_otherwise(shop: Path) -> None:
    printed = json.loads(run("check", "--measured", "measured.json", "--json").stdout)
    jsonschema.validate(printed, schema("check"))
    by_code: dict[str, list[str]] = {}
    for problem in printed["problems"]:
        by_code.setdefault(problem["code"], []).append(problem["what"])
    assert "`mailer` was not seen in the measurement" in by_code["Q602"]
    assert any(
        what.startswith("`web` as measured: reserves too little") for what in by_code["Q601"]
    )
    assert any("not seen, so as declared: mailer" in what for what in by_code["Q603"])
    web = next(p for p in printed["problems"] if p["what"].startswith("`web` as"))
    assert web["location"]["file"].endswith("shop.yaml") and web["location"]["line"] > 1
    assert run("check", "--measured", "measured.json", "--strict").exit_code == 2
    assert run("check", "--measured", "measured.json").exit_code == 0


def test_what_if_and_explain_with_measured_figures(shop: Path) -> None:
    printed = json.loads(
        run("what-if", "--move", "worker=one", "--measured", "measured.json", "--json").stdout
    )
    assert printed["assumptions"][0].startswith("loads and reservations of 7 services")
    moved = next(s for s in printed["services"] if s["id"] == "worker")
    assert moved["memory_peak"] == 80 * MIB
    account = json.loads(run("explain", "db", "--measured", "measured.json", "--json").stdout)
    jsonschema.validate(account, schema("explain"))
    assert account["assumed"][0].startswith("loads and reservations of 7 services")
    assert account["margins"][0]["now"] == 80 * MIB


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--from", "graphite"), "no source"),
        (("--from", "engine=x"), "no source"),
        (("--from", "prometheus="), "no source"),
        (("--from", "prometheus"), "not known where Prometheus is"),
        (("--from", "prometheus=ftp://x"), "not a URL"),
        (("--from", "prometheus=http://me:secret@x"), "no user and password"),
        (("--from", "prometheus=http://x", "--samples", "9"), "--samples goes with"),
        (("--from", "prometheus=http://x", "--via", "tow"), "no server is called so"),
        (("--from", "prometheus=http://x", "--window", "1s"), "holds no interval"),
        (
            ("--from", "prometheus=http://x", "--window", "4000d", "--interval", "1ms"),
            "too much to ask for",
        ),
        (("--from", "prometheus=http://x", "--window", "9999999d"), "too much to ask for"),
        (("--window", "9999d", "--interval", "1ms"), "samples are too many"),
        (("--via", "two"), "--via goes with Prometheus"),
        (("--window", "soon"), "--window: `soon` is not a duration"),
        (("--window", "0"), "must be above 0"),
        (("--interval", "-5"), "--interval"),
        (("--window", "1s"), "one sample"),
        (("--window", "9s", "--samples", "5"), "say the same"),
    ],
)
def test_options_that_do_not_go_together(shop: Path, options: tuple[str, ...], what: str) -> None:
    result = run("measure", *options)
    assert isinstance(result.exception, UsageError), result.output
    assert what in " ".join(result.exception.lines())
    assert "secret" not in " ".join(result.exception.lines())


def test_a_password_for_prometheus_that_is_not_there(shop: Path) -> None:
    text = (shop / "fleet.yaml").read_text()
    (shop / "fleet.yaml").write_text(
        text + "measure: {prometheus: {url: 'http://p:9090', authorization: {file: none}}}\n"
    )
    result = run("measure")
    assert isinstance(result.exception, QuorateError)
    assert result.exception.exit_code == 2
