"""Commands: `quorate drill …`, making a failure happen and measuring what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.drill.ground import Intent
    from quorate.drill.model import Report

DEFAULT_FLEET = Path("fleet.yaml")

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Option(DEFAULT_FLEET, "--fleet", "-f", help="The fleet file.")
JSON = typer.Option(False, "--json", help="Print the report as JSON.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    drill = typer.Typer(
        help="Make a failure happen for real, and measure what comes of it.",
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
    lab: bool = typer.Option(False, "--lab", help="On the fleet's lab, not its real servers."),
    times: int | None = typer.Option(None, "--times", min=1, max=100, help="How often."),
    seed: int = typer.Option(0, "--seed", help="Of what is drawn: targets, moments."),
    quorum_loss: str = typer.Option(
        "",
        "--allow-quorum-loss",
        metavar="SERVER,SERVER",
        help="The servers whose loss at once costs the quorum, named one by one.",
    ),
    power_off: str = typer.Option(
        "",
        "--allow-power-off",
        metavar="SERVER,SERVER",
        help="The real servers that may be switched off, named one by one.",
    ),
    home: bool | None = typer.Option(
        None, "--home/--no-home", help="Bring services home afterwards (`up`); a lab's by default."
    ),
    yes: bool = typer.Option(
        False, "--yes", "-y", help="Do not ask; real servers need it where there is no terminal."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show guards, prediction and every script; change nothing."
    ),
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
    from quorate.errors import RefusedError
    from quorate.workflows import open_fleet

    wanted = read_drill(file)
    opened = open_fleet(fleet, lab=lab)
    options = drilling.DrillOptions(
        seed=seed,
        times=times,
        token=_names(quorum_loss),
        off=_names(power_off),
        home=lab if home is None else home,
    )
    if dry_run:
        with reporter() as report:
            intent = drilling.intend(opened, wanted, options, report=report)
        _show_intent(intent, as_json=as_json)
        return
    if lab and not yes:
        _confirm(f"{wanted.fault.words} in the lab of {opened.fleet.name}?")
    if not lab and not yes and not sys.stdin.isatty():
        raise RefusedError(
            "a drill on real servers must be agreed to; nothing was changed",
            todo="run it in a terminal, or give --yes; --dry-run shows what it would do",
        )
    with reporter() as report:
        confirm = None if lab else _confirmer(report.pause, yes=yes)
        found = drilling.drill(opened, wanted, options, report=report, confirm=confirm)
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


def stop(
    fleet: Path | None = typer.Argument(None, help="The fleet file."),
    servers: bool = typer.Option(False, "--servers", help="On its real servers too."),
) -> None:
    """End the drill that is under way: its fault is undone at once."""
    from quorate import drilling
    from quorate.errors import LabError, MachineError

    found = list(drilling.grounds(fleet, servers=servers))
    stopped = [drilling.where(ground) for ground in found if ground.undo()]
    if not stopped:
        places = " or ".join(drilling.where(ground) for ground in found)
        error = LabError if all(ground.lab for ground in found) else MachineError
        raise error(f"no drill is under way in {places}")
    typer.echo(f"undid the fault of the drill in {', '.join(stopped)}")


def undo(
    fleet: Path | None = typer.Argument(None, help="The fleet file; not needed with --all."),
    everything: bool = typer.Option(
        False,
        "--all",
        help="In every lab here, and on all servers a drill was started on from here.",
    ),
    servers: bool = typer.Option(False, "--servers", help="On the real servers of FLEET too."),
) -> None:
    """Undo all that drills have left: faults, packet rules, leases, drained servers, probes."""
    from quorate import drilling

    found = drilling.grounds(fleet, servers=servers, everything=everything)
    nothing = True
    for ground in found:
        for text in drilling.undo(ground):
            typer.echo(text)
            nothing = False
    if nothing:
        typer.echo("nothing was left")


def _show(found: Report) -> None:
    from quorate.drill.history import former
    from quorate.entry.cli.drill_view import compare, render
    from quorate.entry.cli.output import console

    render(found, console())
    earlier = [each for _, each in former(found.fleet, found.drill)][:-1]
    if earlier:
        compare(found, earlier[-1], console())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _show_intent(intent: Intent, *, as_json: bool) -> None:
    from quorate.entry.cli.drill_intent_view import render
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(intent)
    else:
        render(intent, console())
    if intent.refused:
        raise typer.Exit(VERDICT)


def _confirmer(pause: Callable[[], None], *, yes: bool) -> Callable[[Intent], bool]:
    """Shows what will happen to which server, and asks; with --yes it only shows."""

    def confirm(intent: Intent) -> bool:
        from quorate.entry.cli.drill_intent_view import effects
        from quorate.entry.cli.output import console

        pause()
        effects(intent, console(stderr=True))
        # Where a guard does not hold nothing is done anyway.
        return yes or bool(intent.refused) or typer.confirm("Do this?", err=True)

    return confirm


def _confirm(question: str) -> None:
    from quorate.errors import RefusedError

    if sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise RefusedError("not confirmed; nothing was changed")
