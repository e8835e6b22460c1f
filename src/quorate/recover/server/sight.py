"""What is seen of a server that is said to be lost, and of what replaces it. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode
from quorate.recover.membership.model import Machine as Host

Places = Mapping[str, tuple[str, ...]]
"""Service id → servers."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A server that answers: its node's id as it knows it, bytes of memory and of free disk.

    `node`: empty where it is in no swarm. `disk`: None where it does not tell. `volumes`: names of
    those its engine has. `host_name`: what it calls itself; empty where it does not tell.
    """

    node: str = ""
    memory: int
    disk: int | None = None
    volumes: frozenset[str] = frozenset()
    host_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """The fleet as its files say it, the swarm's nodes, and both machines.

    `name` is said to be lost, `target` replaces it (the same name: a new machine). `homes`: where
    services were deployed to last; `running`: where their tasks run on servers that are ready.
    `old` and `new`: what answers at the address of each, None: no engine does. `ssh`: whether
    anything answers ssh at the lost server's address. `memory_scale`: below 1 in a lab only.
    `after`: where services are to live when all is done; None: that was not planned.
    `occupied`: directories of what was lost that are on the replacement, with something in them.
    `bare`: the replacement, where it has no engine yet; `new` is then what it will be. `walls`:
    servers whose firewall has to let the replacement in, or it them.
    """

    fleet: Fleet
    name: str
    target: str
    nodes: tuple[ObservedNode, ...]
    homes: Places
    running: Places
    old: Machine | None = None
    new: Machine | None = None
    ssh: bool = False
    memory_scale: float = 1.0
    after: Places | None = None
    occupied: frozenset[str] = frozenset()
    bare: Host | None = None
    walls: tuple[str, ...] = ()

    @property
    def onto(self) -> bool:
        """Whether another server of the fleet takes the lost one's place."""
        return self.target != self.name

    @property
    def dead(self) -> tuple[ObservedNode, ...]:
        """The swarm's entries of the lost server."""
        return tuple(node for node in self.nodes if node.hostname == self.name and not node.ready)
