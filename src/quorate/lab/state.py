"""What is known about a running lab, kept in one file outside the checkout."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pydantic import Field, ValidationError

from quorate.errors import LabError
from quorate.fleet.model import Model

FILE_NAME = "lab.json"


class Features(Model):
    """What the machine's kernel can do for the lab's nodes, as probed.

    `ipvs`: virtual addresses and the routing mesh work. `encrypted_overlay`:
    networks between nodes can be encrypted. `iptables`: nft or legacy.
    `privileged`: nodes run with `--privileged` rather than single capabilities.
    """

    ipvs: bool = False
    encrypted_overlay: bool = False
    iptables: str = "nft"
    privileged: bool = False


class ImageSource(Model):
    """Where the lab's copy of an image comes from.

    `kind`: debian (the real program, from Debian's packages), stand-in (listens
    and answers health checks, does nothing else) or upstream (the real image).
    """

    kind: str
    detail: str = ""


class Node(Model):
    """One server of the lab: a container that runs an engine of its own.

    `memory` in bytes and `cpus` in threads are what its engine reports.
    """

    server: str
    container: str
    volume: str
    address: str
    memory: int
    cpus: int
    cpuset: str


class Served(Model):
    """A repository of the fleet that the outside host serves; `path` as in the fleet file."""

    name: str
    place: str
    path: str


class Outside(Model):
    """The outside host: a container that is no node, and the repositories it serves."""

    node: Node
    repositories: tuple[Served, ...]

    def has(self, place: str) -> bool:
        """Whether it serves a repository of that kind (sftp, s3)."""
        return any(one.place == place for one in self.repositories)


class RegistryTrust(Model):
    """What nodes must know to pull from the lab's registry.

    `address` is its own on the lab's network; `names` are the host names it
    answers for, with certificates of the authority `certificate` (PEM);
    `mirrors` are addresses (`https://NAME`, one of the names) at which it stands
    in for Docker Hub.
    """

    address: str
    names: tuple[str, ...]
    certificate: str = ""
    mirrors: tuple[str, ...] = ()


class Lab(Model):
    """A lab as it was brought up.

    `memory_factor` and `cpu_factor` (at most 1) scale the fleet's figures to
    this machine. `cuts` are pairs of servers that cannot reach each other.
    `upstream` lets nodes pull real images from real registries.
    `disk`: bytes of the disk that each node has of its own; 0: all write to the machine's.
    `outside`: the host of off-site repositories, where the fleet has some.
    `complete` is False while it is being built, or when that was interrupted.
    """

    name: str
    fleet_path: Path
    directory: Path
    override: Path
    ssh_config: Path
    engine_socket: Path
    network: str
    subnet: str
    node_image: str = ""
    nodes: tuple[Node, ...] = ()
    memory_factor: float = 1.0
    cpu_factor: float = 1.0
    features: Features = Features()
    images: dict[str, ImageSource] = Field(default_factory=dict)
    upstream: bool = False
    registry: RegistryTrust | None = None
    cuts: tuple[tuple[str, str], ...] = ()
    disk: int = 0
    outside: Outside | None = None
    complete: bool = False

    def node(self, server: str) -> Node:
        """The node of a server, or the outside host by its name.

        Raises:
            LabError: the lab has no such server.
        """
        hosts: list[Node] = [*self.nodes]
        if self.outside is not None:
            hosts.append(self.outside.node)
        for node in hosts:
            if node.server == server:
                return node
        names = ", ".join(node.server for node in hosts)
        raise LabError(f"the lab has no server {server}", todo=f"choose one of: {names}")


def labs_directory() -> Path:
    """Where labs are kept: `$XDG_STATE_HOME/quorate/labs`."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "quorate" / "labs"


def save(lab: Lab) -> Lab:
    """Write the lab's state in one move, so that a reader never sees half of it."""
    lab.directory.mkdir(parents=True, exist_ok=True)
    draft = lab.directory / f".{FILE_NAME}.{os.getpid()}"
    draft.write_text(lab.model_dump_json(indent=2) + "\n")
    draft.replace(lab.directory / FILE_NAME)
    return lab


def every() -> tuple[Lab, ...]:
    """All labs on this machine; a state file that cannot be read is left out."""
    out = []
    for path in sorted(labs_directory().glob(f"*/{FILE_NAME}")):
        try:
            out.append(Lab.model_validate_json(path.read_text()))
        except (OSError, ValidationError):
            continue
    return tuple(out)


def by_name(name: str) -> Lab | None:
    """The lab of that name, or None."""
    return next((lab for lab in every() if lab.name == name), None)


def load(fleet_path: Path) -> Lab:
    """The lab of a fleet file.

    Raises:
        LabError: none was brought up for it, or that was interrupted.
    """
    wanted = fleet_path.resolve()
    for lab in every():
        if lab.fleet_path == wanted:
            if not lab.complete:
                raise LabError(
                    f"the lab of {fleet_path} is not complete",
                    cause="bringing it up was interrupted",
                    todo=f"run `quorate lab up {fleet_path}` again",
                )
            return lab
    raise LabError(f"no lab runs for {fleet_path}", todo=f"run `quorate lab up {fleet_path}` first")


def find(fleet_path: Path | None) -> Lab:
    """The lab of a fleet file; without one, the only lab there is (complete or not).

    Raises:
        LabError: there is none, or more than one and no fleet file to choose by.
    """
    labs = every()
    if fleet_path is not None:
        wanted = fleet_path.resolve()
        labs = tuple(lab for lab in labs if lab.fleet_path == wanted)
    if len(labs) == 1:
        return labs[0]
    if not labs:
        where = f" for {fleet_path}" if fleet_path else ""
        raise LabError(f"no lab runs{where}", todo="run `quorate lab up FLEET` first")
    names = ", ".join(f"{lab.name} ({lab.fleet_path})" for lab in labs)
    raise LabError(f"several labs run: {names}", todo="name the fleet file of the one you mean")


def forget(lab: Lab) -> None:
    """Remove the lab's files; the lab's containers must be gone already."""
    shutil.rmtree(lab.directory, ignore_errors=True)
