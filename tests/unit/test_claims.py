"""docs/claims.md is what the model and the evidence say today."""

from __future__ import annotations

import pytest

from scripts import claims


@pytest.mark.slow
def test_the_page_is_up_to_date() -> None:
    assert claims.PAGE.read_text() == claims.text(), "run `make docs`"


def test_measures_are_told_by_settings() -> None:
    def run(settings: str, seconds: float | None) -> dict[str, object]:
        phases = [{"name": "noticed", "predicted": None, "measured": seconds, "inside": None}]
        return {"fault": "worker", "settings": settings, "began": "x", "phases": phases}

    runs = [run("tuned", 3.0), run("tuned", 4.0), run("defaults", 12.0)]
    assert claims.measured(runs, "worker", "noticed") == (
        "3.0 / 3.5 / 4.0 s (tuned, n = 2); 12.0 / 12.0 / 12.0 s (defaults, n = 1)"
    )
    assert claims.measured(runs, "leader", "noticed") == "not measured yet"
