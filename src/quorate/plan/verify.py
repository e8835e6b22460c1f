"""Check a plan against the fleet's rules, from the definitions, sharing no code with the solver.

Used by tests on every plan and by `deploy` before anything changes. Written
against the fleet itself, in bytes and threads, on purpose: a mistake in the
model's arithmetic or rules shows here.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from quorate.fleet.model import Engine, Fleet, Mode, Server, Service
from quorate.plan.model import Placement, Plan


def violations(fleet: Fleet, plan: Plan) -> tuple[str, ...]:
    """Every hard rule the plan breaks, in words; empty when it keeps them all."""
    found = list(_complete(fleet, plan))
    if found:
        return tuple(found)
    for check in (_own_rules, _copies, _capacity, _pairs, _volumes, _ports, _pools):
        found.extend(check(fleet, plan))
    return tuple(found)


def _complete(fleet: Fleet, plan: Plan) -> Iterator[str]:
    known = {server.name for server in fleet.servers}
    for service in fleet.services:
        placement = plan.services.get(service.id)
        wanted = _tasks(fleet, service)
        if placement is None:
            if wanted:
                yield f"{service.id} is not in the plan"
            continue
        if len(placement.homes) != wanted:
            yield f"{service.id} has {len(placement.homes)} homes for {wanted} tasks"
        for name in {*placement.homes, *placement.pool} - known:
            yield f"{service.id} is planned on {name}, which is not in the fleet"
    for name in plan.services.keys() - {service.id for service in fleet.services}:
        yield f"{name} is in the plan, not in the fleet"


def _own_rules(fleet: Fleet, plan: Plan) -> Iterator[str]:
    for service, placement in _placed(fleet, plan):
        for name in dict.fromkeys((*placement.homes, *placement.pool)):
            if not _admits(fleet, service, fleet.server(name)):
                yield f"{service.id} must not be on {name}: its pin or a constraint forbids it"


def _copies(fleet: Fleet, plan: Plan) -> Iterator[str]:
    for service, placement in _placed(fleet, plan):
        if service.engine is Engine.COMPOSE or _is_global(service) or not placement.homes:
            continue
        admitted = sum(_admits(fleet, service, server) for server in fleet.servers)
        most = -(-service.replicas // max(1, admitted))
        if service.max_replicas_per_node:
            most = min(most, service.max_replicas_per_node)
        for name, tasks in Counter(placement.homes).items():
            if tasks > most:
                yield f"{service.id} has {tasks} tasks on {name}, at most {most} are allowed"


def _capacity(fleet: Fleet, plan: Plan) -> Iterator[str]:
    for server in fleet.servers:
        used: Counter[str] = Counter()
        outside: Counter[str] = Counter(
            memory=server.reserved_memory, disk=sum(item.disk for item in server.reserved)
        )
        work = server.reserved_cpus
        for service, placement in _placed(fleet, plan):
            tasks = placement.homes.count(server.name)
            keeps = service.state.keeps_data or any(v.local_data for v in service.volumes)
            disk = service.data_size * tasks if keeps else 0
            if service.engine is Engine.COMPOSE:
                outside["memory"] += service.load.memory * tasks
                outside["disk"] += disk
                work += service.load.cpu * tasks
                continue
            used["memory to reserve"] += service.reservation_memory * tasks
            used["memory"] += service.load.memory * tasks
            used["disk"] += disk
            used["CPU to reserve"] += round(service.reservation_cpus * tasks * 1e6)
            used["CPU"] += round(service.load.cpu * tasks * 1e6)
        policy = fleet.policy
        memory = server.memory * (1 - policy.headroom_memory) - outside["memory"]
        power = server.cpus * server.speed * (1 - policy.headroom_cpu) - work
        threads = server.cpus * (1 - policy.headroom_cpu) - work / server.speed
        bounds = {
            "memory to reserve": memory,
            "memory": memory,
            "CPU to reserve": threads * 1e6,
            "CPU": power * 1e6,
        }
        if server.disks:
            bounds["disk"] = server.disk - outside["disk"]
        for what, bound in bounds.items():
            if used[what] > max(0.0, bound) + 1:
                yield f"{server.name} has too little {what}: {used[what]:.0f} of {bound:.0f}"


def _pairs(fleet: Fleet, plan: Plan) -> Iterator[str]:
    for service, placement in _placed(fleet, plan):
        mine = set(placement.homes)
        for name in service.near:
            other = _named(fleet, service, name)
            if other is None or other.id not in plan.services:
                continue
            theirs = set(plan.services[other.id].homes)
            if not _together(fleet, service, other, mine, theirs):
                yield f"{service.id} must be near {other.id}"
        for name in service.apart:
            other = _named(fleet, service, name)
            if other is None or other.id not in plan.services:
                continue
            if other.id == service.id:
                if len(mine) < len(placement.homes):
                    yield f"{service.id} has two replicas on one server"
            elif mine & set(plan.services[other.id].homes):
                yield f"{service.id} must be apart from {other.id}"


def _together(
    fleet: Fleet, first: Service, second: Service, mine: set[str], theirs: set[str]
) -> bool:
    """Wherever the one with fewer tasks runs, the other runs too."""
    if not mine or not theirs:
        return True
    if _tasks(fleet, first) == _tasks(fleet, second):
        # A service whose servers are given cannot follow the other.
        return (mine <= theirs or _fixed(first)) and (theirs <= mine or _fixed(second))
    if _tasks(fleet, first) < _tasks(fleet, second):
        return mine <= theirs or _fixed(first)
    return theirs <= mine or _fixed(second)


def _volumes(fleet: Fleet, plan: Plan) -> Iterator[str]:
    sections = {files.stack: files.volumes for files in fleet.files}
    users: dict[str, list[tuple[Service, bool]]] = {}
    for service in fleet.swarm_services():
        for use in service.volumes:
            if use.kind == "volume" and use.source is not None:
                section = sections.get(service.stack, {}).get(use.source) or {}
                name = section.get("name")
                if not name:
                    prefix = "" if section.get("external") else f"{service.stack}_"
                    name = f"{prefix}{use.source}"
                users.setdefault(str(name), []).append((service, use.read_only))
    for volume, sharers in users.items():
        if all(read_only for _, read_only in sharers):
            continue
        services = list({service.id: service for service, _ in sharers}.values())
        for first, second in pairwise(services):
            mine, theirs = (
                set(plan.services[s.id].homes) if s.id in plan.services else set()
                for s in (first, second)
            )
            if not _together(fleet, first, second, mine, theirs):
                yield f"{first.id} and {second.id} share the volume {volume} on different servers"


def _ports(fleet: Fleet, plan: Plan) -> Iterator[str]:
    ingress: Counter[str] = Counter()
    for service, _ in _placed(fleet, plan):
        ingress.update(
            {
                f"{port.published}/{port.protocol}"
                for port in service.ports
                if port.published
                and port.mode == "ingress"
                and service.engine is not Engine.COMPOSE
            }
        )
    for name, times in ingress.items():
        if times > 1:
            yield f"ingress port {name} is published by {times} services"
    for server in fleet.servers:
        taken: Counter[str] = Counter()
        given: set[str] = set()
        for service, placement in _placed(fleet, plan):
            tasks = placement.homes.count(server.name)
            for port in {(p.published, p.protocol, p.mode) for p in service.ports if p.published}:
                name = f"{port[0]}/{port[1]}"
                if service.engine is Engine.COMPOSE or (port[2] == "host" and _is_global(service)):
                    given.update({name} if tasks else ())
                elif port[2] == "host":
                    taken[name] += tasks
        for name, tasks in taken.items():
            if tasks > 1 or (tasks and name in given):
                yield f"host port {name} is published more than once on {server.name}"


def _pools(fleet: Fleet, plan: Plan) -> Iterator[str]:
    del fleet
    for placement in plan.services.values():
        if not set(placement.homes) <= set(placement.pool):
            yield f"{placement.id} has a home outside its pool"
        if placement.homes and placement.home != placement.homes[0]:
            yield f"{placement.id}: home is not the first of its homes"


def _placed(fleet: Fleet, plan: Plan) -> Iterator[tuple[Service, Placement]]:
    for service in fleet.services:
        if service.id in plan.services:
            yield service, plan.services[service.id]


def _tasks(fleet: Fleet, service: Service) -> int:
    if service.engine is Engine.COMPOSE:
        servers = {server.name for server in fleet.servers}
        stack = next(stack for stack in fleet.stacks if stack.name == service.stack)
        return max(1, service.replicas) if stack.server in servers else 0
    if _is_global(service):
        return sum(_admits(fleet, service, server) for server in fleet.servers)
    return service.replicas


def _is_global(service: Service) -> bool:
    return service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB)


def _fixed(service: Service) -> bool:
    return service.engine is Engine.COMPOSE or _is_global(service)


def _named(fleet: Fleet, service: Service, name: str) -> Service | None:
    for candidate in (f"{service.stack}/{name}", name):
        try:
            return fleet.service(candidate)
        except KeyError:
            continue
    return None


def _admits(fleet: Fleet, service: Service, server: Server) -> bool:
    if service.engine is Engine.COMPOSE:
        stack = next(stack for stack in fleet.stacks if stack.name == service.stack)
        return stack.server == server.name
    if service.pins and server.name not in service.pins:
        return False
    return all(_satisfied(expression, server) for expression in service.constraints)


def _satisfied(expression: str, server: Server) -> bool:
    operator = "!=" if "!=" in expression else "=="
    key, _, wanted = (part.strip() for part in expression.partition(operator))
    wanted = wanted.lower()
    if key.startswith("node.labels."):
        actual = server.labels.get(key.removeprefix("node.labels."), "").lower()
        return (actual == wanted) == (operator == "==")
    # Engines report x86_64 and aarch64; the label may say it as images do.
    processor = {"amd64": "x86_64", "arm64": "aarch64"}
    label = server.labels.get("arch", "amd64").lower()
    figures = {
        "node.hostname": server.name.lower(),
        "node.role": server.role.value,
        "node.platform.os": "linux",
        "node.platform.arch": processor.get(label, label),
    }
    if key == "node.ip":
        try:
            inside = ipaddress.ip_address(server.address) in ipaddress.ip_network(wanted, False)
        except ValueError:
            return True
        return inside == (operator == "==")
    if key == "node.id" or key.startswith("engine.labels."):
        return True
    if key not in figures:
        return False
    return (figures[key] == wanted) == (operator == "==")
