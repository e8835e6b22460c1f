"""Commands: `quorate recover …`: what was lost or damaged is brought back, verified, timed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import typer

MODULES = (
    "quorate.entry.cli.recover_database_commands",
    "quorate.entry.cli.recover_server_commands",
    "quorate.entry.cli.recover_quorum_commands",
    "quorate.entry.cli.recover_fleet_commands",
)
"""Each adds its commands to the group in `add(group)`."""


def register(app: typer.Typer) -> None:
    """Add the commands of these modules."""
    group = typer.Typer(
        help="Get it back: a database, a service, a server, the quorum, the whole fleet.",
        no_args_is_help=True,
    )
    for name in MODULES:
        if find_spec(name) is not None:
            import_module(name).add(group)
    if group.registered_commands:
        app.add_typer(group, name="recover")
