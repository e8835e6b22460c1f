"""Commands: `quorate lab …`, a real multi-server swarm on one machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.lab.state import Lab

DEFAULT_FLEET = Path("fleet.yaml")
LEAST_DISK = 4 << 30
VERDICT = 4  # the exit code of a check with a verdict (errors.py)


class ImageChoice(StrEnum):
    """Where the lab's images come from."""

    LAB = "lab"
    UPSTREAM = "upstream"


FLEET = typer.Argument(None, help="The fleet file; not needed where only one lab runs.")
JSON = typer.Option(False, "--json", help="Print the lab as JSON.")
YES = typer.Option(False, "--yes", "-y", help="Do not ask (only a terminal is asked).")
SERVER = typer.Argument(..., help="A server of the fleet.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    lab = typer.Typer(
        help="A real swarm on this machine: one node per server of the fleet.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    lab.command("up")(up)
    lab.command("status")(status)
    lab.command("down")(down)
    lab.command("power-off")(power_off)
    lab.command("power-on")(power_on)
    lab.command("destroy")(destroy)
    lab.command("stop-engine")(stop_engine)
    lab.command("start-engine")(start_engine)
    lab.command("freeze")(freeze)
    lab.command("thaw")(thaw)
    lab.command("cut")(cut)
    lab.command("heal")(heal)
    app.add_typer(lab, name="lab")


def up(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    images: ImageChoice = typer.Option(
        ImageChoice.LAB,
        "--images",
        help="lab: built here, with stand-ins; upstream: the real ones, from their registries.",
    ),
    disk: str = typer.Option(
        "",
        "--disk",
        metavar="SIZE",
        help="Give each node a disk of its own, of this size (16G), which drills can fill.",
    ),
    as_json: bool = JSON,
) -> None:
    """Start one node per server of the fleet, each with its own Docker engine."""
    from quorate.entry.cli.lab_show import show
    from quorate.entry.cli.progress import reporter
    from quorate.fleet.read import read_fleet
    from quorate.lab.up import bring_up

    size = _disk_size(disk)
    desired = read_fleet(fleet)
    with reporter() as progress:
        lab = bring_up(
            desired, progress=progress, upstream=images is ImageChoice.UPSTREAM, disk=size
        )
    show(lab, as_json=as_json, whole=False)


def _disk_size(text: str) -> int:
    """Bytes of `--disk`; 0 where it is not given.

    Raises:
        UsageError: not a size, or too small for an engine and its images.
    """
    from quorate.errors import UsageError
    from quorate.fleet.quantities import parse_size

    try:
        size = parse_size(text) if text else 0
    except ValueError as error:
        raise UsageError(f"--disk: {error}") from error
    if text and size < LEAST_DISK:
        raise UsageError(
            f"--disk: {text} is too small",
            cause="an engine with the lab's images takes about 2 GiB",
            todo="give 4G or more; the file grows with what is written",
        )
    return size


def status(fleet: Path | None = FLEET, as_json: bool = JSON) -> None:
    """Show the lab's nodes, what differs from real servers, and its stand-in images."""
    from quorate.entry.cli.lab_show import show

    show(_lab(fleet), as_json=as_json)


def down(
    fleet: Path | None = FLEET,
    everything: bool = typer.Option(
        False, "--all", help="Also remove the lab's images and stop the engine started for it."
    ),
    yes: bool = YES,
) -> None:
    """Remove all the lab made (its nodes' data too), and nothing else."""
    from quorate.entry.cli.progress import reporter
    from quorate.lab.clear import clear_engine
    from quorate.lab.up import take_down

    lab = _lab(fleet) if not everything or _any_lab(fleet) else None
    if lab is not None and not yes:
        _confirm(f"Remove the lab {lab.name} with all that its {len(lab.nodes)} nodes hold?")
    out = []
    with reporter() as progress:
        if lab is not None:
            counts = take_down(lab, progress=progress)
            out.append(", ".join(f"{count} {kind}" for kind, count in counts.items()))
        if everything:
            out += clear_engine(
                progress=progress, socket=lab.engine_socket if lab is not None else None
            )
    typer.echo("removed " + "; ".join(out))


def power_off(
    server: str = SERVER,
    fleet: Path | None = FLEET,
    measure: bool = typer.Option(
        False, "--measure", help="Watch until all that may move runs elsewhere, and time it."
    ),
    limit: float = typer.Option(
        120.0, "--limit", min=1.0, help="Seconds to watch at most, with --measure."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the measurement as JSON."),
) -> None:
    """Cut a server's power: it falls silent at once, and all that runs there dies."""
    if not (measure or as_json):
        from quorate.lab import faults

        _fault(faults.power_off, server, fleet, "has no power")
        return
    from quorate import losing, workflows
    from quorate.entry.cli.lab_show import show_loss
    from quorate.entry.cli.output import print_json
    from quorate.entry.cli.progress import reporter

    lab = _lab(fleet)
    lab.node(server)
    opened = workflows.open_fleet(lab.fleet_path, lab=True)
    with reporter() as report:
        loss = losing.lose_power(opened, server, limit=limit, report=report)
    if as_json:
        print_json(loss.as_json())
    else:
        show_loss(loss)
        if loss.missing:
            raise typer.Exit(VERDICT)


def power_on(server: str = SERVER, fleet: Path | None = FLEET) -> None:
    """Give a server its power back and wait for its engine."""
    from quorate.lab import faults

    _fault(faults.power_on, server, fleet, "has power, and its engine answers")


def destroy(server: str = SERVER, fleet: Path | None = FLEET, yes: bool = YES) -> None:
    """Lose a server with all its disks; `quorate lab up` starts an empty one in its place."""
    from quorate.lab import faults

    if not yes:
        _confirm(f"Lose {server} with all that its disks hold?")
    _fault(faults.destroy, server, fleet, "is lost, with its disks; `quorate lab up` makes it anew")


def stop_engine(server: str = SERVER, fleet: Path | None = FLEET) -> None:
    """Stop a server's Docker engine."""
    from quorate.lab import faults

    _fault(faults.stop_engine, server, fleet, "runs no engine")


def start_engine(server: str = SERVER, fleet: Path | None = FLEET) -> None:
    """Start a server's Docker engine and wait until it answers."""
    from quorate.lab import faults

    _fault(faults.start_engine, server, fleet, "runs its engine")


def freeze(server: str = SERVER, fleet: Path | None = FLEET) -> None:
    """Let every process of a server stand still."""
    from quorate.lab import faults

    _fault(faults.freeze, server, fleet, "is frozen")


def thaw(server: str = SERVER, fleet: Path | None = FLEET) -> None:
    """Let a frozen server go on."""
    from quorate.lab import faults

    _fault(faults.thaw, server, fleet, "goes on")


def cut(
    one: str = typer.Argument(..., metavar="A,B", help="Servers on one side."),
    other: str = typer.Argument(..., metavar="C,D", help="Servers on the other side."),
    fleet: Path | None = FLEET,
) -> None:
    """Part the network: no server of one side reaches any of the other."""
    from quorate.lab import faults

    faults.cut(_lab(fleet), _names(one), _names(other))
    typer.echo(f"{one} and {other} no longer reach each other; `quorate lab heal` undoes it")


def heal(fleet: Path | None = FLEET) -> None:
    """Undo every cut."""
    from quorate.lab import faults

    lab = _lab(fleet)
    faults.heal(lab)
    typer.echo(f"{len(lab.cuts)} pairs of servers reach each other again")


def _fault(
    action: Callable[[Lab, str], None], server: str, fleet: Path | None, result: str
) -> None:
    action(_lab(fleet), server)
    typer.echo(f"{server} {result}")


def _confirm(question: str) -> None:
    import sys

    from quorate.errors import RefusedError

    if sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise RefusedError("not confirmed; nothing was changed")


def _lab(fleet: Path | None) -> Lab:
    from quorate.lab import state

    return state.find(fleet)


def _any_lab(fleet: Path | None) -> bool:
    from quorate.lab import state

    wanted = fleet.resolve() if fleet else None
    return any(wanted in (None, lab.fleet_path) for lab in state.every())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
