"""Commands: `quorate server …`: machines come, go, and become managers or workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from quorate.recover.model import Operation
    from quorate.recover.site import Site

Choose = Callable[["Site"], "Operation"]

DRY_RUN = typer.Option(False, "--dry-run", help="Look, and show the steps; change nothing.")
NAME = typer.Argument(metavar="SERVER", help="Its name: the machine's host name.")
NAMES = typer.Argument(metavar="SERVER...", help="Servers of the fleet file.")
ADDRESS = typer.Option("", "--address", help="IP address or name by which the others reach it.")
USER = typer.Option(None, "--user", help="The user to log in as.")
PORT = typer.Option(None, "--port", min=1, max=65535, help="The port its sshd listens on.")
SSH_CONFIG = typer.Option(None, "--ssh-config", metavar="FILE", help="An ssh_config for it.")
MANAGER = typer.Option(False, "--manager", help="As a manager; else it is a worker.")
LABEL = typer.Option(None, "--label", metavar="KEY=VALUE", help="A label; may be repeated.")
MEMORY = typer.Option("", "--memory", help="In a lab: the memory it has, `2G`.")
CPUS = typer.Option(1.0, "--cpus", min=0.1, help="In a lab: its CPU threads.")
INSTEAD_OF = typer.Option(
    None, "--instead-of", metavar="SERVER", help="A manager that becomes a worker; may be repeated."
)
INSTEAD = typer.Option(
    None, "--instead", metavar="SERVER", help="A server that becomes a manager; may be repeated."
)
LEAVE_VOLUME = typer.Option(
    None, "--leave-volume", metavar="NAME", help="Its data may stay behind; may be repeated."
)
GONE = typer.Option(False, "--gone", help="It does not answer, and will not again.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Add a server, remove one, make one a manager or a worker.", no_args_is_help=True
    )
    group.command("add")(add)
    group.command("remove")(remove)
    group.command("promote")(promote)
    group.command("demote")(demote)
    app.add_typer(group, name="server")


def add(
    server: str = NAME,
    address: str = ADDRESS,
    user: str | None = USER,
    port: int | None = PORT,
    ssh_config: Path | None = SSH_CONFIG,
    manager: bool = MANAGER,
    label: list[str] = LABEL,
    memory: str = MEMORY,
    cpus: float = CPUS,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """A new machine, from bare Debian or Ubuntu: engine, swarm, labels, fleet file.

    `quorate up` then puts it to use.
    """
    from quorate.recover.membership.adding import Wanted, choose

    wanted = Wanted(
        name=server, address=address, user=user, port=port, config=ssh_config, manager=manager,
        labels=_labels(label or ()), memory=memory, cpus=cpus,
    )  # fmt: skip
    _carry_out(
        lambda place: choose(place, wanted), fleet, lab=lab, dry_run=dry_run, yes=yes,
        as_json=as_json,
    )  # fmt: skip


def remove(
    server: str = NAME,
    instead: list[str] = INSTEAD,
    leave_volume: list[str] = LEAVE_VOLUME,
    gone: bool = GONE,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """An old one out: drained, left, forgotten; refused where quorum, data or a home is lost."""

    def choose(place: Site) -> Operation:
        from quorate.fleet.imports.edit import server_text
        from quorate.observe.locate import find_server
        from quorate.recover.membership import choose, look

        members, _ = look.members(place.connections)
        leaving = look.leaving(
            place.connections, find_server(place.fleet, server), place.snapshot()
        )
        operation = choose.remove(
            place.fleet.name, members, leaving, instead=tuple(instead or ()),
            left=tuple(leave_volume or ()), gone=gone,
        )  # fmt: skip
        entry = server_text(place.fleet.path.read_text(encoding="utf-8"), server)
        return operation.model_copy(update={"facts": {**operation.facts, "entry": entry}})

    _carry_out(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def promote(
    servers: list[str] = NAMES,
    instead_of: list[str] = INSTEAD_OF,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Make servers managers, two at once or in place of others: their number stays odd."""
    from quorate.recover.membership.choose import PROMOTE

    choose = _roles(PROMOTE, servers, instead_of or ())
    _carry_out(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def demote(
    servers: list[str] = NAMES,
    instead: list[str] = INSTEAD,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Make managers workers, two at once or with others in their place: their number stays odd."""
    from quorate.recover.membership.choose import DEMOTE

    choose = _roles(DEMOTE, instead or (), servers)
    _carry_out(choose, fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)


def _roles(kind: str, up: list[str] | tuple[()], down: list[str] | tuple[()]) -> Choose:
    def choose(place: Site) -> Operation:
        from quorate.recover.membership import choose, look

        members, _ = look.members(place.connections)
        return choose.roles(place.fleet.name, members, up=tuple(up), down=tuple(down), kind=kind)

    return choose


def _labels(given: list[str] | tuple[()]) -> dict[str, str]:
    from quorate.errors import UsageError

    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{text} is no label", todo="write --label KEY=VALUE")
        found[key] = value
    return found


def _carry_out(
    choose: Choose, fleet: Path, *, lab: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from quorate.entry.cli.operation_run import run

    run(lambda _, place: choose(place), fleet, lab=lab, dry_run=dry_run, yes=yes, as_json=as_json)
