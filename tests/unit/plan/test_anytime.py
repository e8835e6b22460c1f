"""A search that is stopped gives the best it has, on the command line too."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import ModuleType

import pytest
from typer.testing import CliRunner

from quorate.entry.cli import anytime
from quorate.entry.cli.main import build as cli
from quorate.errors import StoppedError
from quorate.fleet.model import Fleet
from quorate.plan.problem import build
from quorate.plan.solve import make_plan, solve_exactly
from quorate.plan.verify import violations
from tests.unit.plan.builders import fleet, server, service


def hard() -> Fleet:
    """Too much to prove optimal within seconds, but quickly placed."""
    machines = [server(f"s{i}", memory=64, cpus=32, speed=1 + i / 50) for i in range(12)]
    parts = [
        service(
            f"x{i}",
            memory=1 + (i * 7 % 13) / 10,
            cpu=0.1 + (i % 9) / 10,
            stack=f"stack{i % 11}",
            needs=(f"x{(i * 5 + 1) % 70}",),
            workload_class=("production", "data", "ci")[i % 3],
            load={"cpu_peak": 2.0 + i % 4, "spiky": i % 3 == 2},
        )
        for i in range(70)
    ]
    return fleet(machines, parts)


def test_a_stopped_search_takes_the_best_found() -> None:
    found = threading.Event()
    started = time.monotonic()
    made = make_plan(
        hard(), time_limit=120, on_solution=lambda cost, bound: found.set(), stop=found.is_set
    )
    assert time.monotonic() - started < 100
    assert made.stopped
    assert made.status == "feasible"
    assert made.gap > 0
    assert not violations(hard(), made)


def test_stopped_before_anything_is_found() -> None:
    with pytest.raises(StoppedError):
        solve_exactly(build(hard()), time_limit=120, stop=lambda: True)


def test_ctrl_c_shows_the_best_plan_and_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("quorate.fleet.read")
    vars(module)["read_fleet"] = lambda path: hard()
    monkeypatch.setitem(sys.modules, "quorate.fleet.read", module)
    monkeypatch.setattr(anytime, "AFTER_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    plain = anytime._lines

    def lines():  # type: ignore[no-untyped-def]
        tell, nothing = plain()

        def told(cost: float, bound: float) -> None:
            tell(cost, bound)
            if not timer.is_alive() and not timer.finished.is_set():
                timer.start()

        return told, nothing

    monkeypatch.setattr(anytime, "_lines", lines)
    result = CliRunner().invoke(cli(), ["plan", "--json", "--time-limit", "120"])
    assert result.exit_code == 130, result.output
    assert '"stopped": true' in result.stdout
    assert "stopped by Ctrl-C: this is the best plan found by then: cost" in result.stderr
    assert "planning: cost" in result.stderr
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_the_program() -> None:
    with anytime.interruptible() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
