"""From a server of the fleet file to where ssh finds it."""

from __future__ import annotations

from quorate.fleet.model import Server
from quorate.tools.ssh import Target


def target_of(server: Server) -> Target:
    """Where and how this server answers ssh."""
    return Target(
        name=server.name,
        host=server.address,
        user=server.ssh.user,
        port=server.ssh.port,
        config=server.ssh.config,
    )
