"""A plan as people look at it: how full the servers are, who lives where and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from quorate.plan.model import Placement, Plan, ServerUse, Use
from quorate.plan.words import count, listed

GIB = 2**30
BAR = 12
"""Cells of a bar."""

TOGETHER = 5
"""Services of a stack with the same homes, pool and reason share a row from this many on."""

COLUMNS = (28, 18, 46)
"""Widths: name, fallback, reason. With their gaps, 98 of a terminal's 100 columns."""

NAMED = 8
"""Servers that a service may go to are named up to so many."""

NEARLY_FULL = 0.9


def render(plan: Plan, console: Console, *, in_full: bool = False) -> None:
    """Print a plan; `in_full` shows all that is known of each service."""
    console.print(_head(plan))
    console.print()
    if in_full:
        for placement in plan.services.values():
            console.print(_details(placement))
            console.print()
    else:
        console.print(_servers(plan))
        console.print()
        console.print(_services(plan))
    if plan.survival is not None:
        colour = "green" if plan.survival.holds and plan.survival.losses else "yellow"
        console.print(Text.assemble(("survival: ", colour), plan.survival.text), soft_wrap=True)
    for text in plan.warnings:
        console.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)
    for text in _assumptions(plan):
        console.print(Text.assemble(("assumed: ", "cyan"), text), soft_wrap=True)


def _head(plan: Plan) -> Text:
    optimal = plan.status == "optimal"
    proof = "proven optimal" if optimal else f"not proven optimal, gap {plan.gap:.1%}"
    least = "" if optimal else f", at least {plan.bound:,.0f}"
    text = Text.assemble((plan.fleet, "bold"))
    text.append(
        f": {count(len(plan.services), 'service')} on {count(len(plan.servers), 'server')}, "
        f"{proof} (cost {plan.objective:,.0f}{least}, {plan.seconds:.2f} s)"
    )
    return text


def _servers(plan: Plan) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("server", style="bold", no_wrap=True)
    table.add_column("memory", no_wrap=True)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("CPU", no_wrap=True)
    table.add_column("threads", justify="right", no_wrap=True)
    table.add_column("tasks")
    for name, use in plan.servers.items():
        table.add_row(
            name,
            bar(use.memory),
            figures(use.memory, GIB),
            bar(use.cpu),
            figures(use.cpu, 1),
            _classes(use),
        )
    legend = Text("█ baseline  ▒ all peaks at once  ░ free; figures: baseline / peak of all", "dim")
    return Group(table, legend)


def bar(use: Use, cells: int = BAR) -> Text:
    """Baseline, peak and what is free, as a bar."""
    whole = use.capacity or 1.0
    baseline = min(cells, round(cells * use.baseline / whole))
    peak = max(baseline, min(cells, round(cells * use.peak / whole)))
    colour = "red" if use.baseline > NEARLY_FULL * whole else "green"
    over = use.peak > whole
    return Text.assemble(
        ("█" * baseline, colour),
        ("▒" * (peak - baseline), "yellow" if over else colour),
        ("░" * (cells - peak), "dim"),
    )


def figures(use: Use, unit: float) -> Text:
    """`baseline / peak of capacity`, in units."""
    text = Text(f"{use.baseline / unit:.1f} / ")
    over = use.peak > use.capacity
    text.append(f"{use.peak / unit:.1f}", "yellow" if over else "")
    text.append(f" of {use.capacity / unit:.3g}")
    return text


def _classes(use: ServerUse) -> str:
    """The class most tasks are of, and how many others there are."""
    if not use.classes:
        return ""
    name, number = max(use.classes.items(), key=lambda pair: pair[1])
    others = sum(use.classes.values()) - number
    return f"{number} {name}" + (f" +{others}" if others else "")


def _services(plan: Plan) -> RenderableType:
    parts: list[RenderableType] = []
    by_home: dict[str, list[Placement]] = defaultdict(list)
    for placement in plan.services.values():
        key = "every server" if placement.mode.startswith("global") else placement.home
        by_home[key].append(placement)
    for home in (*plan.servers, "every server"):
        if by_home[home]:
            parts.append(_home(home, by_home[home], len(plan.servers)))
    return Group(*parts)


def _home(home: str, placements: list[Placement], servers: int) -> RenderableType:
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=True,
        header_style="dim",
        expand=False,
    )
    title = "global" if home == "every server" else home
    name, fallback, reason = COLUMNS
    lost = "where" if title == "global" else "if it is lost"
    table.add_column(Text(title, "bold"), min_width=name, max_width=name, overflow="fold")
    table.add_column(lost, min_width=fallback, max_width=fallback)
    table.add_column("why here", min_width=reason)
    for row in _rows(placements, servers):
        table.add_row(*map(Text, row))
    return Group(table, Text(""))


def _rows(placements: list[Placement], servers: int) -> Iterator[tuple[str, str, str]]:
    alike: dict[tuple[object, ...], list[Placement]] = defaultdict(list)
    for placement in placements:
        key = (placement.stack, placement.homes, placement.pool, placement.reasons[:1])
        alike[key].append(placement)
    for group in alike.values():
        shown = group if len(group) < TOGETHER else group[:1]
        for placement in shown:
            name = placement.id
            if len(shown) < len(group):
                name = f"{placement.stack}: {len(group)} services"
            copies = len(placement.homes)
            if copies > 1 and not placement.mode.startswith("global"):
                name += f" ×{copies}"
            reason = placement.reasons[0] if placement.reasons else ""
            reason = reason.removesuffix(f" on {placement.home}")
            yield name, _fallback(placement, servers), reason


def _fallback(placement: Placement, servers: int) -> str:
    if placement.mode.startswith("global"):
        return f"on {len(placement.homes)} of {servers}"
    elsewhere = [name for name in placement.pool if name not in placement.homes]
    if len(set(placement.homes)) > 1:
        others = Counter(placement.homes) - Counter({placement.home: len(placement.homes)})
        return f"also on {', '.join(others) if len(others) <= NAMED else listed(list(others))}"
    if not elsewhere:
        return "waits for it"
    if len(elsewhere) == servers - 1:
        return "any other"
    # Of hundreds nobody reads the names; `--only` and the plan file have them.
    return ", ".join(elsewhere) if len(elsewhere) <= NAMED else listed(elsewhere)


def _details(placement: Placement) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    at = placement.homes or ("nowhere (0 replicas)",)
    rows = [
        ("home", ", ".join(at)),
        ("pool", ", ".join(placement.pool)),
        *(("" if index else "why here", text) for index, text in enumerate(placement.reasons)),
        *((f"not {name}", why) for name, why in placement.rejected.items()),
        *(("" if index else "assumed", text) for index, text in enumerate(placement.assumed)),
    ]
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(Text(placement.id, "bold"), table)


def _assumptions(plan: Plan) -> Iterator[str]:
    """What was assumed, each kind once with the services it concerns."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for placement in plan.services.values():
        for text in placement.assumed:
            by_text[text].append(placement.id)
    for text, names in by_text.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"{shown}: {text}"
