"""What all runs of a drill have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quorate.drill.file import Drill
from quorate.drill.ground import Ground
from quorate.fleet.model import Fleet
from quorate.plan.model import Plan


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A drill on a lab, or on real servers.

    `plan` with the pools; where services are is looked up before each run. `directory` for
    raw samples. `token`: servers named as those whose loss may cost the quorum; `off`: as those
    that may be switched off, where they are real.
    """

    fleet: Fleet
    ground: Ground
    plan: Plan
    drill: Drill
    seed: int
    directory: Path
    token: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
