"""The page of a prediction: complete, self-contained, safe."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.web.predict_page import page
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan
from quorate.predict.model import Failure, Fate, Prediction, Span
from quorate.predict.predict import predict
from quorate.swarm.outcomes import Certainty
from tests.unit.entry.page_reader import Reader

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"


@pytest.fixture(scope="module")
def found() -> Prediction:
    fleet = read_fleet(OFFICE)
    lost = [("gmktec",), ("hpr",), ("gmktec", "wsasus")]
    return predict(fleet, make_plan(fleet), lost=lost, courses=20)


def test_every_failure_and_every_service_that_stops_is_there(found: Prediction) -> None:
    read = Reader(page(found))
    for failure in found.failures:
        assert failure.name in read.words
        for fate in failure.fates:
            if fate.stops:
                assert fate.service in read.words
    misled = found.failures[0].misled
    assert set(misled) == {"hpr"}
    assert f"hpr ({misled['hpr']:.0%} of courses)" in read.words
    assert "No quorum" in read.words
    assert "no quorum" in read.words  # in the cells of the map
    assert all(text in " ".join(read.words.split()) for text in found.assumed)


def test_pictures_stay_inside(found: Prediction) -> None:
    read = Reader(page(found))
    widths = [float(value or 0) for name, value in read.attributes if name == "width" and value]
    assert widths
    assert all(0 <= width <= 1000 for width in widths)


def test_nothing_is_fetched_and_everything_escaped(found: Prediction) -> None:
    nasty = "<script>alert(1)</script>"
    span = Span(low=1, mean=2, high=3)
    fates = (
        Fate(service=nasty, workload_class="x", tasks=1, lost=1, stops=True, answers=span),
        Fate(service="b", workload_class="x", tasks=1, lost=1, stops=True, waits=True),
        Fate(service="c", workload_class="x", tasks=1, lost=1, pending=Certainty.ALWAYS),
        Fate(service="d", workload_class="x", tasks=1, lost=0, through=("b",)),
    )
    failure = Failure(name=nasty, servers=("s",), leader="s", fates=fates, courses=1)
    text = page(Prediction(fleet=nasty, fleet_digest="", seed=0, failures=(failure,)))
    read = Reader(text)
    assert "script" not in read.tags
    assert "http" not in text.replace("http-equiv", "")
    assert all(word in read.words for word in ("waits", "no place", "cut off"))


def test_an_empty_prediction_is_a_page_too() -> None:
    Reader(page(Prediction(fleet="f", fleet_digest="", seed=0)))


def test_the_option(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    arguments = ["predict", str(OFFICE), "--fail", "hpr", "--courses", "20", "--html"]
    done = CliRunner().invoke(build(), [*arguments, str(target)])
    assert done.exit_code == 0, done.output
    assert "dev-postgres" in target.read_text()
    failed = CliRunner().invoke(build(), [*arguments, str(tmp_path / "no" / "where.html")])
    assert failed.exception is not None
