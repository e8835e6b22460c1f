"""Put a plan together from the solver's answer: homes, pools, reasons, bars, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from quorate.fleet.model import Engine, Service
from quorate.plan.cost import costs
from quorate.plan.explain import Explainer
from quorate.plan.model import Placement, Plan, Survival, snapshot_of
from quorate.plan.moves import ExactMoves, Moves
from quorate.plan.occupancy import Occupancy
from quorate.plan.pool import Pool, pools
from quorate.plan.problem import GLOBAL_MODES, RESOURCES, Problem, is_large
from quorate.plan.rules import all_rules, figure
from quorate.plan.survive import survival
from quorate.plan.survive_words import verdict
from quorate.plan.survive_words import warnings as survival_warnings
from quorate.plan.use import uses

if TYPE_CHECKING:
    from quorate.plan.solve import Solution


ONE_BY_ONE = 1_000
"""Items × hosts from which alternatives are priced on arrays: the same figures, without
evaluating the whole fleet for each; below, importing NumPy would take longer."""


def assemble(problem: Problem, solution: Solution, *, made_at: str = "") -> Plan:
    """The plan of an answer."""
    there = Occupancy(problem, solution.counts)
    chosen = pools(there)
    large = is_large(problem)
    explainer = Explainer(there, moves(there), brief=large)
    names = Names(problem)
    services = {
        service.id: _placement(names, service, chosen[service.id], explainer)
        for service in problem.fleet.services
        if chosen[service.id].hosts
    }
    gap = abs(solution.objective - solution.bound) / max(1.0, abs(solution.objective))
    plan = Plan(
        fleet=problem.fleet.name,
        fleet_digest=problem.fleet.digest,
        made_at=made_at,
        status=solution.status,
        objective=solution.objective,
        bound=solution.bound,
        gap=round(gap, 6),
        seconds=round(solution.seconds, 3),
        stopped=solution.stopped,
        services=services,
        servers=uses(there),
        snapshot=snapshot_of(
            {
                service: [problem.hosts[host].server.name for host in where]
                for service, where in problem.current.items()
            },
            [host.server.name for host in problem.hosts],
        ),
    )
    survived = _survived(problem, plan)
    warned = (*survival_warnings(survived), *_too_many(problem), *_warnings(problem, chosen))
    return plan.model_copy(update={"survival": survived, "warnings": warned})


def _survived(problem: Problem, plan: Plan) -> Survival | None:
    """What `policy.survive` asks about; of as many servers as there are, one is left."""
    asked = problem.fleet.policy.survive
    if asked <= 0:
        return None
    found = survival(problem.fleet, plan, min(asked, len(problem.hosts) - 1))
    if not found.holds:
        from quorate.plan.cure import with_cures

        found = with_cures(problem.fleet, plan, found)
    return found.model_copy(update={"text": verdict(found)})


def _too_many(problem: Problem) -> Iterator[str]:
    asked, servers = problem.fleet.policy.survive, len(problem.hosts)
    if asked >= servers > 1:
        yield (
            f"policy.survive is {asked}, but of {servers} servers no more than {servers - 1} "
            f"can be lost: what follows a loss of {servers - 1} is what was replayed"
        )


def moves(there: Occupancy) -> Moves:
    """What looks at the alternatives of a placement; on arrays where the fleet is large."""
    problem = there.problem
    if len(problem.items) * len(problem.hosts) < ONE_BY_ONE:
        return ExactMoves(there, all_rules(problem), costs(problem))
    from quorate.plan.bulk.moves import TOLD, BulkMoves

    return BulkMoves(there, told=TOLD if is_large(problem) else None)


class Names:
    """The servers' names by host."""

    def __init__(self, problem: Problem) -> None:
        self._names = [host.server.name for host in problem.hosts]
        self._sorted: dict[tuple[int, ...], tuple[str, ...]] = {}

    def of(self, hosts: tuple[int, ...]) -> tuple[str, ...]:
        """Sorted; one tuple for all that ask for the same hosts."""
        if hosts not in self._sorted:
            self._sorted[hosts] = tuple(sorted(self._names[host] for host in hosts))
        return self._sorted[hosts]


def _placement(names: Names, service: Service, pool: Pool, explainer: Explainer) -> Placement:
    at = names.of(explainer.there.homes(service))
    where = names.of(pool.hosts)
    explanation = explainer.explain(service, pool)
    return Placement(
        id=service.id,
        stack=service.stack,
        name=service.name,
        mode=service.mode.value,
        home=at[0] if at else explainer.problem.hosts[pool.hosts[0]].server.name,
        homes=at,
        pool=where,
        pinned=bool(service.pins),
        movable=pool.movable,
        outgrown=pool.outgrown,
        reasons=explanation.reasons,
        rejected=explanation.rejected,
        rejected_more=explanation.rejected_more,
        assumed=service.assumed,
    )


def _warnings(problem: Problem, chosen: dict[str, Pool]) -> Iterator[str]:
    for service in problem.fleet.services:
        if not chosen[service.id].hosts:
            why = (
                f"its server is not in the fleet file ({service.stack})"
                if service.engine is Engine.COMPOSE
                else "no server satisfies its constraints"
            )
            yield f"{service.id} runs nowhere: {why}"
        elif service.replicas == 0 and service.mode not in GLOBAL_MODES:
            yield f"{service.id} is scaled to 0 replicas: not placed"
        for expression in service.constraints:
            if problem.unclear(expression):
                yield (
                    f"{service.id}: the fleet file cannot tell which servers satisfy "
                    f"{expression}: taken as satisfied everywhere"
                )
    for host in problem.hosts:
        for resource, name in enumerate(RESOURCES):
            outside, total = host.outside[resource], host.total[resource]
            if outside > total and (host.disk_known or name != "disk"):
                yield (
                    f"{host.server.name}: what runs outside Swarm takes {figure(resource, outside)}"
                    f" of {figure(resource, total)} {name}: nothing is placed there that needs any"
                )
    yield from _port_clashes(problem)


def _port_clashes(problem: Problem) -> Iterator[str]:
    """A port published by the ingress network is taken on every server."""
    ingress: dict[tuple[str, int], str] = {}
    direct: list[tuple[tuple[str, int], str]] = []
    for service in problem.fleet.services:
        for port in service.ports:
            if port.published:
                key = (port.protocol, port.published)
                if port.mode == "host" or service.engine is Engine.COMPOSE:
                    direct.append((key, service.id))
                else:
                    ingress[key] = service.id
    for key, name in direct:
        if key in ingress:
            yield (
                f"{name} publishes port {key[1]}/{key[0]} on its server, where the ingress "
                f"network already publishes it for {ingress[key]}: one of them will not start"
            )
