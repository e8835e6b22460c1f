"""Where services may run: pins, constraints, replicas that find room, builds beside production."""

from __future__ import annotations

from quorate.fleet.compose import EXTENSION
from quorate.fleet.constraints import ENGINE_NAMES, Constraint, allows, parse_constraint
from quorate.fleet.families import is_runner
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Mode, Service
from quorate.fleet.problems import did_you_mean

_CONSTRAINTS = ("deploy", "placement", "constraints")


def lint(context: Context) -> None:
    """Report services that find no server, and those that find the wrong one."""
    for service in context.swarm_services:
        _pins(context, service)
        _constraints(context, service)
        _replicas(context, service)
        _builds(context, service)


def _pins(context: Context, service: Service) -> None:
    if context.view(service).value(EXTENSION, "pin") is None:
        return
    known = True
    for pin in service.pins:
        if pin.lower() not in context.server_names:
            known = False
            names = [server.name for server in context.fleet.servers]
            what = f"`{service.id}` is pinned to the unknown server `{pin}`"
            mark = context.mark(service, EXTENSION, "pin")
            context.problems.add("Q304", mark, what + did_you_mean(pin, names))
    if known and service.pins and not context.eligible(service):
        context.problems.add(
            "Q307",
            context.mark(service, EXTENSION, "pin"),
            f"`{service.id}` is pinned to {', '.join(service.pins)}, which its constraints forbid",
        )


def _constraints(context: Context, service: Service) -> None:
    servers = context.fleet.servers
    for index, text in enumerate(service.constraints):
        mark = context.mark(service, *_CONSTRAINTS, index)
        try:
            constraint = parse_constraint(text)
        except ValueError as error:
            context.problems.add("Q521", mark, str(error))
            continue
        if not servers or any(allows(constraint, server) for server in servers):
            continue
        label = constraint.label
        if label is not None and not any(label in server.labels for server in servers):
            labels = {name for server in servers for name in server.labels}
            what = f"`{service.id}` asks for the label `{label}`, which no server has"
            context.problems.add("Q515", mark, what + did_you_mean(label, labels))
        else:
            context.problems.add("Q514", mark, _unmet(context, service, constraint))


def _unmet(context: Context, service: Service, constraint: Constraint) -> str:
    text = f"{constraint.key}{'==' if constraint.equal else '!='}{constraint.value}"
    names = [server.name for server in context.fleet.servers]
    meant = did_you_mean(constraint.value, names) if constraint.key == "node.hostname" else ""
    if constraint.key == "node.platform.arch" and constraint.value.lower() in ENGINE_NAMES:
        meant = f": engines call it {ENGINE_NAMES[constraint.value.lower()]}"
    return f"no server meets the constraint `{text}` of `{service.id}`{meant}"


def _replicas(context: Context, service: Service) -> None:
    most = service.max_replicas_per_node
    if not most or service.mode is not Mode.REPLICATED:
        return
    mark = context.mark(service, "deploy", "placement", "max_replicas_per_node")
    servers, survive = len(context.eligible(service)), context.fleet.policy.survive
    if not servers:
        return
    if service.replicas > most * servers:
        context.problems.add(
            "Q518",
            mark,
            f"`{service.id}` has {service.replicas} replicas, at most {most} on each of "
            f"{servers} servers",
        )
    elif survive and service.replicas > most * (servers - survive):
        left = max(0, servers - survive)
        context.problems.add(
            "Q510",
            mark,
            f"`{service.id}` has {service.replicas} replicas, at most {most} per server, and "
            f"after losing {survive} of {servers} servers {left} are left",
        )


def _builds(context: Context, service: Service) -> None:
    runner = is_runner(service.image)
    production = context.fleet.policy.production_classes
    if not runner and not (service.load.spiky and service.workload_class == "ci"):
        return
    if service.workload_class in production and not runner:
        return
    guarded = {
        rule.away_from
        for rule in context.fleet.policy.isolation
        if rule.spiky == service.workload_class and service.load.spiky
    }
    everywhere = service.mode is Mode.GLOBAL
    if guarded & set(production) and not everywhere:
        return
    beside = _production_servers(context, service)
    if beside:
        context.problems.add(
            "Q509",
            context.mark(service, "image"),
            f"`{service.id}` runs builds and may run on {', '.join(beside)}, beside production",
        )


def _production_servers(context: Context, service: Service) -> list[str]:
    """The servers a service may share with production; those production is bound to first.

    A production service that may run anywhere binds no server: only when all of
    them may, every server counts.
    """
    production = context.fleet.policy.production_classes
    mine = {server.name for server in context.eligible(service)}
    everyone = len(context.fleet.servers)
    bound: set[str] = set()
    anywhere = False
    for other in context.fleet.services:
        if other.workload_class not in production or other.id == service.id:
            continue
        servers = {server.name for server in context.eligible(other)}
        if len(servers) < everyone:
            bound |= servers
        else:
            anywhere = True
    return sorted(mine & bound) or (sorted(mine) if anywhere and not bound else [])
