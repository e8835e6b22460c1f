"""How a clean-up looks: what would go, what stays and why, what went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.fleet.quantities import show_size

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.recover.clean.model import CleanPlan, CleanResult, VolumeWish


def render_plan(plan: CleanPlan, console: Console) -> None:
    """What would go from each server; then what nothing uses now and stays."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("server", "what", "name", "frees", ""):
        table.add_column(name, justify="right" if name == "frees" else "left")
    for server in plan.servers:
        for item in server.items:
            frees = show_size(item.frees) if item.kind != "network" else ""
            table.add_row(server.server, item.kind, item.name, frees, item.note)
    if table.row_count:
        console.print(table)
    kept = Table(box=None, pad_edge=False)
    for name in ("server", "stays", "name", "size", "because"):
        kept.add_column(name, justify="right" if name == "size" else "left")
    for server in plan.servers:
        for one in server.kept:
            size = show_size(one.size) if one.size else ""
            kept.add_row(server.server, one.kind, one.name, size, one.why)
    if kept.row_count:
        console.print(kept)
    for wish in plan.volumes:
        render_volume(wish, console)
    for server_name, why in plan.unasked.items():
        console.print(f"{server_name} was not asked: {why}", style="yellow", markup=False)
    if plan.nothing:
        console.print("nothing to remove")
    else:
        console.print(f"frees {show_size(plan.frees)} at most", style="bold")


def render_volume(wish: VolumeWish, console: Console) -> None:
    """A volume that was named, and what the backups have of it."""
    size = f" ({show_size(wish.size)})" if wish.size is not None else ""
    console.print(f"volume {wish.name} on {wish.server}{size}: {wish.proof}", markup=False)


def render_result(result: CleanResult, console: Console) -> None:
    """What went, and what did not."""
    if result.removed is None:
        render_plan(result.plan, console)
        return
    gone = len(result.removed) - len(result.failed)
    console.print(f"{gone} removed, {show_size(result.freed)} freed", style="bold")
    for one in result.failed:
        line = f"{one.server}: the {one.kind} {one.name} stays: {one.why}"
        console.print(line, style="red", markup=False)
