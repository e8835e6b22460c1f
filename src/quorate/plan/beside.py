"""The plan as measured beside the plan as declared, and the difference between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from quorate.errors import InfeasibleError
from quorate.fleet.model import Fleet
from quorate.measured.apply import as_measured
from quorate.measured.compare import left_alone, remarks
from quorate.measured.model import Measurement
from quorate.measured.suggest import suggest
from quorate.plan.model import (
    Difference,
    HomeChange,
    MeasuredPlan,
    Plan,
    ServerDifference,
    ServerUse,
    Side,
    Use,
    UseDifference,
)
from quorate.plan.whatif.side import side_of

Make = Callable[[Fleet], Plan]
"""Makes the plan of a fleet, as the one as declared was made."""


def beside(
    fleet: Fleet, declared: Plan, measurement: Measurement, make: Make, *, now: datetime
) -> Plan:
    """The plan as declared, with the one as measured and the difference put beside it.

    Nothing of the plan as declared changes: it is still the one that `up` deploys.

    Args:
        now: to tell an old measurement.
    """
    suggestions = suggest(fleet, measurement)
    other = as_measured(fleet, suggestions)
    conflict: tuple[str, ...] = ()
    plan: Plan | None = None
    try:
        plan = make(other)
    except InfeasibleError as error:
        conflict = (error.what, *error.conflict)
    measured = _side(plan) if plan else None
    same = side_of(other, _homes(declared))
    given = Side(
        status="given",
        objective=same.price.total(),
        homes=_homes(declared),
        servers=same.uses,
        broken=same.broken,
    )
    found = MeasuredPlan(
        source=measurement.source.kind,
        start=measurement.start.isoformat(timespec="seconds"),
        end=measurement.end.isoformat(timespec="seconds"),
        changed=tuple(suggestions),
        left=left_alone(fleet, measurement),
        as_declared=_side(declared),
        same_homes=given,
        as_measured=measured,
        conflict=conflict,
        difference=_difference(
            _side(declared),
            measured or given,
            # Priced alike, so that what moving costs is in neither.
            gain=None
            if plan is None
            else given.objective - side_of(other, _homes(plan)).price.total(),
        ),
        remarks=remarks(fleet, measurement, now),
    )
    return declared.model_copy(update={"measured": found})


def _homes(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {name: placement.homes for name, placement in plan.services.items()}


def _side(plan: Plan) -> Side:
    return Side(
        status=plan.status,
        objective=plan.objective,
        homes=_homes(plan),
        servers=plan.servers,
        warnings=plan.warnings,
    )


def _difference(declared: Side, other: Side, *, gain: float | None) -> Difference:
    return Difference(
        homes={
            name: HomeChange(declared=homes, measured=other.homes.get(name, ()))
            for name, homes in declared.homes.items()
            if other.homes.get(name, ()) != homes
        },
        servers=_servers(declared.servers, other.servers),
        gain=gain,
    )


def _servers(
    before: Mapping[str, ServerUse], after: Mapping[str, ServerUse]
) -> dict[str, ServerDifference]:
    return {
        name: ServerDifference(
            memory=_use(before[name].memory, after[name].memory),
            cpu=_use(before[name].cpu, after[name].cpu),
        )
        for name in before
    }


def _use(before: Use, after: Use) -> UseDifference:
    return UseDifference(
        reserved=round(after.reserved - before.reserved, 6),
        baseline=round(after.baseline - before.baseline, 6),
        peak=round(after.peak - before.peak, 6),
    )
