"""Making a fault in a lab, what undoes it, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.drill.file import FaultEntry, Kind
from quorate.errors import LabError
from quorate.lab import faults, keeper, nodes
from quorate.lab.state import Lab
from quorate.tools import docker

TABLE = "inet quorate_drill"
"""Every rule of a drill is in a table of this name: by it leftovers are found, and removed."""

NO_TABLE = f"table {TABLE}\ndelete table {TABLE}\n"


BY_RULES = (Kind.PARTITION, Kind.PACKET_LOSS)

FILLER = "/var/lib/docker/quorate-drill"
# Space is given away, not written to (fallocate): it takes no time, and none of the machine's
# own disk. The largest piece that can be had each time, then the last blocks one by one.
FILL = """\
mkdir -p "$1"
number=0
piece=$(df --output=avail -B1 "$1" | tail -n 1)
while [ "$piece" -ge 4096 ]; do
    if fallocate -l "$piece" "$1/$number" 2> /dev/null; then
        number=$((number + 1))
    else
        rm -f "$1/$number"
        piece=$((piece / 2))
    fi
done
while printf x > "$1/$number" 2> /dev/null; do number=$((number + 1)); done
"""
HAS_DISK = "case $(findmnt -n -o SOURCE --mountpoint /var/lib/docker | tail -n 1) in"
HAS_DISK += " /dev/loop*) echo yes ;; esac"


def possible(lab: Lab, what: FaultEntry, targets: Sequence[str]) -> None:
    """Find out whether the fault can be made here; nothing is changed.

    Raises:
        LabError: it cannot.
    """
    if what.kind in BY_RULES:
        for server, rules in rules_of(lab, what, targets).items():
            _try_rules(lab, what, server, rules)
    if what.kind is Kind.DISK_FULL:
        for server in targets:
            if "yes" not in nodes.execute(lab, server, "bash", "-c", HAS_DISK, check=False):
                raise LabError(
                    f"the disk of {server} cannot be filled",
                    cause="it has none of its own in this lab: it would be this machine's",
                    todo="`quorate lab down`, then `quorate lab up --disk 16G`, and `quorate up`",
                )


def _try_rules(lab: Lab, what: FaultEntry, server: str, rules: str) -> None:
    try:
        nodes.execute(lab, server, "nft", "--check", "-f", "-", input=rules)
    except LabError as error:
        raise LabError(
            f"{what.words} cannot be made on {server}",
            cause=error.cause or error.what,
            todo="this kernel lacks it: another machine's may have it; nothing was broken",
        ) from error


def begin(lab: Lab, what: FaultEntry, targets: Sequence[str]) -> None:
    """Make the fault; it has begun when this returns.

    Raises:
        LabError: it could not be made on some target; the others are hit.
    """
    if what.kind in BY_RULES:
        for server, rules in rules_of(lab, what, targets).items():
            nodes.execute(lab, server, "nft", "-f", "-", input=rules)
        return
    for server in targets:
        _one(lab, what.kind, server)


def _one(lab: Lab, kind: Kind, server: str) -> None:
    if kind is Kind.POWER_OFF:
        faults.power_off(lab, server)
    elif kind is Kind.FREEZE:
        faults.freeze(lab, server)
    elif kind is Kind.DISK_FULL:
        nodes.execute(lab, server, "bash", "-euc", FILL, "fill", FILLER)
    else:
        signal = "TERM" if kind is Kind.STOP_ENGINE else "KILL"
        nodes.execute(lab, server, "/lab/engine", "drop", signal)


def rules_of(lab: Lab, what: FaultEntry, targets: Sequence[str]) -> dict[str, str]:
    """Server → what `nft -f` is fed there to part the targets from the others. Pure.

    Packets are dropped where they arrive, as in `lab.faults.cut_rules`. One way: the targets
    hear nobody, while the others hear them.
    """
    others = [node.server for node in lab.nodes if node.server not in targets]
    sides = [(targets, others)] if what.one_way else [(targets, others), (others, targets)]
    return {
        here: NO_TABLE + _dropping(what, [lab.node(other).address for other in far])
        for near, far in sides
        for here in near
    }


def selectors(what: FaultEntry) -> list[str]:
    """Which packets are dropped of those to or from some addresses, in nft's words."""
    if what.ports:
        # Both a call and its answer: to the other end it is as if the port led nowhere.
        ports = f"{{ {', '.join(map(str, sorted(set(what.ports))))} }}"
        return [f"meta l4proto {{ tcp, udp }} th {end} {ports} " for end in ("dport", "sport")]
    if what.kind is Kind.PACKET_LOSS:
        return [f"numgen random mod 10000 < {round(what.loss * 10000)} "]
    return [""]


def _dropping(what: FaultEntry, addresses: Sequence[str]) -> str:
    """A table that drops what comes from some addresses: all, or that of the ports, or a share."""
    sender = f"ip saddr {{ {', '.join(sorted(addresses))} }}"
    lines = "".join(f"    {sender} {each}drop\n" for each in selectors(what))
    return (
        f"table {TABLE} {{\n  chain arriving {{\n"
        f"    type filter hook prerouting priority raw; policy accept;\n{lines}  }}\n}}\n"
    )


def undoing(lab: Lab, kind: Kind, targets: Sequence[str]) -> str:
    """Shell commands that undo the fault, whatever has become of it; see `keeper.arm`. Pure."""
    lines = []
    servers = [node.server for node in lab.nodes] if kind in BY_RULES else targets
    for name in (lab.node(server).container for server in servers):
        if kind is Kind.POWER_OFF:
            lines.append(f"docker start {name}")
        elif kind is Kind.FREEZE:
            frozen = f"[ \"$(docker inspect -f '{{{{.State.Paused}}}}' {name})\" = true ]"
            lines.append(f"if {frozen}; then docker unpause {name}; fi")
        elif kind is Kind.DISK_FULL:
            lines.append(f"docker exec {name} rm -rf {FILLER}")
        elif kind in BY_RULES:
            text = NO_TABLE.replace("\n", "\\n")
            lines.append(f"printf '{text}' | docker exec -i {name} nft -f -")
        else:
            lines.append(f"docker exec {name} /lab/engine settle")
            lines.append(f"docker exec {name} /lab/engine start")
    return "\n".join(lines)


def leftovers(lab: Lab) -> list[str]:
    """What a drill has left in a lab, in words: a keeper, probes, rules, servers not as before."""
    found = []
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
        if nodes.execute(lab, node.server, "ls", "-d", FILLER, check=False).strip():
            found.append(f"the filled disk of {node.server}")
        probes = nodes.execute(lab, node.server, "docker", *form, check=False).split()
        found += [f"the container {name} on {node.server}" for name in probes]
    return found


def clear(lab: Lab) -> list[str]:
    """Remove what of a drill its keeper would not: rules and probes; in words. Servers stay off."""
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
        if nodes.execute(lab, node.server, "ls", "-d", FILLER, check=False).strip():
            nodes.execute(lab, node.server, "rm", "-rf", FILLER)
            done.append(f"emptied the disk of {node.server}")
        probes = nodes.execute(lab, node.server, "docker", *form, check=False).split()
        if probes:
            nodes.execute(lab, node.server, "docker", "rm", "-f", *probes, check=False)
            done.append(f"removed {len(probes)} probes on {node.server}")
    return done
