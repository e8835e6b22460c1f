"""What an `up` will do and what came of it, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.deploy.diff import ServiceChange
    from quorate.deploy.preview import Preview
    from quorate.deploy.run import UpResult

SHOWN_FIELDS = 6
SHOWN_NAMES = 12
VALUE_WIDTH = 60


def render(seen: Preview, out: Console) -> None:
    """Print what will change, most important first; nothing secret is in it."""
    if seen.nothing_to_do:
        out.print("nothing to do: the fleet is as wanted")
    for line in lines(seen):
        out.print(line)


def lines(seen: Preview) -> Iterator[str]:
    """The preview as marked-up lines."""
    for step in (*seen.steps, *seen.beside.steps):
        yield f"[cyan]•[/] {_plain(step)}"
    for name in seen.foreseen.networks:
        yield f"[green]+[/] network {_plain(name)}"
    labels = sum(len(change.put) for change in seen.foreseen.labels)
    if labels:
        yield f"[green]+[/] {labels} labels on {len(seen.foreseen.labels)} servers"
    changes = seen.all_changes
    if changes.added:
        yield f"[green]+[/] {len(changes.added)} new services: {_names(changes.added)}"
    for change in changes.changed:
        yield from _changed(change)
    for name in changes.removed:
        yield f"[red]-[/] {_plain(name)} [dim](its volumes stay)[/]"
    for image in seen.foreseen.local:
        yield (
            f"[yellow]![/] {_plain(image)} is in no registry: each server runs the one it has, "
            "and a newer build is not noticed"
        )
    for finding in seen.beside.findings:
        yield f"[yellow]![/] {_plain(finding)}"
    if seen.homecoming:
        yield (
            f"[cyan]↩[/] {len(seen.homecoming)} go home, or start there again: "
            f"{_names(seen.homecoming)}"
        )


def _changed(change: ServiceChange) -> Iterator[str]:
    how = "restarts" if change.restarts else "keeps running"
    yield f"[yellow]~[/] {_plain(change.name)} [dim]({how})[/]"
    for field in change.fields[:SHOWN_FIELDS]:
        yield f"    {_plain(field.name)}: {_value(field.before)} → {_value(field.after)}"
    if len(change.fields) > SHOWN_FIELDS:
        yield f"    [dim]and {len(change.fields) - SHOWN_FIELDS} more fields[/]"


def render_result(result: UpResult, out: Console) -> None:
    """Print what came of it, failures last so that they are seen."""
    total = len(result.where)
    if result.outcome == "unchanged":
        out.print("[green]✓[/] nothing to do: every service is as wanted and at home")
    elif result.outcome == "healthy":
        number = f" [dim](deployment {result.record})[/]" if result.record is not None else ""
        out.print(f"[green]✓[/] healthy: {total} services after {result.seconds:.0f} s{number}")
    for name, places in sorted(result.away.items()):
        where = ", ".join(places) or "not running"
        out.print(f"[yellow]![/] {_plain(name)} is away from home: {_plain(where)}")
    for finding in result.findings if result.outcome != "dry-run" else ():
        out.print(f"[yellow]![/] {_plain(finding)}")
    for failure in result.failures:
        out.print(f"[red]✗[/] [bold]{_plain(failure.swarm_name)}[/]: {_plain(failure.why)}")
        for line in failure.log:
            out.print(f"    [dim]{_plain(line)}[/]")
        out.print(f"    what to do: {_plain(failure.todo)}")
    if result.failures:
        good = total - len(result.failures)
        out.print(f"{len(result.failures)} failed; the other {good} were left running")


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return _plain(shown + (f" and {more} more" if more > 0 else ""))


def _value(value: object) -> str:
    text = "—" if value is None else str(value)
    return _plain(text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
