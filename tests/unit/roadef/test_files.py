"""Reading and writing the challenge's files, and what is said about bad ones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.roadef import generate, read, write
from benchmarks.roadef.check import violations
from benchmarks.roadef.problem import Problem, RoadefError
from tests.unit.roadef.builders import problems, three_machines


def same(one: Problem, other: Problem) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        if isinstance(getattr(one, field.name), np.ndarray)
        else getattr(one, field.name) == getattr(other, field.name)
        for field in fields(one)
    )


def test_the_text_of_a_model() -> None:
    assert write.model(three_machines()).splitlines() == [
        "2",
        "0 10",
        "1 1",
        "3",
        "0 0 10 10 5 10 0 1 2",
        "0 1 10 10 5 10 1 0 3",
        "1 1 20 20 5 20 2 3 0",
        "2",
        "2 0",
        "0 1 0",
        "3",
        "0 4 4 7",
        "0 3 3 5",
        "1 6 2 3",
        "1",
        "0 1 2",
        "3",
        "2 11 13",
    ]


@settings(max_examples=50)
@given(problems())
def test_what_is_written_is_read_back(problem: Problem) -> None:
    with TemporaryDirectory() as place:
        write.instance(Path(place), "x", problem)
        assert same(read.read(Path(place), "x"), problem)


@settings(max_examples=80)
@given(problems(), st.integers(0, 10**6))
def test_a_file_that_is_cut_off_is_said_to_be(problem: Problem, cut: int) -> None:
    words = write.model(problem).split()
    kept = words[: cut % len(words)]
    with TemporaryDirectory() as place:
        write.instance(Path(place), "x", problem)
        (Path(place) / "model_x.txt").write_text(" ".join(kept))
        with pytest.raises(RoadefError, match="ends too early"):
            read.read(Path(place), "x")


@settings(max_examples=80)
@given(problems(), st.integers(0, 10**6), st.sampled_from(["0", "1", "99", "x", "-1", "9" * 30]))
def test_a_wrong_number_is_an_error_or_another_instance(
    problem: Problem, index: int, word: str
) -> None:
    words = write.model(problem).split()
    words[index % len(words)] = word
    with TemporaryDirectory() as place:
        write.instance(Path(place), "x", problem)
        (Path(place) / "model_x.txt").write_text(" ".join(words))
        try:
            found = read.read(Path(place), "x")
        except RoadefError as error:
            assert "model_x.txt" in str(error)
        else:
            assert word.isdigit()
            assert found.processes == len(found.original)


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (2, "2 10", "line 2: transient flag 2, but transient flags go from 0 to 1"),
        (4, "0", "line 4: 0 machines: at least 1 are needed"),
        (5, "0 0 10 -10 5 10 0 1 2", "line 5: '-10' is not a whole number from 0 up"),
        (5, "0 0 10 1.5 5 10 0 1 2", "line 5: '1.5' is not a whole number from 0 up"),
        (6, "0 1 10 10 5 9999999999999 1 0 3", "line 6: a number with 13 digits"),
        (10, "0 1 2", "line 10: service 2, but services go from 0 to 1"),
        (13, "2 3 3 5", "line 13: service 2, but services go from 0 to 1"),
        (16, "0 2 2", "line 16: resource 2, but resources go from 0 to 1"),
        (16, "7 1 2", "line 16: resource 7, but resources go from 0 to 1"),
        (18, "2 11 13 14", "line 18: the file should end here; numbers left: 1"),
        (11, "900000000", "ends too early: 3600000000 numbers for 900000000 processes"),
    ],
)
def test_what_is_said_about_a_bad_model(tmp_path: Path, line: int, text: str, said: str) -> None:
    write.instance(tmp_path, "x", three_machines())
    path = tmp_path / "model_x.txt"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(RoadefError) as raised:
        read.read(tmp_path, "x")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 1", "ends too early: 3 numbers for the machine of each process"),
        ("0 1\n0 2", "line 2: the file should end here; numbers left: 1"),
        ("0 1 3", "line 1: machine 3, but machines go from 0 to 2"),
    ],
)
def test_what_is_said_about_a_bad_assignment(tmp_path: Path, text: str, said: str) -> None:
    write.instance(tmp_path, "x", three_machines())
    (tmp_path / "assignment_x.txt").write_text(text)
    with pytest.raises(RoadefError) as raised:
        read.read(tmp_path, "x")
    assert said in str(raised.value)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    write.instance(tmp_path, "x", three_machines())
    (tmp_path / "model_x.txt").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(RoadefError, match="is it packed"):
        read.read(tmp_path, "x")
    with pytest.raises(RoadefError, match="no such file"):
        read.read(tmp_path, "y")
    (tmp_path / "model_z.txt").mkdir()
    with pytest.raises(RoadefError, match="cannot be read"):
        read.read(tmp_path, "z")


def test_which_instances_a_folder_has(tmp_path: Path) -> None:
    with pytest.raises(RoadefError, match=r"no model_NAME\.txt"):
        read.names(tmp_path)
    with pytest.raises(RoadefError, match="no such folder"):
        read.names(tmp_path / "absent")
    for name in ("b_1", "a1_1"):
        write.instance(tmp_path, name, three_machines())
    assert read.chosen(tmp_path, None) == ["a1_1", "b_1"]
    assert read.chosen(tmp_path, "b_1, a1_1,b_1") == ["b_1", "a1_1"]
    with pytest.raises(RoadefError, match="did you mean a1_1"):
        read.chosen(tmp_path, "a1_1,a1_l")
    with pytest.raises(RoadefError, match="no instance named"):
        read.chosen(tmp_path, ",")


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 30))
def test_generated_instances_start_feasible(
    seed: int, machines: int, services: int, more: int
) -> None:
    made = generate.generate(seed, machines=machines, services=services, processes=services + more)
    assert violations(made, made.original.tolist()) == []
    assert set(made.service.tolist()) == set(range(services))
    assert same(
        made,
        generate.generate(seed, machines=machines, services=services, processes=services + more),
    )


def test_what_cannot_be_generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        generate.main([str(tmp_path), "--processes", "3"])
    assert "a process for each service" in capsys.readouterr().err
    assert generate.main([str(tmp_path), "--name", "tiny"]) == 0
    assert read.names(tmp_path) == ["tiny"]
