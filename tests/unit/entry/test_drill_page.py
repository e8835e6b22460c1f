"""The page of a drill: complete, self-contained, safe; its pictures stay inside."""

from __future__ import annotations

import pytest

from quorate.drill.model import Phase, Probed, Recovered, Run
from quorate.entry.web.drill_page import page
from quorate.entry.web.drill_picture import LEFT, MOST, RIGHT, Band, Part, Row, picture
from quorate.predict.model import Span
from tests.unit.drill.made import ABORTED, FAILED, FINE, INVALID, NASTY, REPORT
from tests.unit.entry.page_reader import Reader


def row(run: Run, label: str) -> Row:
    drawn = picture(run)
    assert drawn is not None
    (found,) = (row for row in drawn.rows if row.label == label)
    return found


def test_everything_is_there() -> None:
    words = " ".join(Reader(page(REPORT)).words.split())
    for text in (
        *("failed: something", "outside: it did not", "quorate 0.1.0", "engine 27.5", "seed 7"),
        *("fault began", "noticed 12.0 s", "new leader 3.4 s", "undone 60.0 s", "never again"),
        *("10.0 to 16.0 s, on average 13.0 s", "target 15 s", "went to beta, gamma"),
        *(
            "capacity does not hold",
            "backup could not be checked",
            "Undone by the drill",
            "Undone by its lease",
        ),
        *("Left behind: a rule", "Should have noticed nothing, and did: other", "1 of 2"),
        *(
            "0 of 1 run inside",
            "run-1.jsonl",
            "1 change seen",
            "1 guard",
            "12.0 s: down, alpha",
            "a guard does not hold",
        ),
        "480 acknowledged, 90 failed, 2 unknown (1 of them there), 3 lost",
        "or a dead one",
        "20.0 s4.5 s33.3% of 600",
    ):
        assert text in words, text
    assert "somewhere" not in words


def test_nothing_is_fetched_and_everything_escaped() -> None:
    text = page(REPORT)
    read = Reader(text)
    assert "b" not in read.tags and "script" not in read.tags
    assert NASTY in read.words
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("runs", [(), (INVALID,), (ABORTED,), (FAILED,), (FAILED, ABORTED)])
def test_any_report_is_a_page(runs: tuple[Run, ...]) -> None:
    read = Reader(page(REPORT.model_copy(update={"runs": runs})))
    assert ("All runs" in read.words) == (len(runs) > 1)
    broken = sum(run is not INVALID for run in runs)
    assert read.tags.count("svg") == broken


def test_a_good_report_says_so() -> None:
    assert "passed: what may move" in Reader(page(FINE)).words


def test_nothing_broken_has_no_picture() -> None:
    assert picture(INVALID) is None


def test_a_service_is_red_until_assigned_and_amber_until_running() -> None:
    lost, begins = row(FAILED, "web").parts
    assert (lost.kind, lost.x) == ("d-lost", LEFT)
    assert (begins.kind, begins.x) == ("d-begins", lost.x + lost.width)
    late = row(ABORTED, "web")
    assert late.parts[1].x + late.parts[1].width == pytest.approx(RIGHT)
    assert late.bad and late.text == "not back"
    (waits,) = row(FAILED, "db").parts
    assert waits.kind == "d-lost" and waits.x + waits.width == pytest.approx(RIGHT)


def test_what_was_predicted_lies_beside_what_was_measured() -> None:
    band = row(FAILED, "web").band
    assert band is not None
    assert band.x < band.mean < band.x + band.width < RIGHT
    assert row(FAILED, NASTY).band is None


def test_gaps_are_solid_only_where_they_are_known() -> None:
    assert [part.kind for part in row(FAILED, "web answers").parts] == ["d-some"]
    assert [part.kind for part in row(FAILED, "other answers").parts] == ["d-silent"]
    (never,) = row(FAILED, "db answers").parts
    assert never.kind == "d-silent" and never.x + never.width == pytest.approx(RIGHT)
    unsure = Probed(service="a", vantage="b", failed=3, longest=None, total_bad=9.0,
                    first_bad=0.0, last_bad=60.0)  # fmt: skip
    run = FAILED.model_copy(update={"probes": (unsure,)})
    assert [part.kind for part in row(run, "a answers").parts] == ["d-some"]


def test_names_of_moments_do_not_meet() -> None:
    drawn = picture(FAILED.model_copy(update={"new_leader": 12.1}))
    assert drawn is not None
    began, first, second, undone = drawn.uprights
    assert first.label.startswith("noticed") and second.label.startswith("new leader")
    assert first.y < second.y == undone.y == began.y  # its line begins under the other's name
    assert all(each.y < drawn.top for each in drawn.uprights)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 60.0, 1800.0, 50_000.0])
def test_pictures_stay_inside(seconds: float) -> None:
    span = Span(low=seconds / 2, mean=seconds, high=2 * seconds)
    web = Recovered(
        service="web",
        tasks=1,
        may_move=True,
        assigned=seconds / 3,
        running=seconds,
        phase=Phase(name="running", predicted=span, measured=seconds),
    )
    drawn = picture(FAILED.model_copy(update={"services": (web,), "lasted": seconds}))
    assert drawn is not None
    assert 2 <= len(drawn.ticks) <= 11
    for each in drawn.rows:
        stretches: list[Part | Band] = [*each.parts]
        stretches += [each.band] if each.band else []
        for part in stretches:
            assert LEFT <= part.x <= part.x + part.width <= RIGHT + 1
        assert drawn.top <= each.y < drawn.bottom < drawn.height


def test_rows_have_an_end() -> None:
    many = tuple(Recovered(service=f"s{n}", tasks=1, may_move=True) for n in range(MOST + 5))
    run = FAILED.model_copy(update={"services": many, "probes": ()})
    drawn = picture(run)
    assert drawn is not None
    assert len(drawn.rows) == MOST
    assert drawn.more == 7  # the two of the swarm are rows too
    text = Reader(page(REPORT.model_copy(update={"runs": (run,)}))).words
    assert "And 7 rows more" in text
