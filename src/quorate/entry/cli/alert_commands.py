"""Commands: metrics, rules."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from quorate.alerts.metrics import Sample
    from quorate.fleet.model import Fleet
    from quorate.tools.exposition import Board

EVERY = "15s"
LOOPBACK = "127.0.0.1"
MOST_PORT = 65535

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.", show_default=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("metrics")(metrics)
    app.command("rules")(rules)


def metrics(
    fleet: Path = FLEET,
    output: Path | None = typer.Option(
        None, "-o", "--output", help="Write to this file, in one move, instead of printing."
    ),
    listen: str | None = typer.Option(
        None,
        "--listen",
        help="Serve /metrics at ADDRESS:PORT and observe until Ctrl-C; without an address on "
        "this machine only.",
    ),
    every: str | None = typer.Option(
        None,
        "--every",
        help=f"Observe so often until Ctrl-C, with --listen or --output; {EVERY} with --listen.",
    ),
    lab: bool = typer.Option(False, "--lab", help="Use the running lab of this fleet."),
) -> None:
    """Print what is observed as metrics for Prometheus: once, into a file, or served."""
    from quorate import exporter
    from quorate.tools.exposition import Board
    from quorate.workflows import open_fleet

    where = parse_listen(listen) if listen is not None else None
    seconds = _interval(every, needed=where is not None)
    if every is not None and where is None and output is None:
        _refuse("--every goes with --listen or --output", "add one of them")
    desired = open_fleet(fleet, lab=lab).fleet
    board = Board()

    def show(seen: tuple[Sample, ...]) -> None:
        board.put(exporter.families(seen))
        if output is not None:
            write_file(board.text(), output)

    if seconds is None:
        show(exporter.once(desired))
        if output is None:
            typer.echo(board.text(), nl=False)
        return
    with _stopped_like_ctrl_c():
        _observe(desired, seconds, board, where, show)


def _observe(
    fleet: Fleet,
    every: float,
    board: Board,
    where: tuple[str, int] | None,
    show: Callable[[tuple[Sample, ...]], None],
) -> None:
    from quorate import exporter

    def say(text: str) -> None:
        typer.echo(text, err=True)

    with board.served(*where) if where else nullcontext(0) as port:
        if where:
            host = f"[{where[0]}]" if ":" in where[0] else where[0]
            say(f"metrics of {fleet.name} at http://{host}:{port}/metrics; Ctrl-C ends")
        try:
            exporter.keep_observing(fleet, every=every, show=show, say=say)
        except KeyboardInterrupt:
            return


def rules(
    fleet: Path = FLEET,
    output: Path | None = typer.Option(
        None, "-o", "--output", help="Write to this file, in one move, instead of printing."
    ),
    every: str = typer.Option(
        EVERY, "--every", help="How often `quorate metrics` observes: when what it says is too old."
    ),
    dashboard: bool = typer.Option(
        False, "--dashboard", help="A dashboard of the backups instead, as Grafana imports it."
    ),
    at_once: bool = typer.Option(
        False,
        "--at-once",
        help="For a trial of the way to whoever is told: no alert waits before it fires.",
    ),
) -> None:
    """Print alerting rules for Prometheus, with the times and names of this fleet."""
    from quorate.alerts import dashboard as drawn
    from quorate.alerts.rules import text
    from quorate.fleet.read import read_fleet

    seconds = _interval(every, needed=True)
    desired = read_fleet(fleet)
    if dashboard and not desired.backup.repositories:
        _refuse(
            "--dashboard: this fleet backs nothing up",
            "name repositories under `backup:`; docs/how-to/back-up.md begins with it",
        )
    if dashboard and at_once:
        _refuse(
            "--at-once: a dashboard has no alerts", "leave one of --dashboard and --at-once out"
        )
    made = (
        drawn.text(desired) if dashboard else text(desired, every=seconds or 0.0, at_once=at_once)
    )
    if output is None:
        typer.echo(made, nl=False)
    else:
        write_file(made, output)
        typer.echo(str(output))


def parse_listen(text: str) -> tuple[str, int]:
    """Address and port of `ADDRESS:PORT`, `:PORT` or `PORT`; `[ADDRESS]:PORT` for IPv6.

    Raises:
        UsageError: it is none of them.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        _refuse(f"--listen {text}: an IPv6 address goes in brackets", "write [::1]:9911")
    if not (port.isascii() and port.isdigit() and int(port) <= MOST_PORT):
        _refuse(f"--listen {text}: not ADDRESS:PORT", f"write {LOOPBACK}:9911, or only 9911")
    return host or LOOPBACK, int(port)


def write_file(text: str, path: Path) -> None:
    """Write a file in one move: who reads it meanwhile finds the old one, or the new one whole.

    Raises:
        UsageError: that cannot be written.
    """
    # Not ending as the file does: a collector that reads *.prom passes it over.
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        _refuse(
            f"--output {path}: cannot be written ({error.strerror})",
            "name a file in a directory that is there and yours",
        )


def _interval(text: str | None, *, needed: bool) -> float | None:
    """Seconds of --every; None where nothing is to be repeated."""
    from quorate.fleet.quantities import parse_duration

    if text is None and not needed:
        return None
    try:
        seconds = parse_duration(text or EVERY)
    except ValueError as error:
        _refuse(f"--every: {error}", f"write {EVERY}")
    if not 1 <= seconds <= 86400:
        _refuse(f"--every {text}: from 1s to 1d", f"write {EVERY}")
    return seconds


def _refuse(what: str, todo: str) -> NoReturn:
    from quorate.errors import UsageError

    raise UsageError(what, todo=todo) from None


@contextmanager
def _stopped_like_ctrl_c() -> Iterator[None]:
    """A service manager's SIGTERM ends the block as Ctrl-C does: forwards are closed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
