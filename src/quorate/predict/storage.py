"""Which servers of the fleet hold the shared storage of which services. Pure."""

from __future__ import annotations

from quorate.fleet.model import Fleet


def storage_servers(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """Service → the servers whose loss takes its shared volumes away; others are left out.

    A volume names its server by address or name (`o: addr=…`, `device: host:/path`); one that is
    none of the fleet's is taken for there.
    """
    names = {server.name: server.name for server in fleet.servers}
    names |= {server.address: server.name for server in fleet.servers}
    found: dict[str, tuple[str, ...]] = {}
    for service in fleet.services:
        at = sorted({names[volume.server] for volume in service.volumes if volume.server in names})
        if at:
            found[service.id] = tuple(at)
    return found
