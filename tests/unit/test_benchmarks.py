"""What the benchmarks make of their figures."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import fleets, machine, picture, run
from benchmarks.measure import Figures, Run

FIGURES = [
    Figures(name=name, runs=tuple(Run(seconds=value, peak_memory=2**20 * 30) for value in seconds))
    for name, seconds in {"quick <one>": (0.1, 0.3, 0.2), "slow": (2.0, 4.0, 3.0, 3.5)}.items()
]


def test_least_middle_and_most() -> None:
    assert FIGURES[0].as_json() == {
        "name": "quick <one>",
        "runs": 3,
        "seconds": {"min": 0.1, "median": 0.2, "max": 0.3, "all": [0.1, 0.3, 0.2]},
        "peak_memory": 31457280,
    }


def test_the_picture_is_well_formed_and_to_scale() -> None:
    root = ElementTree.fromstring(picture.bars("A & B", FIGURES))
    widths = [float(bar.attrib["width"]) for bar in root.iter() if bar.attrib.get("class") == "b"]
    assert widths[1] / widths[0] == pytest.approx(3.25 / 0.2, rel=0.01)
    whole = float(root.attrib["viewBox"].split()[2])
    assert all(float(line.attrib["x2"]) < whole for line in root.iter() if "x2" in line.attrib)


def test_the_page_names_machine_and_figures() -> None:
    text = run.page("Title", "name", FIGURES, machine.describe())
    assert "| slow | 2.00 / 3.25 / 4.00 | 30 | 4 |" in text
    assert "(name.svg)" in text


def test_the_machine_is_described_without_its_name_or_paths() -> None:
    said = json.dumps(machine.describe())
    assert str(Path(__file__).parents[2]) not in said
    assert json.dumps(platform.node()) not in said


@pytest.mark.parametrize("services", [1, 20, 45])
def test_a_grown_fleet_has_as_many_services_as_asked_for(services: int, tmp_path: Path) -> None:
    fleet = json.loads(fleets.write(tmp_path, services=services).read_text())
    files = [tmp_path / stack["files"][0] for stack in fleet["stacks"].values()]
    found = [name for file in files for name in json.loads(file.read_text())["services"]]
    assert len(set(found)) == services
