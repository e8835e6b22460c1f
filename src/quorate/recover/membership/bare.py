"""A bare machine made one that can join: Docker installed, walls opened, by ssh and as root."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.deploy.swarm_state import advertise_addresses
from quorate.fleet.model import Fleet, Server
from quorate.observe.targets import target_of
from quorate.recover.membership import scripts
from quorate.recover.quorum.look import AS_ROOT
from quorate.tools import ssh


def install_engine(server: Server) -> None:
    """Install Docker where it is missing, and start it.

    Raises:
        UnreachableError: the server does not answer. CommandError: it failed; it may be run again.
    """
    _as_root(server, scripts.install(target_of(server).user or ""), scripts.INSTALL_SECONDS)


def open_wall(fleet: Fleet, name: str, others: Iterable[str]) -> None:
    """Let other servers of a fleet reach Swarm's ports on one of them, through its ufw.

    Raises:
        UnreachableError: the server does not answer. CommandError: ufw refuses.
    """
    addresses = advertise_addresses(fleet, {})
    peers = [addresses[other] for other in others if other != name]
    _as_root(fleet.server(name), scripts.wall(peers), scripts.WALL_SECONDS)


def _as_root(server: Server, script: str, seconds: float) -> None:
    ssh.run(target_of(server), ["sh", "-c", AS_ROOT], input=script, timeout=seconds)
