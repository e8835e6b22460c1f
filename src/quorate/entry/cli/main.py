"""The command line: parse, call a workflow, render. No logic.

Each module of this package adds its commands in `register`; heavy imports
happen inside the commands, so that `quorate --help` stays quick.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from importlib import import_module

import typer

from quorate.errors import QuorateError

COMMAND_MODULES = (
    "quorate.entry.cli.fleet_commands",
    "quorate.entry.cli.init_commands",
    "quorate.entry.cli.inspect_commands",
    "quorate.entry.cli.plan_commands",
    "quorate.entry.cli.explain_commands",
    "quorate.entry.cli.whatif_commands",
    "quorate.entry.cli.predict_commands",
    "quorate.entry.cli.drill_commands",
    "quorate.entry.cli.tune_commands",
    "quorate.entry.cli.measure_commands",
    "quorate.entry.cli.stack_commands",
    "quorate.entry.cli.deploy_commands",
    "quorate.entry.cli.observe_commands",
    "quorate.entry.cli.backup_commands",
    "quorate.entry.cli.serve_commands",
    "quorate.entry.cli.operations_commands",
    "quorate.entry.cli.recover_commands",
    "quorate.entry.cli.runbook_commands",
    "quorate.entry.cli.server_commands",
    "quorate.entry.cli.recover_commands",
    "quorate.entry.cli.maintenance_commands",
    "quorate.entry.cli.adopt_commands",
    "quorate.entry.cli.clean_commands",
    "quorate.entry.cli.move_commands",
    "quorate.entry.cli.alert_commands",
    "quorate.entry.cli.lab_commands",
)

INTERRUPTED = 130


@cache
def build() -> typer.Typer:
    """The application with every command, made once in a process."""
    app = typer.Typer(
        name="quorate",
        help="Run a handful of servers as one dependable system.",
        no_args_is_help=True,
        # Help drawn by rich takes three times as long: 0.5 s of CPU against 0.17 s.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in COMMAND_MODULES:
        import_module(name).register(app)
    return app


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"quorate {version('quorate')}")
        raise typer.Exit


def _options(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show every program that is run."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Run a handful of servers as one dependable system."""
    if verbose:
        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s")


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        build()()
    except QuorateError as error:
        from quorate.entry.cli.output import report_error

        sys.exit(report_error(error, as_json="--json" in sys.argv))
    except SystemExit as ended:
        # Typer turns Ctrl-C into this exit code and says nothing.
        if ended.code == INTERRUPTED:
            sys.stderr.write("interrupted\n")
        raise
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`quorate plan | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
