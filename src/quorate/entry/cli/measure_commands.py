"""Commands: measure, suggest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.measured.report import SuggestReport
    from quorate.measuring import MeasureOptions, Proposal

DEFAULT_FLEET = Path("fleet.yaml")
DEFAULT_FILE = "measured.json"

FLEET = typer.Argument(DEFAULT_FLEET, help="The fleet file.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("measure")(measure)
    app.command("suggest")(suggest)


def measure(
    fleet: Path = FLEET,
    source: str | None = typer.Option(
        None,
        "--from",
        metavar="prometheus[=URL]|engine",
        help="Where figures come from; default: what the fleet file says, else the engines.",
    ),
    via: str | None = typer.Option(
        None, "--via", metavar="SERVER", help="Reach Prometheus through this server, by ssh."
    ),
    window: str | None = typer.Option(
        None,
        "--window",
        metavar="TIME",
        help="How far to look back in Prometheus (7d), or how long to watch the engines (5m).",
    ),
    interval: str | None = typer.Option(
        None,
        "--interval",
        metavar="TIME",
        help="Time between samples; by the window for Prometheus, 5s for the engines.",
    ),
    samples: int | None = typer.Option(
        None, "--samples", min=2, help="How many looks at the engines, instead of --window."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="The measurement file; default: measured.json beside FLEET."
    ),
    lab: bool = typer.Option(False, "--lab", help="Measure the running lab of this fleet."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead."),
) -> None:
    """Find out what services really use, and write it to a file; change nothing.

    Ctrl-C ends it early: what was sampled until then is written, and the exit code is 130.
    """
    from quorate import measuring, workflows
    from quorate.entry.cli.main import INTERRUPTED
    from quorate.entry.cli.output import print_json
    from quorate.entry.cli.progress import reporter
    from quorate.measured.report import measure_report
    from quorate.measured.report import report as report_of
    from quorate.tools import clock

    options = _options(source, via, (window, interval), samples, lab=lab)
    desired = workflows.open_fleet(fleet, lab=lab).fleet
    path = output or fleet.parent / DEFAULT_FILE
    with reporter() as watcher:
        found = measuring.measure(desired, options, watcher)
    measuring.save(found, path)
    made = measure_report(report_of(desired, found, clock.now()), str(path))
    if as_json:
        print_json(made)
    else:
        from quorate.entry.cli.measure_view import render
        from quorate.entry.cli.output import console

        render(made, console())
    sys.stderr.write(f"measurement written to {path}\n")
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def suggest(
    fleet: Path = FLEET,
    measured: Path | None = typer.Option(
        None, "--measured", help="The measurement file; default: measured.json beside FLEET."
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="SERVICE", help="Suggest for this service only. Repeatable."
    ),
    write: bool = typer.Option(
        False, "--write", help="Write the suggested figures into compose files of their own."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what --write would write, write nothing."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    lab: bool = typer.Option(
        False, "--lab", help="Write even what was measured on the lab, where stand-ins run."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object instead."),
) -> None:
    """Suggest reservations and loads from a measurement; write them only when asked to.

    Figures go into a compose file per stack, `STACK.measured.yaml`, which is added to the
    stack's `files`; no compose file of yours is changed. What runs changes with the next `up`.
    """
    from quorate import measuring
    from quorate.entry.cli.output import print_json
    from quorate.errors import UsageError
    from quorate.fleet.read import read_fleet
    from quorate.measured.read import read_measurement
    from quorate.measured.report import report, suggest_report
    from quorate.tools import clock

    desired = read_fleet(fleet)
    found = read_measurement(measured or fleet.parent / DEFAULT_FILE, desired)
    if write and found.source.lab and not lab:
        raise UsageError(
            "these figures were measured on the lab, where stand-ins run",
            cause="a stand-in uses less than the image it stands for",
            todo="measure the servers, or add --lab to write them all the same",
        )
    proposal = measuring.propose(desired, found, _services(desired, only))
    made = suggest_report(
        report(desired, found, clock.now(), proposal.suggestions), _diffs(proposal)
    )
    if not as_json:
        _show(made, diff=write or dry_run)
    if write and not dry_run:
        written = measuring.write(desired, proposal, confirm=_confirmer(yes=yes))
        made = made.model_copy(update={"written": tuple(str(path) for path in written)})
        for path in made.written:
            sys.stderr.write(f"written: {path}\n")
    if as_json:
        print_json(made)


def _options(
    source: str | None,
    via: str | None,
    times: tuple[str | None, str | None],
    samples: int | None,
    *,
    lab: bool,
) -> MeasureOptions:
    from quorate.errors import UsageError
    from quorate.measuring import MeasureOptions

    kind, given, url = (source or "").partition("=")
    if source is not None and (
        kind not in ("prometheus", "engine") or (given and (kind == "engine" or not url))
    ):
        raise UsageError(
            f"--from {source}: that is no source",
            todo="write --from prometheus, --from prometheus=URL, or --from engine",
        )
    window, interval = (
        _seconds(name, text) for name, text in zip(("--window", "--interval"), times, strict=True)
    )
    return MeasureOptions(
        source=kind or None,
        url=url or None,
        server=via,
        window=window,
        interval=interval,
        samples=samples,
        lab=lab,
    )


def _seconds(name: str, text: str | None) -> float | None:
    from quorate.errors import UsageError
    from quorate.fleet.quantities import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    if seconds <= 0:
        raise UsageError(f"{name} {text}: must be above 0")
    return seconds


def _services(fleet: Fleet, names: list[str]) -> tuple[str, ...]:
    from quorate.plan.whatif.names import find_service

    return tuple(find_service("--only", name, fleet).id for name in names)


def _diffs(proposal: Proposal) -> dict[str, str]:
    """Path → what changes in that file, as `diff -u` shows it."""
    from difflib import unified_diff

    out = {}
    for change in proposal.files:
        name = str(change.path)
        lines = unified_diff(
            (change.before or "").splitlines(keepends=True),
            change.after.splitlines(keepends=True),
            name if change.before is not None else "/dev/null",
            name,
        )
        out[name] = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return out


def _show(made: SuggestReport, *, diff: bool) -> None:
    from quorate.entry.cli.measure_view import render, render_diff
    from quorate.entry.cli.output import console

    render(made, console())
    if diff:
        render_diff(made, console())


def _confirmer(*, yes: bool) -> Callable[[Proposal], bool]:
    def confirm(proposal: Proposal) -> bool:
        from quorate.errors import RefusedError

        if yes:
            return True
        if not sys.stdin.isatty():
            raise RefusedError(
                "nothing was changed: there is nobody to ask",
                todo="add --yes to go ahead without asking, or --dry-run to look only",
            )
        files = len(proposal.files)
        return typer.confirm(f"Write {files} file{'s' * (files > 1)}?", err=True)

    return confirm
