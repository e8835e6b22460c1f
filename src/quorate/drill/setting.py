"""What all runs of a drill have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quorate.drill.file import Drill
from quorate.fleet.model import Fleet
from quorate.lab.state import Lab
from quorate.plan.model import Plan


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A drill on a lab.

    `plan` with the pools; where services are is looked up before each run. `directory` for
    raw samples. `token`: servers named as those whose loss may cost the quorum.
    """

    fleet: Fleet
    lab: Lab
    plan: Plan
    drill: Drill
    seed: int
    directory: Path
    token: tuple[str, ...] = ()
