"""Ask a what-if of small fleets."""

from __future__ import annotations

from typing import Any

from quorate.fleet.model import Fleet
from quorate.plan.solve import make_plan
from quorate.plan.whatif.answer import what_if
from quorate.plan.whatif.changes import Asked
from quorate.plan.whatif.model import Aspect, WhatIf, Winner

Present = dict[str, tuple[str, ...]]


def planned(fleet: Fleet) -> Present:
    """Where the planner puts everything."""
    return {name: p.homes for name, p in make_plan(fleet).services.items()}


def ask(fleet: Fleet, present: Present | None = None, **options: Any) -> WhatIf:
    """The answer; `replan` and `link` aside, options are those of the command."""
    extra = {name: options.pop(name) for name in ("replan", "link") if name in options}
    asked = Asked(**{name: (v,) if isinstance(v, str) else tuple(v) for name, v in options.items()})
    return what_if(fleet, asked, planned(fleet) if present is None else present, **extra)


def aspect(answer: WhatIf, name: str) -> Aspect:
    return next(one for one in answer.aspects if one.id == name)


def winners(answer: WhatIf) -> dict[str, Winner]:
    """Aspect → the better side."""
    return {one.id: one.winner for one in answer.aspects}
