"""Commands: plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.plan.model import Plan
    from quorate.plan.whatif.side import Homes

DEFAULT_FLEET = Path("fleet.yaml")
VERDICT = 4


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("plan")(plan)


def plan(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON."),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="Also write the plan to this file, as JSON."
    ),
    time_limit: float | None = typer.Option(
        None,
        "--time-limit",
        min=0.1,
        help="Seconds to search for the best placement: 10, or 30 for a large fleet. Ctrl-C "
        "ends the search earlier and shows the best one found (exit code 130).",
    ),
    seed: int = typer.Option(0, "--seed", min=0, help="Seed of the search."),
    live: bool = typer.Option(
        False, "--live", help="Ask the swarm where services are at home now; moves cost."
    ),
    lab: bool = typer.Option(False, "--lab", help="The same, with the running lab of this fleet."),
    measured: Path | None = typer.Option(
        None,
        "--measured",
        metavar="FILE",
        help="Plan with the figures of this measurement too, and show the difference.",
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="SERVICE", help="Show this service only, in full. Repeatable."
    ),
) -> None:
    """Decide where every service lives, and say why.

    With --measured the plan stays the one that was declared; the other is shown beside it, and
    where there is none with the measured figures, the exit code is 4.
    """
    from datetime import UTC, datetime

    from quorate.entry.cli.anytime import INTERRUPTED, interruptible, said_of, searching
    from quorate.entry.cli.output import print_json
    from quorate.errors import StoppedError
    from quorate.plan.select import select

    desired, current = _from_swarm(fleet, lab=lab) if live or lab else _from_files(fleet)
    with interruptible() as stop, searching() as on_solution:
        try:
            made = _make(
                desired,
                measured,
                current=current,
                time_limit=time_limit,
                seed=seed,
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                on_solution=on_solution,
                stop=stop,
            )
        except StoppedError as error:
            sys.stderr.write(f"stopped by Ctrl-C: {error.what}\n")
            raise typer.Exit(INTERRUPTED) from None
    if output is not None:
        # As declared: what was measured is for looking at, and deploys nothing.
        written = made.model_copy(update={"measured": None})
        output.write_text(written.model_dump_json(indent=2) + "\n", encoding="utf-8")
    shown = select(made, only) if only else made
    if as_json:
        print_json(shown)
    else:
        _show(shown, in_full=bool(only))
    if output is not None and not as_json:
        sys.stderr.write(f"plan written to {output}\n")
    if stop():
        sys.stderr.write(f"stopped by Ctrl-C: {said_of(made)}\n")
        raise typer.Exit(INTERRUPTED)
    if made.measured is not None and made.measured.as_measured is None:
        raise typer.Exit(VERDICT)


def _make(desired: Fleet, measured: Path | None, **how: Any) -> Plan:
    """The plan; with a measurement, the one as measured beside it."""
    from quorate.plan.solve import make_plan

    if measured is None:
        return make_plan(desired, **how)
    from quorate.measured.read import read_measurement
    from quorate.plan.beside import beside
    from quorate.tools import clock

    found = read_measurement(measured, desired)
    declared = make_plan(desired, **how)
    if how["stop"]():  # Ctrl-C ends both searches: the one as declared is what was asked first
        return declared
    return beside(desired, declared, found, lambda other: make_plan(other, **how), now=clock.now())


def _from_files(path: Path) -> tuple[Fleet, Homes | None]:
    from quorate.fleet.read import read_fleet

    return read_fleet(path), None


def _from_swarm(path: Path, *, lab: bool) -> tuple[Fleet, Homes | None]:
    from quorate import workflows

    opened = workflows.open_fleet(path, lab=lab)
    return opened.fleet, workflows.homes_live(opened)


def _show(made: Plan, *, in_full: bool) -> None:
    from quorate.entry.cli.output import console
    from quorate.entry.cli.plan_view import render

    render(made, console(), in_full=in_full)
    if made.measured is not None:
        from quorate.entry.cli.beside_view import render as render_beside

        render_beside(made.measured, console())
