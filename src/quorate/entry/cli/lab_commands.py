"""Commands: `quorate lab …`, a real multi-server swarm on one machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from quorate.lab.state import Lab
    from quorate.lab.status import LabStatus, NodeStatus

DEFAULT_FLEET = Path("fleet.yaml")
GIBIBYTE = 1024**3
IMAGE_KINDS = {
    "upstream": "images from their registries",
    "debian": "the real programs, from Debian's packages",
    "stand-in": "stand-ins, which only listen and answer health checks",
}


class ImageChoice(StrEnum):
    """Where the lab's images come from."""

    LAB = "lab"
    UPSTREAM = "upstream"


FLEET = typer.Argument(None, help="The fleet file; not needed where only one lab runs.")
FLEET_OPTION = typer.Option(
    None, "--fleet", help="The fleet file; not needed where only one lab runs."
)
JSON = typer.Option(False, "--json", help="Print the lab as JSON.")
SERVER = typer.Argument(..., help="A server of the fleet.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    lab = typer.Typer(
        help="A real swarm on this machine: one node per server of the fleet.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    lab.command("up")(up)
    lab.command("status")(status)
    lab.command("down")(down)
    lab.command("power-off")(power_off)
    lab.command("power-on")(power_on)
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
    as_json: bool = JSON,
) -> None:
    """Start one node per server of the fleet, each with its own Docker engine."""
    from quorate.entry.cli.progress import reporter
    from quorate.fleet.read import read_fleet
    from quorate.lab.up import bring_up

    desired = read_fleet(fleet)
    with reporter() as progress:
        lab = bring_up(desired, progress=progress, upstream=images is ImageChoice.UPSTREAM)
    _show(lab, as_json=as_json)


def status(fleet: Path | None = FLEET, as_json: bool = JSON) -> None:
    """Show the lab's nodes, what differs from real servers, and its stand-in images."""
    _show(_lab(fleet), as_json=as_json)


def down(
    fleet: Path | None = FLEET,
    everything: bool = typer.Option(
        False, "--all", help="Also remove the lab's images and stop the engine started for it."
    ),
) -> None:
    """Remove all the lab made (its nodes' data too), and nothing else."""
    from quorate.entry.cli.progress import reporter
    from quorate.lab.clear import clear_engine
    from quorate.lab.up import take_down

    out = []
    with reporter() as progress:
        if not everything or _any_lab(fleet):
            lab = _lab(fleet)
            counts = take_down(lab, progress=progress)
            out.append(", ".join(f"{count} {kind}" for kind, count in counts.items()))
        if everything:
            out += clear_engine(progress=progress)
    typer.echo("removed " + "; ".join(out))


def power_off(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Cut a server's power: it falls silent at once, and all that runs there dies."""
    from quorate.lab import faults

    _fault(faults.power_off, server, fleet, "has no power")


def power_on(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Give a server its power back and wait for its engine."""
    from quorate.lab import faults

    _fault(faults.power_on, server, fleet, "has power, and its engine answers")


def stop_engine(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Stop a server's Docker engine."""
    from quorate.lab import faults

    _fault(faults.stop_engine, server, fleet, "runs no engine")


def start_engine(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Start a server's Docker engine and wait until it answers."""
    from quorate.lab import faults

    _fault(faults.start_engine, server, fleet, "runs its engine")


def freeze(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Let every process of a server stand still."""
    from quorate.lab import faults

    _fault(faults.freeze, server, fleet, "is frozen")


def thaw(server: str = SERVER, fleet: Path | None = FLEET_OPTION) -> None:
    """Let a frozen server go on."""
    from quorate.lab import faults

    _fault(faults.thaw, server, fleet, "goes on")


def cut(
    one: str = typer.Argument(..., metavar="A,B", help="Servers on one side."),
    other: str = typer.Argument(..., metavar="C,D", help="Servers on the other side."),
    fleet: Path | None = FLEET_OPTION,
) -> None:
    """Part the network: no server of one side reaches any of the other."""
    from quorate.lab import faults

    faults.cut(_lab(fleet), _names(one), _names(other))
    typer.echo(f"{one} and {other} no longer reach each other; `quorate lab heal` undoes it")


def heal(fleet: Path | None = FLEET_OPTION) -> None:
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


def _lab(fleet: Path | None) -> Lab:
    from quorate.lab import state

    return state.find(fleet)


def _any_lab(fleet: Path | None) -> bool:
    from quorate.lab import state

    wanted = fleet.resolve() if fleet else None
    return any(wanted in (None, lab.fleet_path) for lab in state.every())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show(lab: Lab, *, as_json: bool) -> None:
    from quorate.entry.cli.output import console, print_json
    from quorate.lab.status import look

    seen = look(lab)
    if as_json:
        print_json(seen)
        return
    out = console()
    out.print(f"lab [bold]{seen.name}[/] of {seen.fleet_path}", soft_wrap=True)
    out.print(_table(seen))
    for line in _remarks(seen, lab):
        out.print(line, soft_wrap=True, markup=False)


def _table(seen: LabStatus) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("server", "power", "engine", "swarm", "address"):
        table.add_column(heading)
    for heading in ("CPUs", "memory", "really used", "containers"):
        table.add_column(heading, justify="right")
    table.add_column("cut from")
    for node in seen.nodes:
        table.add_row(*_row(node))
    return table


def _row(node: NodeStatus) -> tuple[str, ...]:
    powers = {"on": "on", "off": "[red]off[/]", "frozen": "[cyan]frozen[/]"}
    return (
        node.server,
        powers.get(node.power, f"[red]{node.power}[/]"),
        node.engine or "[red]no answer[/]",
        node.swarm or "-",
        node.address,
        str(node.cpus),
        f"{node.memory / GIBIBYTE:.1f} GiB",
        f"{node.memory_used / GIBIBYTE:.2f} GiB",
        str(node.containers),
        ", ".join(node.cut_from),
    )


def _remarks(seen: LabStatus, lab: Lab) -> list[str]:
    from quorate.lab.up import feature_words

    out = [
        f"memory is the fleet's × {seen.memory_factor:.3f}, CPUs × {seen.cpu_factor:.3f} "
        "(at least one each)",
        f"this machine: {'; '.join(feature_words(lab))}",
        f"by hand: ssh -F {lab.ssh_config} SERVER",
    ]
    if not seen.complete:
        out.append(f"not complete: run `quorate lab up {seen.fleet_path}` again")
    for kind, words in IMAGE_KINDS.items():
        names = sorted(name for name, source in seen.images.items() if source.kind == kind)
        if names:
            out.append(f"{words} ({len(names)}): {', '.join(names)}")
    return out
