"""Commands: what-if."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.plan.model import Plan
    from quorate.plan.whatif.side import Homes

DEFAULT_FLEET = Path("fleet.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("what-if")(what_if)


def what_if(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    move: list[str] = typer.Option(
        [],
        "--move",
        metavar="SERVICE=SERVER",
        help="A service elsewhere (a server for each task, with commas), or a whole stack. "
        "Repeatable, as all below.",
    ),
    origin: list[str] = typer.Option(
        [], "--from", metavar="SERVICE=SERVER", help="Compare with the service there."
    ),
    lose: list[str] = typer.Option([], "--lose", metavar="SERVER", help="A server lost."),
    add: list[str] = typer.Option(
        [],
        "--add",
        metavar="name=…,memory=…,cpus=…",
        help="A server more; also speed, disk, kind, role, zone, uptime_days, reliability.",
    ),
    resize: list[str] = typer.Option(
        [], "--resize", metavar="SERVER=memory=…,cpus=…", help="A server with other figures."
    ),
    scale: list[str] = typer.Option(
        [], "--scale", metavar="SERVICE=N", help="Another number of replicas."
    ),
    without: list[str] = typer.Option(
        [], "--without", metavar="SERVICE", help="A service, or a stack, taken out."
    ),
    pin: list[str] = typer.Option(
        [], "--pin", metavar="SERVICE=SERVER", help="A service bound to servers."
    ),
    unpin: list[str] = typer.Option(
        [], "--unpin", metavar="SERVICE", help="A service without its pin and host names."
    ),
    replan: bool = typer.Option(
        False, "--replan", help="Plan everything anew, instead of leaving the rest in place."
    ),
    link: str | None = typer.Option(
        None, "--link", metavar="RATE", help="Network between servers: 1Gbit, 2.5Gbit, 100Mbit."
    ),
    live: bool = typer.Option(
        False, "--live", help="Start from what the swarm runs, not from the plan."
    ),
    lab: bool = typer.Option(False, "--lab", help="The same, with the running lab of this fleet."),
    measured: Path | None = typer.Option(
        None, "--measured", metavar="FILE", help="Compare with the figures of this measurement."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the answer as JSON."),
    html: Path | None = typer.Option(
        None, "--html", metavar="FILE", help="Also write it as a web page with pictures."
    ),
    time_limit: float = typer.Option(
        10.0, "--time-limit", min=0.1, help="Seconds to search for a placement."
    ),
) -> None:
    """Compare the fleet as it is with how it would be, and recommend."""
    from quorate.entry.cli.output import console, print_json
    from quorate.plan.whatif.answer import what_if as ask
    from quorate.plan.whatif.changes import Asked

    asked = Asked(
        move=tuple(move),
        origin=tuple(origin),
        lose=tuple(lose),
        add=tuple(add),
        resize=tuple(resize),
        scale=tuple(scale),
        without=tuple(without),
        pin=tuple(pin),
        unpin=tuple(unpin),
    )
    desired, present, words = (
        _as_it_runs(fleet, time_limit, lab=lab) if live or lab else _as_planned(fleet, time_limit)
    )
    assumed: tuple[str, ...] = ()
    if measured is not None:
        desired, said = _as_measured(desired, measured)
        assumed = (said,)
    answer = ask(
        desired,
        asked,
        present,
        replan=replan,
        link=_rate(link),
        present_is=words,
        time_limit=time_limit,
    )
    answer = answer.model_copy(update={"assumptions": (*assumed, *answer.assumptions)})
    if html is not None:
        from quorate.entry.cli.pages import write_page
        from quorate.entry.web.whatif_page import page

        write_page(page(answer), html)
    if as_json:
        print_json(answer)
    else:
        from quorate.entry.cli.whatif_view import render

        render(answer, console())
    if html is not None:
        sys.stderr.write(f"page written to {html}\n")


def _rate(text: str | None) -> float | None:
    from quorate.errors import UsageError
    from quorate.fleet.quantities import parse_rate

    if text is None:
        return None
    try:
        rate = parse_rate(text)
    except ValueError as error:
        raise UsageError(f"--link: {error}") from None
    if rate <= 0:
        raise UsageError(f"--link {text}: must be above 0")
    return rate


def _as_planned(path: Path, time_limit: float) -> tuple[Fleet, Homes, str]:
    from quorate.fleet.read import read_fleet
    from quorate.plan.solve import make_plan

    fleet = read_fleet(path)
    return fleet, homes_of(make_plan(fleet, time_limit=time_limit)), "the present plan"


def _as_it_runs(path: Path, time_limit: float, *, lab: bool) -> tuple[Fleet, Homes, str]:
    """What does not run is taken to be where it is planned."""
    from quorate import workflows

    opened = workflows.open_fleet(path, lab=lab)
    running, plan = workflows.running_and_planned(opened, time_limit=time_limit)
    return opened.fleet, {**homes_of(plan), **running}, "what runs now"


def _as_measured(fleet: Fleet, path: Path) -> tuple[Fleet, str]:
    from quorate.measured.apply import with_measurement
    from quorate.measured.read import read_measurement

    return with_measurement(fleet, read_measurement(path, fleet))


def homes_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Service id → its homes."""
    return {name: placement.homes for name, placement in plan.services.items()}
