"""What is said about results: scores, lines, pages, pictures."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import machine
from benchmarks.roadef import evidence, picture, record, run, write
from benchmarks.roadef.check import Cost
from benchmarks.roadef.results import PUBLISHED, TARGETS, best_known, standing
from benchmarks.roadef.series import Settings, Solved
from benchmarks.roadef.worker import Trajectory
from tests.unit.roadef.builders import three_machines


def solved(name: str, cost: int, *, original: int = 1_000_000, stopped: bool = False) -> Solved:
    def whole(load: int) -> Cost:
        return Cost(load=load, balance=0, process_moves=0, service_moves=0, machine_moves=0)

    return Solved(
        name=name,
        sizes={"machines": 4, "processes": 100, "services": 79, "resources": 2},
        original=whole(original),
        cost=whole(cost),
        bound=cost - 10,
        seconds=12.3,
        peak_memory=200 * 2**20,
        stopped=stopped,
        clock=False,
        trajectory=((0.0, original), (1.0, cost + 5), (9.0, cost)),
    )


def test_best_known_is_the_lowest_published_cost() -> None:
    assert best_known("a1_2") == 777531842
    assert best_known("a2_2") == 746097632
    assert best_known("small") is None
    for figures in PUBLISHED.values():
        lower = max(value for key, value in figures.items() if key.startswith("lower"))
        assert all(value >= lower for key, value in figures.items() if not key.startswith("lower"))


def test_the_score_is_the_challenges() -> None:
    found = standing("a2_1", 391189190, 198 + 391189)
    assert found.score == pytest.approx(0.1, abs=1e-6)
    assert (found.target, found.met) == (0.5, True)
    assert standing("a1_5", 782189690, 727578309 + 80000).met is False
    assert standing("b_1", 7644173180, 3339186879 - 1).score < 0  # type: ignore[operator]
    assert standing("small", 10, 5).met is None
    assert all(any(name.startswith(start) for start in TARGETS) for name in PUBLISHED)


def test_a_line_for_each_instance() -> None:
    said = record.line(solved("a2_1", 1198))
    assert "original 1000000, ours 1198 (checked), lower bound 1188, best known 198" in said
    assert "score +0.1000 % (within 0.5 %), 12 s, 200 MiB" in said
    assert "best known -, score nothing published" in record.line(solved("small", 9))
    assert ", stopped," in record.line(solved("small", 9, stopped=True))


def test_the_three_files_of_a_record(tmp_path: Path) -> None:
    settings = Settings(seconds=20, seed=7)
    about = record.about(settings, 30.0, machine.describe())
    found = [solved("a2_1", 10198), solved("small <1>", 9)]
    run.write(tmp_path / "x.json", found, ["b_1: the solver ended with 1"], about)
    data = json.loads((tmp_path / "x.json").read_text())
    first = data["instances"][0]
    assert (first["score_percent"], first["target_met"]) == (1.0, False)
    assert (first["cost"]["total"], first["lower_bound"]) == (10198, 10188)
    assert first["better_than_s41"] is False
    assert data["instances"][1]["better_than_s41"] is None
    assert data["settings"]["seed"] == 7
    assert data["failed"] == ["b_1: the solver ended with 1"]
    page = (tmp_path / "x.md").read_text()
    row = (
        "| a2_1 | 1000000 | 10198 | 10188 | 198 | +1.0000 % (above 0.5 %) | +1.0000 % | +0.9869 % |"
    )
    assert f"{row} 12 | 200 |" in page
    assert first["above_s41_percent"] == 0.9869
    assert "- Failed: b_1" in page
    assert "![Cost over time](x.svg)" in page
    assert "| a2_1 | 0 |  | 329 | 198 |  |" in page


def test_the_picture_is_well_formed_and_steps_down_inside_its_panel() -> None:
    text = picture.panels("A & B", [solved("a2_1", 1198), solved("x<", 9), solved("b_1", 5)], 20)
    root = ElementTree.fromstring(text)
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    lines = [part.attrib["points"] for part in root.iter() if part.attrib.get("class") == "l"]
    assert len(lines) == 3
    for line in lines:
        points = [tuple(float(value) for value in point.split(",")) for point in line.split()]
        assert points == sorted(points, key=lambda point: (point[0], point[1]))
        assert all(0 < x < width and 0 < y < height for x, y in points)


def test_a_long_trajectory_is_thinned_to_its_ends() -> None:
    points = [(float(second), 1000 - second) for second in range(1000)]
    kept = record.thin(points, most=50)
    assert len(kept) == len(set(kept)) == 50
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert record.thin(points[:50], most=50) == points[:50]


def test_a_trajectory_only_falls() -> None:
    seen = Trajectory(100)
    for cost in (100, 90, 95, 80.0, 79):
        seen.see(cost, 0)
    costs = [cost for _, cost in seen.points]
    assert costs == sorted(costs, reverse=True)
    assert (costs[0], costs[-1]) == (100, 79)
    # Those close together are one.
    assert len(costs) == 2


@pytest.mark.parametrize("folder", [None, "absent"])
def test_evidence_without_the_files_is_skipped(
    folder: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(evidence.FOLDER, raising=False)
    if folder:
        monkeypatch.setenv(evidence.FOLDER, str(tmp_path / folder))
    evidence.write(tmp_path / "out", tmp_path)
    assert "evidence: roadef: skipped" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent"], "no such folder"),
        ([".", "--seconds", "0"], "--seconds must be more than 0"),
        ([".", "--seed", "-1"], "--seed at least 0"),
        ([".", "-o", "x.txt"], "must end in .json"),
        (["instances", "-o", "file/x.json"], "roadef: file"),
        ([".", "--seconds", "nan"], "--seconds must be more than 0"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    write.instance(tmp_path / "instances", "x", three_machines())
    try:
        code: object = run.main(arguments)
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err
