"""The solver leaves the process as it found it."""

from __future__ import annotations

import signal
from pathlib import Path

from quorate.plan.cpsat import Model


def caught() -> int:
    """The signals this process handles, a bit each (proc(5), SigCgt)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("SigCgt:"))
    return int(line.split()[1], 16)


def test_ctrl_c_is_left_to_python() -> None:
    bit = 1 << (signal.SIGINT - 1)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        model = Model()
        model.minimise([(1, model.integer(0, 1))])
        model.solve(time_limit=1.0)
        assert caught() & bit
    finally:
        signal.signal(signal.SIGINT, former)
