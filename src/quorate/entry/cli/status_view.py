"""How `quorate status` looks: servers with their bars, services by stack, troubles first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quorate.observe.health import Condition, ServiceHealth
from quorate.observe.servers import ServerHealth, ServerState
from quorate.observe.standing import Gravity, Standing

GIBIBYTE = 1024**3
BAR = 8
SHOWN_TROUBLES = 12

MARKS = {
    Condition.HEALTHY: "[green]✓[/]",
    Condition.DONE: "[green]✓[/]",
    Condition.STOPPED: "[dim]·[/]",
    Condition.STARTING: "[yellow]…[/]",
    Condition.PENDING: "[yellow]…[/]",
    Condition.UNKNOWN: "[yellow]?[/]",
    Condition.FAILING: "[red]✗[/]",
    Condition.MISSING: "[red]✗[/]",
}
GRAVITY = {
    Gravity.CRITICAL: "[bold red]✗[/]",
    Gravity.SERIOUS: "[red]![/]",
    Gravity.MINOR: "[yellow]·[/]",
}
STATES = {
    ServerState.READY: "[green]ready[/]",
    ServerState.DOWN: "[bold red]down[/]",
    ServerState.ABSENT: "[red]not in swarm[/]",
}


def view(standing: Standing, *, height: int | None = None) -> Group:
    """The whole state; with `height` (lines) healthy services give way to what is wrong."""
    parts: list[RenderableType] = [_title(standing), Text(), _servers(standing.servers)]
    if standing.compose:
        parts += [Text(), _compose(standing)]
    troubles = _troubles(standing, SHOWN_TROUBLES if height else None)
    if standing.troubles:
        parts += [Text(), troubles]
    used = (
        6
        + len(standing.servers)
        + len(standing.compose)
        + min(len(standing.troubles) * 2, SHOWN_TROUBLES * 2)
    )
    room = max(3, height - used) if height else None
    parts += [Text(), _services(standing.services, room)]
    if standing.own:
        said = ", ".join(
            f"{one.name} on {', '.join(one.where)}" for one in standing.own if one.running
        )
        if said:
            parts += [Text(), Text.from_markup(f"[dim]beside the stacks: {escape(said)}[/]")]
    if standing.strangers and not height:
        names = ", ".join(standing.strangers)
        parts += [Text(), Text.from_markup(f"[dim]not in the fleet file: {escape(names)}[/]")]
    return Group(*parts)


def _title(standing: Standing) -> Text:
    total = len(standing.services)
    ready = sum(s.state is ServerState.READY for s in standing.servers)
    colour = "green" if standing.healthy == total else "yellow"
    when = datetime.fromisoformat(standing.taken_at).astimezone()
    services = f"[{colour}]{standing.healthy} of {total} services healthy[/]"
    if not standing.swarm:
        services = "[bold red]no working swarm[/]"
    return Text.from_markup(
        f"[bold]{escape(standing.fleet)}[/]  {services}, "
        f"{ready} of {len(standing.servers)} servers ready  [dim]{when:%H:%M:%S}[/]"
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for column in columns:
        name, _, justify = column.partition("|")
        table.add_column(name, justify="right" if justify else "left", no_wrap=True)
    return table


def _servers(servers: Iterable[ServerHealth]) -> Table:
    table = _table(" ", "server", "role", "state", "memory reserved", "CPU reserved", "tasks|r")
    for server in servers:
        good = server.state is ServerState.READY and server.answers
        table.add_row(
            "[green]✓[/]" if good else "[red]✗[/]",
            f"[bold]{escape(server.name)}[/]",
            "leader" if server.leader else server.role,
            _server_state(server),
            _bar(server.reserved_memory / GIBIBYTE, server.memory / GIBIBYTE, "GiB"),
            _bar(server.reserved_cpus, server.cpus, ""),
            str(server.tasks or server.containers),
        )
    return table


def _server_state(server: ServerHealth) -> str:
    if server.state is ServerState.UNKNOWN:
        return "[yellow]answers[/]" if server.answers else "[red]no answer[/]"
    return STATES.get(server.state, f"[yellow]{server.state}[/]")


def _bar(used: float, capacity: float, unit: str) -> str:
    if capacity <= 0:
        return "[dim]–[/]"
    share = used / capacity
    filled = min(BAR, round(share * BAR))
    colour = "red" if share > 0.95 else "yellow" if share > 0.8 else "green"
    bar = f"[{colour}]{'━' * filled}[/][dim]{'━' * (BAR - filled)}[/]"
    return f"{bar} {used:.1f}/{capacity:.1f} {unit}".rstrip()


def _compose(standing: Standing) -> Table:
    table = _table(" ", "compose stack", "server", "running|r", "healthy|r", "not well")
    for stack in standing.compose:
        good = stack.running >= stack.wanted and not stack.failing
        table.add_row(
            "[green]✓[/]" if good else "[red]✗[/]",
            escape(stack.stack),
            escape(stack.server),
            f"{stack.running}/{stack.wanted}",
            str(stack.healthy),
            escape(", ".join(stack.failing[:4])),
        )
    return table


def _troubles(standing: Standing, limit: int | None) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for trouble in standing.troubles[:limit]:
        todo = f"\n[dim]→ {escape(trouble.todo)}[/]" if trouble.todo else ""
        table.add_row(
            GRAVITY[trouble.gravity],
            f"[bold]{escape(trouble.subject)}[/]",
            escape(trouble.what) + todo,
        )
    rest = len(standing.troubles) - len(standing.troubles[:limit])
    if rest:
        table.add_row("", "", f"[dim]and {rest} more[/]")
    return table


def _services(services: tuple[ServiceHealth, ...], room: int | None) -> Table:
    table = _table(" ", "service", "running|r", "on", "home", "state")
    order = list(Condition)
    rows = sorted(services, key=lambda s: (s.stack, s.id))
    if room is not None:
        rows = sorted(rows, key=lambda s: (order.index(s.condition), s.at_home is not False))
    stack = ""
    for service in rows[:room]:
        if room is None and service.stack != stack:
            stack = service.stack
            table.add_row("", f"[bold dim]{escape(stack)}[/]")
        table.add_row(
            MARKS[service.condition],
            escape(service.id),
            f"{service.running}/{service.desired}",
            escape(_places(service.where)),
            _home(service),
            escape(_state(service)),
        )
    if room is not None and len(rows) > room:
        table.add_row("", f"[dim]and {len(rows) - room} more[/]")
    return table


def _places(where: tuple[str, ...]) -> str:
    """`gmktec ×2, hpr`."""
    counts = {name: where.count(name) for name in where}
    if len(counts) > 2:
        return f"{len(counts)} servers"
    return ", ".join(name + (f" ×{count}" if count > 1 else "") for name, count in counts.items())


def _home(service: ServiceHealth) -> str:
    if service.at_home is None:
        return "[dim]–[/]"
    if service.at_home:
        return "[green]home[/]"
    return f"[yellow]away from {escape(_places(service.homes))}[/]"


def _state(service: ServiceHealth) -> str:
    words = [str(service.condition)]
    words += [service.update] if service.update else []
    words += [f"failed {service.failures}× lately"] if service.failures else []
    return ", ".join(words)
