"""Making a lab's servers fail, and well again: power, engine, freeze, partition.

Each fault can be repeated: doing again what is done already changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from quorate.errors import LabError
from quorate.lab import nodes, state
from quorate.lab.state import Lab
from quorate.tools import clock, docker

ENGINE_STOP_SECONDS = 45.0
FREEZE_TRIES, FREEZE_PAUSE = 10, 0.3
# Everything a cut adds lives in a table of this name, so healing removes just that.
TABLE = "inet quorate_lab"


def power_off(lab: Lab, server: str) -> None:
    """Cut a server's power.

    Its link goes down first: killed alone, its kernel would still close every
    connection, and peers would know at once what after a power cut they must
    find out by waiting.

    Raises:
        LabError: the lab has no such server, or it would not go off.
    """
    node = lab.node(server)
    condition, _ = nodes.inspect(lab.engine_socket, node.container)
    if condition in ("exited", "created", "dead"):
        return
    if condition is None:
        raise nodes.not_running(server, condition)
    if condition == "paused":
        # A frozen node can run nothing, and cannot be killed on cgroup v1.
        docker.cli(lab.engine_socket, "unpause", node.container)
    nodes.execute(lab, server, "ip", "link", "set", "eth0", "down")
    docker.cli(lab.engine_socket, "kill", node.container)


def destroy(lab: Lab, server: str) -> None:
    """Lose a server with all its disks; `quorate lab up` starts an empty one in its place.

    Raises:
        LabError: the lab has no such server, or it would not go.
    """
    node = lab.node(server)
    condition, _ = nodes.inspect(lab.engine_socket, node.container)
    if condition is not None:
        power_off(lab, server)
        docker.cli(lab.engine_socket, "rm", "-f", "-v", node.container)
    docker.cli(lab.engine_socket, "volume", "rm", "-f", node.volume)


def power_on(lab: Lab, server: str) -> None:
    """Give a server its power back and wait until its engine answers.

    Cuts it was part of hold again, as they would in cabling.

    Raises:
        LabError: the lab has no such server, or its engine does not come up.
    """
    node = lab.node(server)
    condition, _ = nodes.inspect(lab.engine_socket, node.container)
    if condition is None:
        raise nodes.not_running(server, condition)
    if condition != "running":
        docker.cli(lab.engine_socket, "start", node.container)
        apply_cuts(lab, [server])
    nodes.wait_ready(lab, node)


def stop_engine(lab: Lab, server: str) -> None:
    """Stop a server's Docker engine (and with it its containers), the server staying up.

    Raises:
        LabError: the server is off or frozen, or the engine does not stop.
    """
    nodes.execute(lab, server, "/lab/engine", "stop", timeout=ENGINE_STOP_SECONDS)


def start_engine(lab: Lab, server: str) -> None:
    """Start a server's Docker engine and wait until it answers.

    Raises:
        LabError: the server is off or frozen, or the engine does not come up.
    """
    nodes.execute(lab, server, "/lab/engine", "start")
    nodes.wait_ready(lab, lab.node(server))


def freeze(lab: Lab, server: str) -> None:
    """Stop a server's processor: every process on it, its containers' included, stands still.

    Raises:
        LabError: the lab has no such server, or it is off.
    """
    node = lab.node(server)
    condition, _ = nodes.inspect(lab.engine_socket, node.container)
    if condition == "paused":
        return
    if condition != "running":
        raise nodes.not_running(server, condition)
    # A busy node's processes do not all stand still within runc's patience at the first try.
    for _ in range(FREEZE_TRIES - 1):
        if docker.cli(lab.engine_socket, "pause", node.container, check=False).ok:
            return
        clock.sleep(FREEZE_PAUSE)
    docker.cli(lab.engine_socket, "pause", node.container)


def thaw(lab: Lab, server: str) -> None:
    """Let a frozen server go on.

    Raises:
        LabError: the lab has no such server, or it is off.
    """
    node = lab.node(server)
    condition, _ = nodes.inspect(lab.engine_socket, node.container)
    if condition == "running":
        return
    if condition != "paused":
        raise nodes.not_running(server, condition)
    docker.cli(lab.engine_socket, "unpause", node.container)


def cut(lab: Lab, one: Sequence[str], other: Sequence[str]) -> Lab:
    """Part the network: no server of `one` reaches any of `other`, nor the reverse.

    Servers named in neither group still reach all. A second cut adds to the first.

    Raises:
        LabError: an unknown server, or one on both sides.
    """
    for server in (*one, *other):
        lab.node(server)
    both = sorted(set(one) & set(other))
    if both:
        raise LabError(f"{', '.join(both)} cannot be on both sides of a cut")
    _refuse_frozen(lab, [*one, *other])
    pairs = {tuple(sorted(pair)) for pair in product(one, other)}
    cuts = tuple(sorted({*lab.cuts, *((first, second) for first, second in pairs)}))
    lab = state.save(lab.model_copy(update={"cuts": cuts}))
    apply_cuts(lab, [*one, *other])
    return lab


def heal(lab: Lab) -> Lab:
    """Undo every cut. Servers that are off have nothing to undo; a frozen one is an error.

    Raises:
        LabError: a server is frozen.
    """
    members = {server for pair in lab.cuts for server in pair}
    _refuse_frozen(lab, members)
    healed = lab.model_copy(update={"cuts": ()})
    apply_cuts(healed, sorted(members))
    return state.save(healed)


def cut_rules(lab: Lab, server: str) -> str:
    """What `nft -f` must be fed in a server so that exactly the lab's cuts hold there. Pure.

    Arriving packets are dropped, at both ends: to a sender, a cut looks like
    silence, as it does with cabling, and not like a refusal by its own kernel.
    Making the table before deleting it lets the first run pass where there is none.
    """
    peers = [
        other
        for first, second in lab.cuts
        for me, other in ((first, second), (second, first))
        if me == server
    ]
    lines = [f"table {TABLE}", f"delete table {TABLE}"]
    if peers:
        addresses = ", ".join(sorted(lab.node(peer).address for peer in peers))
        lines += [
            f"table {TABLE} {{",
            "  chain arriving {",
            "    type filter hook prerouting priority raw; policy accept;",
            f"    ip saddr {{ {addresses} }} drop",
            "  }",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _refuse_frozen(lab: Lab, servers: Iterable[str]) -> None:
    """Nothing can be changed on a frozen server; find out before changing others."""
    for server in servers:
        condition, _ = nodes.inspect(lab.engine_socket, lab.node(server).container)
        if condition == "paused":
            raise nodes.not_running(server, condition)


def apply_cuts(lab: Lab, servers: Iterable[str]) -> None:
    """Make exactly the lab's cuts hold on those of the servers that are on."""
    for server in servers:
        condition, _ = nodes.inspect(lab.engine_socket, lab.node(server).container)
        if condition == "running":
            nodes.execute(lab, server, "nft", "-f", "-", input=cut_rules(lab, server))
