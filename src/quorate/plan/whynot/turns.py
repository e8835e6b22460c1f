"""Single figures that make the planner prefer a server, found by trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from quorate.errors import QuorateError
from quorate.fleet.model import Fleet, Service
from quorate.plan.problem import CPU, MEMORY, RESERVED_MEMORY
from quorate.plan.solve import make_plan
from quorate.plan.whatif.side import side_of
from quorate.plan.whynot.capacity import FACTOR, capacity, least, units_of
from quorate.plan.whynot.model import Turn
from quorate.plan.whynot.there import There, with_server

MOST_DAYS = 3650


def goes_there(fleet: Fleet, service: Service, target: str, time_limit: float) -> bool:
    """Whether the planner, asked anew, puts a task of it there."""
    try:
        plan = make_plan(fleet, time_limit=time_limit)
    except QuorateError:
        return False
    return target in plan.services[service.id].homes


def turns_of(there: There, service: Service, limit: float, *, small: bool) -> Iterator[Turn]:
    """Single figures of the server that make it the better one."""
    server = there.fleet.server(there.target)
    days = int(server.uptime_days or 0)

    def memory(units: int) -> Mapping[str, object]:
        return capacity(server, RESERVED_MEMORY, units)

    def cpus(units: int) -> Mapping[str, object]:
        return capacity(server, CPU, units)

    def uptime(units: int) -> Mapping[str, object]:
        return {"uptime_days": float(units)}

    gib, cores = units_of(server, MEMORY), units_of(server, CPU)
    tried = (
        (f"memory of {there.target}", "GiB", gib, gib * FACTOR, memory),
        (f"CPU threads of {there.target}", "threads", cores, cores * FACTOR, cpus),
        (f"uptime of {there.target}", "days", days, max(MOST_DAYS, days + 1), uptime),
    )
    for what, unit, now, most, update in tried:

        def fleet(units: int, update: Callable[[int], Mapping[str, object]] = update) -> Fleet:
            return with_server(there.fleet, there.target, **update(units))

        def better(units: int, fleet: Callable[[int], Fleet] = fleet) -> bool:
            changed = fleet(units)
            moved = side_of(changed, {**there.homes, **there.at()})
            return moved.price.total() < side_of(changed, there.homes).price.total()

        needed = least(now, most, better)
        if needed is not None:
            checked = small and goes_there(fleet(needed), service, there.target, limit)
            yield Turn(what=what, unit=unit, now=now, needed=needed, verified=checked)
