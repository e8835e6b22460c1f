"""What would make a loss survivable: more on a server, a smaller reservation, a replica less.

Each cure is tried: the changed fleet, its services at home where they are, loses
the same servers in the model, and what is told is the least that then holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from quorate.fleet.model import Fleet, Role, Server, Service
from quorate.plan.model import LossOutcome, Plan, Survival
from quorate.plan.occupancy import Occupancy
from quorate.plan.pool import pools
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.scene import scene
from quorate.plan.survive import replay
from quorate.plan.use import uses
from quorate.plan.words import MIB, listed, size, threads

MOST_LOSSES = 6
"""Losses for which cures are looked for; the others are much alike."""

MOST_TRIALS = 100
"""Replays for one loss."""

MOST_SIZE = 20_000
"""Services times servers; of larger fleets no cures are looked for: one try takes too long."""

MOST_SERVICES = 4
MOST_SERVERS = 4
GIB = 1024 * MIB
MEMORY_STEP = 64 * MIB
CPU_STEP = 0.05


def with_cures(fleet: Fleet, plan: Plan, survival: Survival) -> Survival:
    """The same, with cures for the first losses that are not survived."""
    if len(fleet.services) * len(fleet.servers) > MOST_SIZE:
        return survival
    left = MOST_LOSSES
    losses = []
    for loss in survival.losses:
        if not loss.holds and left:
            left -= 1
            loss = loss.model_copy(update={"cures": cures(fleet, plan, loss)})
        losses.append(loss)
    return survival.model_copy(update={"losses": tuple(losses)})


def cures(fleet: Fleet, plan: Plan, loss: LossOutcome) -> tuple[str, ...]:
    """What would help after a loss, each tried; at most one of a kind."""
    trial = _Trial(fleet, plan, loss)
    if not loss.quorum:
        return tuple(_more_managers(trial))
    kinds: tuple[Callable[[_Trial], Iterator[str]], ...] = (
        _larger_server,
        _smaller_reservation,
        _replica_less,
    )
    return tuple(text for kind in kinds for text in kind(trial))


class _Trial:
    """Replays of one loss, at most so many. `short`: the services that it leaves pending."""

    def __init__(self, fleet: Fleet, plan: Plan, loss: LossOutcome) -> None:
        self.fleet, self.plan, self.loss = fleet, plan, loss
        self.left = MOST_TRIALS
        names = [*loss.pending, *loss.at_risk][:MOST_SERVICES]
        self.short = [service for service in fleet.services if service.id in names]

    def holds(self, fleet: Fleet, homes: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Whether the loss is survived by a changed fleet with the same homes, but for `homes`."""
        if self.left <= 0:
            return False
        self.left -= 1
        plan = moved_in(fleet, self.plan, homes or {})
        return replay(scene(fleet, plan), self.loss.servers).holds

    def least(self, most: int, fleet: Callable[[int], Fleet]) -> int | None:
        """The least number of steps, from 1 to `most`, that holds; None when none does."""
        if most < 1 or not self.holds(fleet(most)):
            return None
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.holds(fleet(middle)) else (middle, high)
        # Out of tries it holds too, but may be far more than it takes.
        return high if self.left > 0 else None


def moved_in(fleet: Fleet, plan: Plan, homes: Mapping[str, tuple[str, ...]]) -> Plan:
    """The plan of a changed fleet with everything where it was, but for the services in `homes`."""
    problem = build(fleet)
    now = {name: homes.get(name, placement.homes) for name, placement in plan.services.items()}
    counts = _counts(problem, now)
    chosen = pools(Occupancy(problem, counts))
    names = [server.name for server in fleet.servers]
    services = {
        name: placement.model_copy(
            update={
                "homes": now[name],
                "pool": tuple(sorted(names[host] for host in chosen[name].hosts)),
                "movable": chosen[name].movable,
                "outgrown": chosen[name].outgrown,
            }
        )
        for name, placement in plan.services.items()
    }
    return plan.model_copy(
        update={"services": services, "servers": uses(Occupancy(problem, counts))}
    )


def _counts(problem: Problem, homes: Mapping[str, Sequence[str]]) -> Counts:
    return [
        [homes[item.service.id].count(host.server.name) for host in problem.hosts]
        for item in problem.items
    ]


def _server(fleet: Fleet, server: Server, **fields: object) -> Fleet:
    changed = server.model_copy(update=fields)
    return fleet.model_copy(
        update={"servers": tuple(changed if s.name == server.name else s for s in fleet.servers)}
    )


def _service(fleet: Fleet, service: Service, **fields: object) -> Fleet:
    changed = service.model_copy(update=fields)
    return fleet.model_copy(
        update={"services": tuple(changed if s.id == service.id else s for s in fleet.services)}
    )


def _with_memory(fleet: Fleet, server: Server, steps: int) -> Fleet:
    return _server(fleet, server, memory=server.memory + steps * GIB)


def _with_threads(fleet: Fleet, server: Server, steps: int) -> Fleet:
    return _server(fleet, server, cpus=server.cpus + steps)


def _reserving_less_memory(fleet: Fleet, service: Service, steps: int) -> Fleet:
    return _service(fleet, service, reservation_memory=_memory(service) - steps * MEMORY_STEP)


def _reserving_less_cpu(fleet: Fleet, service: Service, steps: int) -> Fleet:
    return _service(fleet, service, reservation_cpus=_cpus(service) - steps * CPU_STEP)


def _memory(service: Service) -> int:
    return service.reservation_memory or service.load.memory


def _cpus(service: Service) -> float:
    return service.reservation_cpus or service.load.cpu


def _larger_server(trial: _Trial) -> Iterator[str]:
    """The server that needs the least more: GiB of memory, or else threads."""
    fleet, loss, plan = trial.fleet, trial.loss, trial.plan
    left = [server for server in fleet.servers if server.name not in loss.servers]
    left.sort(key=lambda server: -plan.servers[server.name].memory.free)
    lost = sum(
        _memory(service) * plan.services[service.id].homes.count(name)
        for service in trial.short
        for name in loss.servers
    )
    over = sum(used - s.memory for s in left if (used := loss.overfull.get(s.name)))
    most = 2 * -(-(lost + over) // GIB) + 1
    found = {
        server.name: steps
        for server in left[:MOST_SERVERS]
        if (steps := trial.least(most, partial(_with_memory, fleet, server)))
    }
    if found:
        name = min(found, key=lambda name: found[name])
        yield f"{found[name]} GiB more memory on {name}"
        return
    for server in left[:MOST_SERVERS]:
        more = trial.least(int(server.cpus) + 1, partial(_with_threads, fleet, server))
        if more:
            yield f"{threads(1000 * more)} more on {server.name}"
            return


def _smaller_reservation(trial: _Trial) -> Iterator[str]:
    """The greatest reservation of one of the services with which all are placed."""
    for service in trial.short:
        memory, load = _memory(service), service.load.memory
        most = (memory - 1) // MEMORY_STEP
        steps = trial.least(most, partial(_reserving_less_memory, trial.fleet, service))
        if steps:
            less = memory - steps * MEMORY_STEP
            text = f"{size(less / MIB)} reserved by {service.id} instead of {size(memory / MIB)}"
            yield text + (f" (less than its load, {size(load / MIB)})" if less < load else "")
            return
    for service in trial.short:
        cpus = _cpus(service)
        most = int(cpus / CPU_STEP + 1e-6) - 1
        steps = trial.least(most, partial(_reserving_less_cpu, trial.fleet, service))
        if steps:
            less_cpu = threads(1000 * (cpus - steps * CPU_STEP))
            yield f"{less_cpu} reserved by {service.id} instead of {threads(1000 * cpus)}"
            return


def _replica_less(trial: _Trial) -> Iterator[str]:
    """One task less of a service, the one on a server that is named."""
    for service in trial.short:
        homes = trial.plan.services[service.id].homes
        if service.replicas < 2:
            continue
        fleet = _service(trial.fleet, service, replicas=service.replicas - 1)
        for name in sorted(set(homes), key=lambda name: (name in trial.loss.servers, name)):
            rest = list(homes)
            rest.remove(name)
            if trial.holds(fleet, {service.id: tuple(rest)}):
                yield (
                    f"{service.replicas - 1} instead of {service.replicas} replicas of "
                    f"{service.id}, without the one on {name}"
                )
                return


def _more_managers(trial: _Trial) -> Iterator[str]:
    """The fewest workers that, as managers, leave a majority."""
    workers = [server for server in trial.fleet.servers if server.role is Role.WORKER]
    workers.sort(key=lambda server: server.name in trial.loss.servers)
    fleet = trial.fleet
    for number, worker in enumerate(workers, start=1):
        fleet = _server(fleet, worker, role=Role.MANAGER)
        if replay(scene(fleet, trial.plan), trial.loss.servers).quorum:
            names = listed([server.name for server in workers[:number]], most=9)
            yield f"{names} as {'managers' if number > 1 else 'a manager'} too"
            return
