"""Quorate beside simple schedulers on fleets of growing size, in one run on one fleet.

Everything is priced by the planner's own evaluation (on arrays; that both are equal is
tested) and checked by `plan.verify`, which shares no code with any of them.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import estate, estate_files
from benchmarks.baselines import all_of
from quorate.fleet.read import read_fleet
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.model import Placement, Plan
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.solve import solve
from quorate.plan.verify import violations

SIZES = (100, 1_000, 10_000, 20_000)
LIMITS = (30.0, 60.0)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One planner on one fleet. `violations` are hard rules broken, `left` tasks not placed.

    `bound` and `gap` where the planner gives any; `seconds` to its answer; `first`, when its
    first placement was there; `peak_memory` of the whole process so far, in bytes.
    """

    replicas: int
    servers: int
    services: int
    planner: str
    cost: int
    violations: int
    left: int
    seconds: float
    peak_memory: int
    bound: float | None = None
    gap: float | None = None
    first: float | None = None
    status: str = ""


def rows(replicas: int, place: Path, *, limits: tuple[float, ...] = LIMITS) -> list[Row]:
    """Every planner on the estate of that size."""
    path = estate_files.write(estate.make(replicas=replicas).fleet, place / str(replicas))
    problem = build(read_fleet(path))
    found = [_quorate(problem, replicas, limit) for limit in limits]
    for baseline in all_of(problem):
        found.append(
            _row(
                problem,
                replicas,
                baseline.name,
                baseline.counts,
                left=baseline.left,
                seconds=baseline.seconds,
            )
        )
    return found


def apart(replicas: int, place: Path) -> list[Row]:
    """The same in a process of its own, so that memory is counted for one size alone."""
    argv = [sys.executable, "-m", "benchmarks.scale", str(replicas), str(place)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    return [Row(**row) for row in json.loads(done.stdout)]


def _quorate(problem: Problem, replicas: int, limit: float) -> Row:
    started = time.perf_counter()
    first: list[float] = []

    def tell(cost: float, bound: float) -> None:
        if not first:
            first.append(time.perf_counter() - started)

    solution = solve(problem, time_limit=limit, on_solution=tell)
    return _row(
        problem,
        replicas,
        f"Quorate, {limit:.0f} s",
        solution.counts,
        seconds=time.perf_counter() - started,
        bound=solution.bound,
        first=first[0] if first else None,
        status=solution.status,
    )


def _row(
    problem: Problem,
    replicas: int,
    planner: str,
    counts: Counts,
    *,
    seconds: float,
    left: int = 0,
    bound: float | None = None,
    first: float | None = None,
    status: str = "",
) -> Row:
    cost = Ledger(problem, counts).price().total()
    broken = violations(problem.fleet, as_plan(problem, counts)) if not left else ()
    return Row(
        replicas=replicas,
        servers=len(problem.hosts),
        services=len(problem.fleet.services),
        planner=planner,
        cost=cost,
        violations=len(broken),
        left=left,
        seconds=round(seconds, 2),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        bound=bound,
        gap=None if bound is None else round((cost - bound) / max(1, cost), 4),
        first=None if first is None else round(first, 2),
        status=status,
    )


def as_plan(problem: Problem, counts: Counts) -> Plan:
    """A bare plan of a placement, for the checks: nobody may move."""
    names = [host.server.name for host in problem.hosts]
    homes = {
        item.service.id: tuple(
            sorted(names[h] for h, tasks in enumerate(row) for _ in range(tasks))
        )
        for item, row in zip(problem.items, counts, strict=True)
    }
    homes |= {f.service.id: tuple(sorted(names[h] for h in f.hosts)) for f in problem.fixed}
    return Plan(
        fleet=problem.fleet.name,
        fleet_digest=problem.fleet.digest,
        made_at="",
        status="feasible",
        objective=0,
        bound=0,
        services={
            s.id: Placement(
                id=s.id,
                stack=s.stack,
                name=s.name,
                home=homes[s.id][0],
                homes=homes[s.id],
                pool=tuple(dict.fromkeys(homes[s.id])),
            )
            for s in problem.fleet.services
            if homes.get(s.id)
        },
        servers={},
    )


if __name__ == "__main__":
    found = rows(int(sys.argv[1]), Path(sys.argv[2]))
    print(json.dumps([asdict(row) for row in found]))
