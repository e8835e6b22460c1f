"""A plan file that somebody names."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from quorate.errors import StalePlanError, UsageError
from quorate.fleet.model import Fleet
from quorate.plan.model import Plan


def read_plan(path: Path) -> Plan:
    """The plan in a file that `quorate plan -o` wrote.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    try:
        return Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} is not a plan file",
            cause=str(error).splitlines()[0],
            todo="write one with `quorate plan -o FILE`",
        ) from error


def planned(desired: Fleet, plan: Path | None, time_limit: float | None, *, verb: str) -> Plan:
    """The plan in a file, or, where none is named, one made now.

    Args:
        time_limit: seconds to search for a placement; None: by the fleet's size.
        verb: the command that asks, for what an error says.

    Raises:
        StalePlanError: the plan was made from other files.
    """
    from quorate.plan.solve import make_plan

    if plan is None:
        return make_plan(desired, time_limit=time_limit)
    made = read_plan(plan)
    if made.fleet_digest != desired.digest:
        raise StalePlanError(
            f"{plan} was made from other files than {desired.path}",
            cause="they have changed since, or the plan is of another fleet",
            todo=f"plan again, or {verb} without --plan",
        )
    return made
