"""The lab's state file: written in one move, found again, never half-read."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.errors import LabError
from quorate.lab import state
from quorate.lab.state import Lab


def test_a_saved_lab_is_found_by_its_fleet_file(lab: Lab) -> None:
    state.save(lab)
    assert state.load(lab.fleet_path) == lab
    assert state.find(lab.fleet_path) == lab
    assert state.find(None) == lab


def test_without_a_lab_the_error_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LabError) as caught:
        state.load(tmp_path / "fleet.yaml")
    assert "quorate lab up" in (caught.value.todo or "")
    with pytest.raises(LabError, match="no lab runs"):
        state.find(None)


def test_an_interrupted_lab_is_not_loaded_but_can_be_found(lab: Lab) -> None:
    half = state.save(lab.model_copy(update={"complete": False}))
    with pytest.raises(LabError, match="not complete"):
        state.load(lab.fleet_path)
    assert state.find(lab.fleet_path) == half


def test_several_labs_must_be_told_apart(lab: Lab, tmp_path: Path) -> None:
    state.save(lab)
    other = lab.model_copy(
        update={
            "name": "other",
            "fleet_path": tmp_path / "other.yaml",
            "directory": lab.directory.parent / "other",
        }
    )
    state.save(other)
    with pytest.raises(LabError, match="several labs"):
        state.find(None)
    assert state.find(other.fleet_path) == other


def test_a_damaged_state_file_hides_no_other_lab(lab: Lab) -> None:
    state.save(lab)
    broken = lab.directory.parent / "broken"
    broken.mkdir()
    (broken / state.FILE_NAME).write_text('{"name": "bro')
    assert state.every() == (lab,)


def test_a_forgotten_lab_leaves_no_files(lab: Lab) -> None:
    state.save(lab)
    state.forget(lab)
    assert state.every() == ()
    assert not lab.directory.exists()


def test_an_unknown_server_is_named_with_the_known_ones(lab: Lab) -> None:
    with pytest.raises(LabError, match="no server delta") as caught:
        lab.node("delta")
    assert "alpha, beta, gamma" in (caught.value.todo or "")
