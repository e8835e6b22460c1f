"""How a drill's report reads on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from quorate.drill.model import Report
from quorate.entry.cli.drill_view import compare, render
from tests.unit.drill.made import FINE, INVALID, NASTY, REPORT


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=200, highlight=False), out


def rendered(report: Report) -> list[str]:
    shown, out = console()
    render(report, shown)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def compared(report: Report, former: Report) -> list[str]:
    shown, out = console()
    compare(report, former, shown)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_each_run_says_what_became_of_it() -> None:
    lines = rendered(REPORT)
    assert lines[0] == (
        "freeze-leader: freeze in office, 3 runs, seed 7, lab here, 2026-01-02T03:04:00Z"
    )
    for line in (
        "run 1: alpha for 60.0 s, alpha led: failed; prediction: outside",
        "noticed: 12.0 s (predicted 10.0–16.0 s, inside)",
        "new leader: 3.4 s (predicted 10.0–16.0 s)",
        "web 2 12.5 s 20.5 s 15 s 10.0–16.0 s beta, gamma "
        "after its target; outside the prediction; went where it was not predicted",
        "db 1 – – – – – waits for its server",
        "web 20.0 / 20.0 s, 33.3%, name 4.5 s 21.0 / 22.5 s, 35.0%",
        "writes to db: 480 acknowledged, 90 failed, 2 unknown (1 of them there), 3 lost; "
        "none acknowledged again while the fault lasted",
        "writes to queue: 500 acknowledged, 0 failed, 0 lost; longest without one 0.4 s",
        "writes to vault: nothing written: it asks for a password that is not known",
        "db never again, 100.0% –",
        "other 0.3 / 0.3 s, 0.5% – should notice nothing",
        "1 service answered all the while",
        "undone by the drill",
        "samples: somewhere/run-1.jsonl",
        "left behind: a rule of the firewall on alpha",
        "web 2 14.5 s never 60 s – – not back",
        f"guard capacity does not hold: {NASTY} finds no place",
        "guard backup could not be checked: no record",
        "invalid: a guard does not hold",
    ):
        assert line in lines


def test_markup_in_names_stays_text() -> None:
    assert any(line.startswith(f"{NASTY} 1 12.5 s 14.0 s") for line in rendered(REPORT))


def test_several_runs_are_summed_up() -> None:
    lines = rendered(REPORT)
    assert "noticed 2 12.0 s 12.0 s 14.0 s 14.0 s" in lines
    assert "last running again 1 of 2 20.5 s 20.5 s 20.5 s 20.5 s" in lines
    assert "0 of 1 run inside the prediction" in lines


def test_the_last_line_has_both_verdicts() -> None:
    assert rendered(REPORT)[-1] == (
        "resilience failed: something was not back in its time, or others noticed; "
        "prediction outside: it did not come as predicted"
    )
    assert rendered(FINE)[-1].startswith("resilience passed: ")


def test_a_report_without_runs_or_with_nothing_broken_has_verdicts_too() -> None:
    for runs in ((), (INVALID, INVALID)):
        last = rendered(REPORT.model_copy(update={"runs": runs}))[-1]
        assert last.startswith("resilience invalid: ")


def test_medians_beside_the_former_ones() -> None:
    lines = compared(REPORT, FINE)
    assert lines[0] == "beside the one of 2026-01-01T00:00:00Z"
    assert "noticed 11.0 s 12.0 s +1.0 s" in lines
    assert "last running again 9.5 s 20.5 s (1 of 2) +11.0 s" in lines
    assert f"{NASTY} running – 14.0 s –" in lines
    assert lines[-2].startswith("before: resilience passed")
    assert lines[-1].startswith("now: resilience failed")
