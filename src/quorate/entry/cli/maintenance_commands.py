"""Commands: `quorate drain`, `undrain`, `rebalance`, `upgrade-engines`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from quorate.recover.model import Journal, Operation
    from quorate.recover.site import Site
    from quorate.workflows import Opened

SERVER = typer.Argument(..., metavar="SERVER", help="The server, as the fleet file names it.")
DRY_RUN = typer.Option(False, "--dry-run", help="Show what would be done; change nothing.")
AT_ONCE = typer.Option(2, "--at-once", min=1, help="How many services move at the same time.")
STOP_PINNED = typer.Option(
    False, "--stop-pinned", help="Stop what lives on that server alone, until it is undrained."
)
UNPROVEN = typer.Option(
    False, "--unproven", help="Stop data on a server even where no copy of it is proven."
)
KEEP_MANAGER = typer.Option(
    False, "--keep-manager", help="Do not demote a manager; it counts as lost while it is off."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("drain")(drain)
    app.command("undrain")(undrain)
    app.command("rebalance")(rebalance)
    app.command("upgrade-engines")(upgrade_engines)


def drain(
    server: str = SERVER,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    stop_pinned: bool = STOP_PINNED,
    unproven: bool = UNPROVEN,
    keep_manager: bool = KEEP_MANAGER,
    at_once: int = AT_ONCE,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Take everything off a server, for a reboot or other work on it.

    Services run elsewhere, healthy, before they stop there; a manager is demoted first. Refused
    where room, quorum or data would not bear it. `quorate undrain` takes the server back.
    """
    from quorate import maintaining
    from quorate.recover.maintenance.drain import Options

    options = Options(
        stop_pinned=stop_pinned, unproven=unproven, keep_manager=keep_manager, at_once=at_once
    )

    def choose(opened: Opened, place: Site) -> Operation:
        return maintaining.drain(opened, place, server, options)

    _carry(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def undrain(
    server: str = SERVER,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    at_once: int = AT_ONCE,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Take a server into use again: its role, what was stopped for it, and its services home."""
    from quorate import maintaining

    def choose(opened: Opened, place: Site) -> Operation:
        return maintaining.undrain(place, server, at_once=at_once)

    _carry(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def rebalance(
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    at_once: int = AT_ONCE,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Bring services home that run elsewhere since a server was lost, a few at a time.

    Never all replicas of one at once; what may not run twice stops first, and how long nothing
    of it ran is measured.
    """
    from quorate import maintaining

    def choose(opened: Opened, place: Site) -> Operation:
        return maintaining.rebalance(place, at_once=at_once)

    _carry(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def upgrade_engines(
    servers: list[str] = typer.Argument(None, metavar="[SERVER]...", help="Only these."),
    run: str = typer.Option(
        "", "--run", metavar="COMMAND", help="What upgrades an engine, instead of the packages."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    stop_pinned: bool = STOP_PINNED,
    unproven: bool = UNPROVEN,
    at_once: int = AT_ONCE,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Upgrade the engines server by server: drain, upgrade, undrain; the leader is the last.

    Workers come first. Between two everything must be healthy and the quorum whole; it stops at
    the first that fails.
    """
    from quorate import maintaining
    from quorate.recover.maintenance.drain import Options
    from quorate.recover.maintenance.upgrade import PACKAGES

    options = Options(stop_pinned=stop_pinned, unproven=unproven, at_once=at_once)

    def choose(opened: Opened, place: Site) -> Operation:
        return maintaining.upgrade_engines(
            opened, place, servers or (), options, script=f"{run}\n" if run else PACKAGES
        )

    _carry(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def _carry(
    choose: Callable[[Opened, Site], Operation],
    fleet: Path,
    *,
    lab: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from quorate.entry.cli.operation_run import run

    journal = run(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)
    if journal is not None and not as_json:
        _gaps(journal)


def _gaps(journal: Journal) -> None:
    """How long nothing ran of what moved, where there were moments of that."""
    from quorate.entry.cli.output import console

    found = dict(journal.facts.get("gaps") or {})
    for name, gap in sorted(found.items()):
        words = f"nothing of it ran for at most {gap:.1f} s" if gap else "ran all the time"
        console().print(f"{name}: {words}")
