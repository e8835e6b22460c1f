"""The lab's network and nodes: made, started, waited for and removed.

Everything carries the label `quorate.lab=NAME`; removal goes by it, and by
nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from ipaddress import IPv4Network
from pathlib import Path

from quorate.errors import LabError
from quorate.lab import keys, sizes
from quorate.lab.node_options import (
    LABEL_DIRECTORY,
    LABEL_LAB,
    LABEL_SERVER,
    LABEL_SPEC,
    Frame,
    create_arguments,
    spec_digest,
)
from quorate.lab.state import Lab, Node
from quorate.tools import docker

READY_SECONDS = 60
SCRIPTS = {"node-entry": "entry", "node-engine": "engine"}


def in_parallel(work: Callable[[Node], None], nodes: Sequence[Node]) -> None:
    """Do the same on every node at once; the first error is raised after all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        for future in [pool.submit(work, node) for node in nodes]:
            future.result()


def taken_subnets(socket: Path) -> list[IPv4Network]:
    """Networks in use on this machine: the engine's and the routed ones."""
    out = list(sizes.routed_networks(Path("/proc/net/route").read_text()))
    names = docker.cli(socket, "network", "ls", "-q").stdout.split()
    if names:
        for network in json.loads(docker.cli(socket, "network", "inspect", *names).stdout):
            for item in network["IPAM"].get("Config") or ():
                if "." in item.get("Subnet", ""):
                    out.append(IPv4Network(item["Subnet"], strict=False))
    return out


def network_subnet(socket: Path, network: str) -> str | None:
    """The subnet of a network of the engine, or None when there is no such network."""
    found = docker.cli(socket, "network", "inspect", network, check=False)
    if not found.ok:
        return None
    return str(json.loads(found.stdout)[0]["IPAM"]["Config"][0]["Subnet"])


def directories(socket: Path, name: str) -> set[Path]:
    """Where the nodes of labs of that name, whoever brought them up, have their state."""
    form = f'{{{{.Label "{LABEL_DIRECTORY}"}}}}'
    listed = docker.cli(
        socket, *("ps", "-a", "--format", form, "--filter", f"label={LABEL_LAB}={name}")
    )
    return {Path(line) for line in listed.stdout.splitlines() if line}


def ensure_network(lab: Lab) -> None:
    """Make the lab's network where it is missing.

    Raises:
        LabError: the network exists with another subnet.
    """
    present = network_subnet(lab.engine_socket, lab.network)
    if present == lab.subnet:
        return
    if present is not None:
        raise LabError(
            f"the network {lab.network} exists with the subnet {present}, not {lab.subnet}",
            todo="run `quorate lab down`, then `quorate lab up` again",
        )
    docker.cli(
        lab.engine_socket,
        *("network", "create", "--subnet", lab.subnet, "--label", f"{LABEL_LAB}={lab.name}"),
        lab.network,
    )


def write_files(lab: Lab) -> None:
    """Write what each node finds under /lab: scripts, sizes of memory and disk, name resolution.

    Unless the lab uses upstream images, a node asks itself for names, where
    nobody listens: any name the lab does not know is refused at once. A registry
    that cannot be looked up would otherwise add a DNS time-out of 20 to 40 s to
    every start of a task.
    """
    real = Path("/proc/meminfo").read_text()
    package = resources.files("quorate.lab") / "files"
    for node in lab.nodes:
        folder = keys.node_directory(lab, node.server)
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in SCRIPTS.items():
            (folder / name).write_text((package / source).read_text())
            (folder / name).chmod(0o755)
        if lab.disk:
            (folder / "disk").write_text(f"{lab.disk}\n")
        (folder / "meminfo").write_text(sizes.meminfo(real, node.memory))
        resolver = f"nameserver {node.address}\noptions timeout:1 attempts:1\n"
        (folder / "resolv.conf").write_text("" if lab.upstream else resolver)


def ensure_running(lab: Lab, node: Node, frame: Frame) -> None:
    """Make and start a node where it is missing or stopped; keep one that runs.

    A node whose options changed is made anew around its volume, which holds all
    that its engine knows.
    """
    directory = keys.node_directory(lab, node.server)
    ensure_created(lab, node, create_arguments(node, frame, directory=directory))


def ensure_created(lab: Lab, node: Node, arguments: Sequence[str]) -> None:
    """The same for any host of the lab, with the arguments of its `docker create`."""
    socket = lab.engine_socket
    state, digest = inspect(socket, node.container)
    if state is not None and digest != spec_digest(arguments):
        docker.cli(socket, "rm", "-f", node.container)
        state = None
    if state is None:
        label = f"{LABEL_LAB}={lab.name}"
        docker.cli(socket, "volume", "create", "--label", label, node.volume)
        docker.cli(socket, "create", *arguments)
    if state == "paused":
        docker.cli(socket, "unpause", node.container)
    if state not in ("running", "paused"):
        docker.cli(socket, "start", node.container)
    else:
        execute(lab, node.server, "/lab/engine", "start")


def inspect(socket: Path, container: str) -> tuple[str | None, str]:
    """A container's state (running, paused, exited …) and spec digest; (None, "") without it."""
    form = f'{{{{.State.Status}}}}|{{{{index .Config.Labels "{LABEL_SPEC}"}}}}'
    found = docker.cli(socket, "inspect", "--format", form, container, check=False)
    if not found.ok:
        return None, ""
    state, _, digest = found.stdout.strip().partition("|")
    return state, digest


def execute(
    lab: Lab,
    server: str,
    *argv: str,
    input: str | None = None,
    timeout: float = 60.0,
    check: bool = True,
) -> str:
    """Run a program in a node (as root, without ssh) and return what it printed.

    Raises:
        LabError: the node is off or frozen, or (with `check`) the program failed.
    """
    node = lab.node(server)
    result = docker.cli(
        lab.engine_socket,
        *("exec", "-i", node.container, *argv),
        input=input,
        timeout=timeout,
        check=False,
    )
    if check and not result.ok:
        state, _ = inspect(lab.engine_socket, node.container)
        if state == "running":
            raise LabError(
                f"in the lab's node {server}: `{' '.join(argv)}` failed",
                cause=result.stderr.strip() or result.stdout.strip() or None,
            )
        raise not_running(server, state)
    return result.stdout


def not_running(server: str, state: str | None) -> LabError:
    """The error for a node that is off, frozen or gone."""
    ways = {
        "paused": ("is frozen", f"`quorate lab thaw {server}`"),
        None: ("does not exist", "`quorate lab up`"),
    }
    what, todo = ways.get(state, ("is off", f"`quorate lab power-on {server}`"))
    return LabError(f"the lab's node {server} {what}", todo=f"run {todo}")


def wait_ready(lab: Lab, node: Node) -> None:
    """Wait until a node's engine answers.

    Raises:
        LabError: it did not within a minute, or the node ended; its last words are the cause.
    """
    deadline = str(READY_SECONDS)
    try:
        execute(lab, node.server, "/lab/engine", "wait", deadline, timeout=READY_SECONDS + 15)
    except LabError as error:
        state, _ = inspect(lab.engine_socket, node.container)
        if state != "exited":
            raise
        said = docker.cli(lab.engine_socket, "logs", "--tail", "5", node.container, check=False)
        raise LabError(
            f"the lab's node {node.server} ended right after its start",
            cause=(said.stderr or said.stdout).strip() or None,
            todo=f"check that the engine's machine has the directory {lab.directory}",
        ) from error


def remove_strangers(lab: Lab) -> None:
    """Remove nodes of servers that are no longer in the fleet file, with their volumes."""
    mine = {node.container for node in lab.nodes}
    mine |= {lab.outside.node.container} if lab.outside else set()
    listed = docker.cli(
        lab.engine_socket,
        *("ps", "-a", "--format", "{{.Names}}", "--filter", f"label={LABEL_LAB}={lab.name}"),
        *("--filter", f"label={LABEL_SERVER}"),
    ).stdout.split()
    for name in set(listed) - mine:
        docker.cli(lab.engine_socket, "rm", "-f", name)
        docker.cli(lab.engine_socket, "volume", "rm", "-f", name)
