"""Commands: predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.plan.model import Plan

DEFAULT_FLEET = Path("fleet.yaml")

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(predict)


def predict(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    fail: list[str] = typer.Option(
        [],
        "--fail",
        metavar="SERVER[,SERVER]",
        help="Servers that lose power at once. Repeatable; otherwise every server, and every pair.",
    ),
    partition: list[str] = typer.Option(
        [],
        "--partition",
        metavar="A,B[/C,D]",
        help="Servers that no longer reach the others. Repeatable; otherwise each zone.",
    ),
    freeze: list[str] = typer.Option(
        [],
        "--freeze",
        metavar="SERVER=DURATION",
        help="A server that stands still for so long and goes on. Repeatable.",
    ),
    leader: str | None = typer.Option(
        None, "--leader", metavar="SERVER", help="The manager that leads; otherwise both ways."
    ),
    plan: Path | None = typer.Option(
        None, "--plan", metavar="FILE", help="A plan written by `quorate plan -o`."
    ),
    live: bool = typer.Option(
        False, "--live", help="Ask the swarm where services run, and who leads, now."
    ),
    lab: bool = typer.Option(False, "--lab", help="Ask the fleet's lab for that."),
    fail_on: str | None = typer.Option(
        None,
        "--fail-on",
        metavar="DURATION",
        help="Exit code 4 where the loss of one server stops a production service for longer.",
    ),
    courses: int = typer.Option(200, "--courses", min=20, help="Courses drawn for each failure."),
    seed: int = typer.Option(0, "--seed", help="Of what is drawn."),
    as_json: bool = typer.Option(False, "--json", help="Print the prediction as JSON."),
    html: Path | None = typer.Option(
        None, "--html", metavar="FILE", help="Also write it as a web page with pictures."
    ),
    time_limit: float = typer.Option(
        10.0, "--time-limit", min=0.1, help="Seconds to search for a placement."
    ),
) -> None:
    """Say what stops, and for how long, when servers fail."""
    from quorate.entry.cli.output import console, print_json
    from quorate.predict.predict import predict as ask
    from quorate.predict.verdict import broken, limit_of, words

    limit = limit_of(fail_on) if fail_on is not None else None
    if live or lab:
        desired, made, leads = _from_swarm(fleet, plan, lab=lab, time_limit=time_limit)
        leader = leader or leads
    else:
        desired, made = _from_files(fleet, plan, time_limit)
    with console(stderr=True).status("predicting") as status:
        found = ask(
            desired,
            made,
            lost=[_names(text) for text in fail],
            parted=[_side(text, desired) for text in partition],
            frozen=[_frozen(text) for text in freeze],
            leader=leader,
            seed=seed,
            courses=courses,
            on_failure=lambda done, of: status.update(f"predicting: {done} of {of} failures"),
        )
    if limit is not None:
        found = found.model_copy(update={"broken": tuple(broken(found, desired.policy, limit))})
    if html is not None:
        from quorate.entry.cli.pages import write_page
        from quorate.entry.web.predict_page import page

        write_page(page(found), html)
    if as_json:
        print_json(found)
    else:
        from quorate.entry.cli.predict_view import render

        render(found, console(), in_full=bool(fail or partition or freeze))
    if limit is not None:
        sys.stderr.write(words(found.broken, limit) + "\n")
        if found.broken:
            raise typer.Exit(VERDICT)


def _from_files(fleet: Path, plan: Path | None, time_limit: float) -> tuple[Fleet, Plan]:
    from quorate.entry.cli.plan_file import planned
    from quorate.fleet.read import read_fleet

    desired = read_fleet(fleet)
    return desired, planned(desired, plan, time_limit, verb="predict")


def _from_swarm(
    fleet: Path, plan: Path | None, *, lab: bool, time_limit: float
) -> tuple[Fleet, Plan, str | None]:
    """The fleet, its plan with services where they run, and who leads; None: nobody.

    Raises:
        UsageError: a plan was named as well.
    """
    from quorate import drilling
    from quorate.errors import UsageError
    from quorate.workflows import open_fleet

    if plan is not None:
        raise UsageError("--plan and --live: services are where the one says, or the other")
    opened = open_fleet(fleet, lab=lab)
    made, leader = drilling.as_it_is(opened, time_limit=time_limit)
    return opened.fleet, made, leader or None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _frozen(text: str) -> tuple[str, float]:
    """The server and the seconds of `SERVER=DURATION`.

    Raises:
        UsageError: it is not of that form.
    """
    from quorate.errors import UsageError
    from quorate.fleet.quantities import parse_duration

    server, _, duration = text.partition("=")
    try:
        return server.strip(), parse_duration(duration)
    except ValueError as error:
        raise UsageError(f"--freeze {text}: {error}", todo="write --freeze SERVER=20s") from error


def _side(text: str, desired: Fleet) -> tuple[str, ...]:
    """The first side of `A,B/C,D`.

    Raises:
        UsageError: a server is on both sides, or on neither.
    """
    from quorate.errors import UsageError

    one, slash, other = text.partition("/")
    first, second = _names(one), _names(other)
    if slash:
        both = set(first) & set(second)
        neither = {server.name for server in desired.servers} - set(first) - set(second)
        if both or neither:
            wrong = ", ".join(sorted(both or neither))
            raise UsageError(
                f"--partition {text}: {wrong} {'on both sides' if both else 'on neither side'}",
                todo="name one side, or both with every server on one of them",
            )
    return first
