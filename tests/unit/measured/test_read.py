"""Measurement files: what is written reads back, and what cannot be is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import CheckError, QuorateError, UsageError
from quorate.fleet.model import Fleet
from quorate.measured.read import parse_measurement, read_measurement
from tests.unit.measured.making import found, seen
from tests.unit.plan.builders import fleet, server, service


@pytest.fixture
def office() -> Fleet:
    return fleet([server("a")], [service("web"), service("db")])


def written(office: Fleet) -> dict[str, Any]:
    measured = found(office, {"web": seen(), "db": seen()})
    data = json.loads(measured.model_dump_json())
    assert isinstance(data, dict)
    return data


def test_it_reads_back(office: Fleet, tmp_path: Path) -> None:
    measured = found(office, {"web": seen()}, lost={"b": "off"}, notes=("x",))
    path = tmp_path / "m.json"
    path.write_text(measured.model_dump_json())
    assert read_measurement(path, office) == measured


def change(data: Any, path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        data = data[step]
    data[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("services.web.memory.busiest.p95", -3, "services.web.memory.busiest.p95"),
        ("services.web.memory.busiest.peak", float("nan"), "finite number"),
        ("services.web.cpu.mean.p50", float("inf"), "finite number"),
        ("services.web.cpu.mean.p50", 1e9, "must not fall in this order"),
        ("services.web.cpu.mean.p50", "much", "valid number"),
        ("services.web.tasks", 0, "services.web.tasks"),
        ("services.web.memory.samples", 0, "samples"),
        ("services.web.last", "2001-01-01T00:00:00Z", "last seen before"),
        ("services.web.first", "yesterday", "services.web.first"),
        ("services.web.first", "2026-01-01T00:00:00", "timezone"),
        ("services.web.memory", [1, 2], "services.web.memory"),
        ("services", ["web"], "services"),
        ("end", "2001-01-01T00:00:00Z", "it ends before it starts"),
        ("interval", 0, "interval"),
        ("surprise", 1, "surprise"),
    ],
)
def test_figures_that_cannot_be(office: Fleet, path: str, value: Any, said: str) -> None:
    data = written(office)
    change(data, path, value)
    with pytest.raises(CheckError) as caught:
        parse_measurement(json.dumps(data), "m.json")
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
    assert caught.value.exit_code == 2


def test_every_problem_at_once_and_no_flood(office: Fleet) -> None:
    data = written(office)
    data["services"] = {f"s{n}": {"tasks": -1} for n in range(50)}
    with pytest.raises(CheckError) as caught:
        parse_measurement(json.dumps(data), "m.json")
    assert len(caught.value.problems) == 21
    assert "more" in caught.value.problems[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no valid JSON"),
        ("<html>", "no valid JSON"),
        ("{}", "no measurement"),
        ("[]", "no measurement"),
        ("null", "no measurement"),
        ("[" * 100_000, "no valid JSON"),
        ('{"version": 2, "services": {}}', "version 2"),
        ('{"version": null, "services": {}}', "version None"),
    ],
)
def test_other_files(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse_measurement(text, "m.json")
    assert caught.value.todo


def test_one_that_was_cut_short_anywhere(office: Fleet) -> None:
    text = json.dumps(written(office))
    for length in range(0, len(text), 37):
        with pytest.raises(QuorateError):
            parse_measurement(text[:length], "m.json")


def test_another_fleet(office: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    data = {**written(office), "fleet": "other"}
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="fleet other"):
        read_measurement(path, office)


def test_no_file_a_directory_and_no_text(office: Fleet, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, said in (("none", "no such file"), ("", "directory"), ("binary", "UTF-8")):
        with pytest.raises(UsageError, match=said):
            read_measurement(tmp_path / name, office)
