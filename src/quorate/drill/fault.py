"""Making a fault in a lab, what undoes it, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.drill import writers
from quorate.drill.file import Kind
from quorate.errors import LabError
from quorate.lab import faults, keeper, nodes
from quorate.lab.state import Lab
from quorate.tools import docker

TABLE = "inet quorate_drill"
"""Every rule of a drill is in a table of this name: by it leftovers are found, and removed."""

NO_TABLE = f"table {TABLE}\ndelete table {TABLE}\n"


def begin(lab: Lab, kind: Kind, targets: Sequence[str], *, one_way: bool = False) -> None:
    """Make the fault; it has begun when this returns.

    Raises:
        LabError: it could not be made on some target; the others are hit.
    """
    if kind is Kind.PARTITION:
        for server, rules in rules_of(lab, targets, one_way=one_way).items():
            nodes.execute(lab, server, "nft", "-f", "-", input=rules)
        return
    for server in targets:
        _one(lab, kind, server)


def _one(lab: Lab, kind: Kind, server: str) -> None:
    if kind is Kind.POWER_OFF:
        faults.power_off(lab, server)
    elif kind is Kind.FREEZE:
        faults.freeze(lab, server)
    else:
        signal = "TERM" if kind is Kind.STOP_ENGINE else "KILL"
        nodes.execute(lab, server, "/lab/engine", "drop", signal)


def rules_of(lab: Lab, targets: Sequence[str], *, one_way: bool) -> dict[str, str]:
    """Server → what `nft -f` is fed there to part the targets from the others. Pure.

    Packets are dropped where they arrive, as in `lab.faults.cut_rules`. `one_way`: the targets
    hear nobody, while the others hear them.
    """
    others = [node.server for node in lab.nodes if node.server not in targets]
    sides = [(targets, others)] if one_way else [(targets, others), (others, targets)]
    return {
        here: NO_TABLE + _dropping([lab.node(other).address for other in far])
        for near, far in sides
        for here in near
    }


def _dropping(addresses: Sequence[str]) -> str:
    return (
        f"table {TABLE} {{\n  chain arriving {{\n"
        "    type filter hook prerouting priority raw; policy accept;\n"
        f"    ip saddr {{ {', '.join(sorted(addresses))} }} drop\n  }}\n}}\n"
    )


def undoing(lab: Lab, kind: Kind, targets: Sequence[str]) -> str:
    """Shell commands that undo the fault, whatever has become of it; see `keeper.arm`. Pure."""
    lines = []
    servers = [node.server for node in lab.nodes] if kind is Kind.PARTITION else targets
    for name in (lab.node(server).container for server in servers):
        if kind is Kind.POWER_OFF:
            lines.append(f"docker start {name}")
        elif kind is Kind.FREEZE:
            frozen = f"[ \"$(docker inspect -f '{{{{.State.Paused}}}}' {name})\" = true ]"
            lines.append(f"if {frozen}; then docker unpause {name}; fi")
        elif kind is Kind.PARTITION:
            text = NO_TABLE.replace("\n", "\\n")
            lines.append(f"printf '{text}' | docker exec -i {name} nft -f -")
        else:
            lines.append(f"docker exec {name} /lab/engine settle")
            lines.append(f"docker exec {name} /lab/engine start")
    return "\n".join(lines)


def leftovers(lab: Lab) -> list[str]:
    """What a drill has left in a lab, in words: a keeper, probes, rules, servers not as before.

    Raises:
        LabError: what a drill has written somewhere is not known.
    """
    found = [f"what a drill wrote to {name}" for name in writers.left(lab)]
    label = f"label={keeper.LABEL_DRILL}"
    form = ("ps", "-a", "--format", "{{.Names}}", "--filter", label)
    here = ("--filter", f"label=quorate.lab={lab.name}")
    listed = docker.cli(lab.engine_socket, *form, *here).stdout.split()
    found += [f"the container {name}" for name in listed]
    for node in lab.nodes:
        state, _ = nodes.inspect(lab.engine_socket, node.container)
        if state != "running":
            found.append(f"{node.server} is {'frozen' if state == 'paused' else 'off'}")
            continue
        tables = nodes.execute(lab, node.server, "nft", "list", "tables", check=False)
        if f"table {TABLE}" in tables:
            found.append(f"packet rules on {node.server}")
        probes = nodes.execute(lab, node.server, "docker", *form, check=False).split()
        found += [f"the container {name} on {node.server}" for name in probes]
    return found


def clear(lab: Lab) -> list[str]:
    """Remove what of a drill its keeper would not, in words: rules, probes, what was written.

    Servers stay off.

    Raises:
        LabError: what was written could not be removed.
    """
    done = []
    form = ("ps", "-aq", "--filter", f"label={keeper.LABEL_DRILL}")
    for node in lab.nodes:
        state, _ = nodes.inspect(lab.engine_socket, node.container)
        if state != "running":
            continue
        tables = nodes.execute(lab, node.server, "nft", "list", "tables", check=False)
        if f"table {TABLE}" in tables:
            nodes.execute(lab, node.server, "nft", "-f", "-", input=NO_TABLE)
            done.append(f"removed packet rules on {node.server}")
        probes = nodes.execute(lab, node.server, "docker", *form, check=False).split()
        if probes:
            nodes.execute(lab, node.server, "docker", "rm", "-f", *probes, check=False)
            done.append(f"removed {len(probes)} probes on {node.server}")
    return done + _unwrite(lab)


def _unwrite(lab: Lab) -> list[str]:
    written = writers.left(lab)
    writers.collect(lab)
    if writers.left(lab):
        raise LabError(
            f"what a drill wrote to {', '.join(written)} could not be removed",
            cause="no answer, or no server left that is in its network",
            todo="when it answers again: `quorate drill undo`",
        )
    return [f"removed what a drill wrote to {name}" for name in written]
