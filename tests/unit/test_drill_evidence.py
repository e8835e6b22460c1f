"""The evidence of drills: turns, settings, and the page, from made-up runs."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from benchmarks import drills, drills_page
from benchmarks.measure import FailedError

WHERE = {"measured": "2026-01-01", "threads": 2, "system": "Debian", "kernel": "6"}


def run(settings: str, measured: float | None, *, misled: tuple[str, ...] = ()) -> dict[str, Any]:
    span = {"low": 3.0, "mean": 4.0, "high": 5.0}
    inside = None if measured is None else 3.0 <= measured <= 5.0
    return {
        "settings": settings,
        "fault": "worker",
        "began": "2026-01-01T00:00:00Z",
        "misled": misled,
        "phases": [
            {"name": "all running", "predicted": span, "measured": measured, "inside": inside}
        ],
        "seed": 1,
        "services": [
            {"may_move": True, "started": measured, "went_to": ("one",), "possible": True},
            {"may_move": False, "started": None, "went_to": (), "possible": True},
        ],
    }


def test_settings_are_written_into_a_copy(tmp_path: Path) -> None:
    made = drills.written(drills.site(tmp_path), "defaults")
    assert made.settings == "defaults"
    assert "name: drills\n" in made.fleet.read_text()
    assert "heartbeat: 5s" in made.fleet.read_text()
    texts = [path.read_text() for path in made.fleet.parent.glob("*.yaml") if path != made.fleet]
    assert all("delay: 0s" not in text and "delay: 1s" not in text for text in texts)
    assert sum(text.count("delay: 5s") for text in texts) >= 4


def test_settings_can_be_changed_back(tmp_path: Path) -> None:
    made = drills.site(tmp_path)
    drills.written(made, "tuned")
    before = made.fleet.read_text()
    drills.written(made, "defaults")
    drills.written(made, "tuned")
    assert made.fleet.read_text() == before and "heartbeat: 1500ms" in before


def test_faults_and_settings_take_turns() -> None:
    both = ("worker", "leader")
    assert list(drills.turns(2)) == [
        (1, "tuned", both),
        (1, "defaults", both),
        (2, "defaults", both),
        (2, "tuned", both),
    ]


def test_the_page_counts_what_was_inside(tmp_path: Path) -> None:
    runs = [run("tuned", 4.0), run("tuned", 9.0, misled=("x",)), run("tuned", None)]
    drills_page.write(tmp_path, WHERE, runs)
    page = (tmp_path / "drills.md").read_text()
    assert (
        "| worker | tuned | 3 | – | 4.0 / 6.5 / 9.0 (1 never) | 4.0 / 6.5 / 9.0 (1 never) | 1 |"
        in page
    )
    assert "| worker | tuned | all running | present | 1 of 2 | 2.0 |" in page
    assert (tmp_path / "drills.svg").read_text().count("<circle") == 2


def test_the_page_says_what_it_comes_to(tmp_path: Path) -> None:
    runs = [run("tuned", 4.0), run("tuned", 6.0), run("defaults", 20.0)]
    drills_page.write(tmp_path, WHERE, runs)
    page = (tmp_path / "drills.md").read_text()
    assert "inside the predicted span in 1 of 3 drills" in page
    assert "3 of 3 services went where the model says they may" in page
    assert "5.0 s with tuned settings, 20.0 s with defaults" in page
    assert "4.00 times as quick" in page


def test_the_page_tells_a_mended_model_from_the_one_before(tmp_path: Path) -> None:
    old = [run("tuned", 9.0), {**run("tuned", 4.0), "model": "a"}]
    runs = [*old, {**run("tuned", 4.0), "model": drills.model()}]
    drills_page.write(tmp_path, WHERE, runs)
    page = (tmp_path / "drills.md").read_text()
    assert "| worker | tuned | all running | former | 1 of 2 | 2.0 |" in page
    assert "| worker | tuned | all running | present | 1 of 1 | 2.0 |" in page


def test_failed_probes_are_kept_and_no_place_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "probes-one.txt").write_text("1.5 0 ok 2.0\n1.6 0 connect 99.0\n1.7 1 na")
    raw = drills.Raw()
    kept = raw.take({**run("tuned", 4.0), "samples": str(tmp_path), "prediction": {"a": 1}})
    assert not {"samples", "prediction"} & set(kept)
    raw.write(tmp_path / "out.csv.gz")
    again = drills.Raw()
    again.read(tmp_path / "out.csv.gz")
    again.write(tmp_path / "again.csv.gz")
    written = [
        gzip.decompress((tmp_path / f"{name}.csv.gz").read_bytes()) for name in ("out", "again")
    ]
    assert written[0] == written[1]
    lines = gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).decode().splitlines()
    assert lines[1:] == ["worker,tuned,1,one,1.6,0,connect"]


def test_what_is_lost_can_be_named() -> None:
    assert drills.lost_by("") == tuple(drills.FAULTS)
    assert drills.lost_by(" leader") == ("leader",)
    assert {faults for *_, faults in drills.turns(2, 1, ("leader",))} == {("leader",)}
    with pytest.raises(FailedError, match="moon cannot be lost"):
        drills.lost_by("leader,moon")
