"""How a lab, and a measured loss of power, look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from quorate.lab.derive import Difference
    from quorate.lab.state import Lab
    from quorate.lab.status import LabStatus, NodeStatus, OutsideStatus
    from quorate.losing import Loss

GIBIBYTE = 1024**3
NAMES_SHOWN = 4  # of the services that differ in the same way
IMAGE_KINDS = {
    "upstream": "images from their registries",
    "debian": "the real programs, from Debian's packages",
    "stand-in": "stand-ins, which only listen and answer health checks",
}


def show(lab: Lab, *, as_json: bool, whole: bool = True) -> None:
    """Look at the lab and print what is seen; not `whole`: how many, instead of which ones."""
    from quorate.entry.cli.output import console, print_json
    from quorate.lab.status import look

    seen = look(lab).model_copy(update={"differences": _differences(lab)})
    if as_json:
        print_json(seen)
        return
    out = console()
    out.print(f"lab [bold]{seen.name}[/] of {seen.fleet_path}", soft_wrap=True)
    out.print(_table(seen))
    if seen.outside:
        out.print(_outside(seen.outside), soft_wrap=True)
    for line in [*_remarks(seen, lab), *_images(seen, whole=whole), *_differing(seen, whole=whole)]:
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


def _outside(host: OutsideStatus) -> str:
    answers = " and ".join(host.answers) or "nothing"
    cut = f", cut from {', '.join(host.cut_from)}" if host.cut_from else ""
    return (
        f"outside host [bold]{host.name}[/] at {host.address}, power {host.power}{cut}: "
        f"{answers} answers; serves {', '.join(host.repositories)}"
    )


def _remarks(seen: LabStatus, lab: Lab) -> list[str]:
    from quorate.lab.up import feature_words

    used = sum(node.memory_used for node in seen.nodes) / GIBIBYTE
    out = [
        f"together the nodes take {used:.1f} GiB of this machine's memory",
        f"memory is the fleet's × {seen.memory_factor:.3f}, CPUs × {seen.cpu_factor:.3f} "
        "(at least one each)",
        f"this machine: {'; '.join(feature_words(lab))}",
        f"by hand: ssh -F {lab.ssh_config} SERVER",
    ]
    if not seen.complete:
        out.append(f"not complete: run `quorate lab up {seen.fleet_path}` again")
    return out


def _images(seen: LabStatus, *, whole: bool) -> list[str]:
    out = []
    for kind, words in IMAGE_KINDS.items():
        names = sorted(
            # Debian's version is rarely the one that the name asks for.
            f"{name} ({source.detail})" if kind == "debian" else name
            for name, source in seen.images.items()
            if source.kind == kind
        )
        if names:
            which = f": {', '.join(names)}" if whole else ""
            out.append(f"{words} ({len(names)}){which}")
    return out


def _differences(lab: Lab) -> tuple[Difference, ...] | None:
    from quorate import workflows
    from quorate.errors import CheckError, InfeasibleError

    try:
        return workflows.lab_differences(lab)
    except (CheckError, InfeasibleError):
        return None


def _differing(seen: LabStatus, *, whole: bool) -> list[str]:
    from quorate.lab.derive import grouped

    if seen.differences is None:
        todo = f"first mend what `quorate plan {seen.fleet_path}` says"
        return [f"how its stack files differ cannot be told: {todo}"]
    head = f"its stack files differ from the real ones in {len(seen.differences)} places"
    if not whole:
        return [f"{head}; `quorate lab status` lists all this"]
    return [
        f"{head} (one by one: --json):",
        *(
            f"  {group.key} ({len(group.of)}): {group.why}: {_names(group.of)}"
            for group in grouped(seen.differences)
        ),
    ]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return f"{shown} …" if len(names) > NAMES_SHOWN else shown


def show_loss(loss: Loss) -> None:
    """Print what a loss of power did, service by service."""
    from quorate.entry.cli.output import console

    out = console()
    role = "the leader" if loss.leader else "not the leader"
    noticed = f"{loss.noticed:.1f} s" if loss.noticed is not None else "never"
    out.print(f"{loss.server} ({role}) lost power; Swarm noticed after {noticed}", markup=False)
    for name, seconds in sorted(loss.recovered.items(), key=lambda item: (item[1], item[0])):
        out.print(f"  {seconds:6.1f} s  {name}", markup=False)
    total = len(loss.recovered) + len(loss.missing)
    last = max(loss.recovered.values(), default=0.0)
    out.print(
        f"{len(loss.recovered)} of {total} services that may move run elsewhere"
        + (f", the last after {last:.1f} s" if loss.recovered else ""),
        markup=False,
    )
    if loss.late:
        out.print(
            f"after their recovery target ({loss.target:g} s, or their own): "
            f"{len(loss.late)}: {', '.join(loss.late)}",
            markup=False,
            soft_wrap=True,
        )
    elif loss.recovered:
        out.print(f"all of these within their recovery targets ({loss.target:g} s, or their own)")
    if loss.missing:
        out.print(f"not back yet: {', '.join(loss.missing)}", markup=False, soft_wrap=True)
    if loss.stayed:
        out.print(
            f"wait for {loss.server}, as they must: {', '.join(loss.stayed)}",
            markup=False,
            soft_wrap=True,
        )
