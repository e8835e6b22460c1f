"""Commands: `quorate drill …`, making a failure happen and measuring what comes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.drill.model import Report

DEFAULT_FLEET = Path("fleet.yaml")

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Option(DEFAULT_FLEET, "--fleet", "-f", help="The fleet file.")
JSON = typer.Option(False, "--json", help="Print the report as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    drill = typer.Typer(
        help="Make a failure happen for real, and measure what comes of it (lab).",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    drill.command("run")(run)
    drill.command("check")(check)
    drill.command("history")(history)
    drill.command("stop")(stop)
    drill.command("undo")(undo)
    app.add_typer(drill, name="drill")


def run(
    file: Path = typer.Argument(..., metavar="DRILL", help="The drill file."),
    fleet: Path = FLEET,
    lab: bool = typer.Option(False, "--lab", help="On the fleet's lab; real servers: not yet."),
    times: int | None = typer.Option(None, "--times", min=1, max=100, help="How often."),
    seed: int = typer.Option(0, "--seed", help="Of what is drawn: targets, moments."),
    quorum_loss: str = typer.Option(
        "",
        "--allow-quorum-loss",
        metavar="SERVER,SERVER",
        help="The servers whose loss at once costs the quorum, named one by one.",
    ),
    home: bool = typer.Option(True, "--home/--no-home", help="Bring services home afterwards."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask (only a terminal is asked)."),
    as_json: bool = JSON,
    html: Path | None = typer.Option(
        None, "--html", metavar="FILE", help="Also write it as a web page with pictures."
    ),
    junit: Path | None = typer.Option(
        None, "--junit", metavar="FILE", help="Also write it as JUnit XML, for CI."
    ),
    strict: bool = typer.Option(
        False, "--strict", help="Exit code 4 too where it did not go as predicted."
    ),
) -> None:
    """Run a drill: guards, baseline, prediction, fault, undo, verdict. Exit code 4: not passed."""
    from quorate import drilling
    from quorate.drill.file import read_drill
    from quorate.drill.model import Agreement, Resilience
    from quorate.entry.cli.output import print_json
    from quorate.entry.cli.progress import reporter
    from quorate.workflows import open_fleet

    wanted = read_drill(file)
    opened = open_fleet(fleet, lab=lab)
    drilling.of_lab(opened)
    if not yes:
        _confirm(f"{wanted.fault.words} in the lab of {opened.fleet.name}?")
    token = tuple(name.strip() for name in quorum_loss.split(",") if name.strip())
    options = drilling.DrillOptions(seed=seed, times=times, token=token, home=home)
    with reporter() as report:
        found = drilling.drill(opened, wanted, options, report=report)
    if html is not None:
        from quorate.entry.cli.pages import write_page
        from quorate.entry.web.drill_page import page

        write_page(page(found), html)
    if junit is not None:
        from quorate.drill.junit import junit as told
        from quorate.entry.cli.pages import write_page

        write_page(told(found), junit)
    if as_json:
        print_json(found)
    else:
        _show(found)
    bad = found.resilience is not Resilience.PASSED
    if bad or (strict and found.agreement is Agreement.OUTSIDE):
        raise typer.Exit(VERDICT)


def check(file: Path = typer.Argument(..., metavar="DRILL", help="The drill file.")) -> None:
    """Check a drill file, every problem at once."""
    from quorate.drill.file import read_drill

    found = read_drill(file)
    typer.echo(f"{found.drill}: {found.fault.words} for {found.fault.duration:g} s, at most "
               f"{found.lease:g} s")  # fmt: skip


def history(
    drill: str = typer.Argument("*", help="The drill's name; all when not given."),
    fleet: Path = FLEET,
    as_json: bool = JSON,
) -> None:
    """Show the drills that were run, the latest last."""
    from quorate.drill.history import Reports, former
    from quorate.entry.cli.output import console, print_json
    from quorate.fleet.read import read_fleet

    found = former(read_fleet(fleet).name, drill)
    if as_json:
        print_json(Reports(tuple(report for _, report in found)))
        return
    for path, report in found:
        console().print(
            f"{report.started}  {report.drill}  {report.fault}: {report.resilience.value}, "
            f"prediction {report.agreement.value}, {len(report.runs)} runs  {path}",
            markup=False,
            soft_wrap=True,
        )
    if not found:
        typer.echo("no drill was run")


def stop(fleet: Path | None = typer.Argument(None, help="The fleet file.")) -> None:
    """End the drill that is under way: its fault is undone at once."""
    from quorate.errors import LabError
    from quorate.lab import keeper, state

    lab = state.find(fleet)
    if not keeper.undo(lab):
        raise LabError(f"no drill is under way in the lab {lab.name}")
    typer.echo(f"undid the fault of the drill in the lab {lab.name}")


def undo(
    fleet: Path | None = typer.Argument(None, help="The fleet file; not needed with --all."),
    everything: bool = typer.Option(False, "--all", help="In every lab on this machine."),
) -> None:
    """Undo all that drills have left: faults, packet rules, probes."""
    from quorate import drilling
    from quorate.lab import state

    done = [
        text
        for lab in (state.every() if everything else [state.find(fleet)])
        for text in drilling.undo(lab)
    ]
    typer.echo("\n".join(done) or "nothing was left")


def _show(found: Report) -> None:
    from quorate.drill.history import former
    from quorate.entry.cli.drill_view import compare, render
    from quorate.entry.cli.output import console

    render(found, console())
    earlier = [each for _, each in former(found.fleet, found.drill)][:-1]
    if earlier:
        compare(found, earlier[-1], console())


def _confirm(question: str) -> None:
    from quorate.errors import RefusedError

    if sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise RefusedError("not confirmed; nothing was changed")
