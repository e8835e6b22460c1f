"""Drill files: what is read, and every problem at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.drill.file import Kind, read_drill
from quorate.errors import CheckError

EXAMPLES = Path(__file__).parents[3] / "examples" / "office" / "drills"

GOOD = """\
drill: lose-the-leader
target: {role: leader}
fault: {kind: power-off, duration: 90s}
"""


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "drill.yaml"
    path.write_text(text)
    return read_drill(path)


def test_a_short_drill_has_sensible_rest(tmp_path: Path) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text(GOOD)
    found = read_drill(path)
    assert found.fault.kind is Kind.POWER_OFF
    assert (found.fault.duration, found.lease) == (90.0, 150.0)
    assert (found.repeat.times, found.probes.per_second, found.steady.availability) == (1, 10, 0.99)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("power-off", "power-of"), "is not one of"),
        (GOOD.replace("role: leader", "role: leader, service: db"), "exactly one of"),
        (GOOD.replace("{role: leader}", "{}"), "exactly one of"),
        (GOOD.replace("90s", "-1s"), "duration"),
        (GOOD + "undo: {lease: 10s}\n", "undo.lease must not end before"),
        (GOOD.replace("90s", "90s, one_way: true"), "one_way is for partitions"),
        (GOOD.replace("90s", "90s, ports: [2377]"), "ports is for partitions"),
        (GOOD.replace("90s", "90s, loss: 20%"), "loss is for packet-loss"),
        (GOOD.replace("power-off", "packet-loss"), "loss is for packet-loss"),
        (GOOD.replace("power-off", "partition, ports: [0]"), "ports"),
        (GOOD + "abort: {lost_writes: some}\n", "lost_writes"),
        (GOOD + "probe: {}\n", "did you mean `probes`"),
        (GOOD + "abort: {downtim: 3s}\n", "unknown key"),
        ("- a\n- b\n", "must hold a mapping"),
        ("drill: [\n", "drill.yaml"),
        ("", "must hold a mapping"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CheckError) as error:
        read(tmp_path, text)
    assert any(words in line for line in error.value.lines()), error.value.lines()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match="1 error"):
        read_drill(tmp_path / "none.yaml")


def test_two_problems_are_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(CheckError) as error:
        read(tmp_path, GOOD.replace("power-off", "x").replace("leader}", "boss}"))
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    ("fault", "words", "takes_away"),
    [
        ("kind: power-off", "power-off", True),
        ("kind: partition, one_way: true", "partition one way", True),
        ("kind: partition, ports: [2377, 7946]", "partition of ports 2377, 7946", True),
        ("kind: partition, ports: [7946]", "partition of ports 7946", False),
        ("kind: packet-loss, loss: 20%", "packet-loss of 20%", False),
        ("kind: disk-full", "disk-full", False),
    ],
)
def test_which_faults_take_a_server_away(
    tmp_path: Path, fault: str, words: str, takes_away: bool
) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text(GOOD.replace("kind: power-off", fault))
    found = read_drill(path).fault
    assert (found.words, found.takes_away) == (words, takes_away)


def test_writes_may_be_named_or_none(tmp_path: Path) -> None:
    path = tmp_path / "drill.yaml"
    for text, expected in (
        ("", None),
        ("probes: {writes: []}", ()),
        ("probes: {writes: db}", ("db",)),
    ):
        path.write_text(GOOD + text)
        assert read_drill(path).probes.writes == expected


def test_there_is_an_example_for_each_of_seven_failures() -> None:
    found = [read_drill(path) for path in sorted(EXAMPLES.glob("*.yaml"))]
    assert len({drill.drill for drill in found}) == 7
