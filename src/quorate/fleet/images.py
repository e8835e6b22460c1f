"""Images that may exist nowhere but on the servers: those that services build, or that are named.

Whether a registry has an image, its files cannot tell: the job that backs it up asks the engine.
"""

from __future__ import annotations

from quorate.fleet.eligible import eligible_servers
from quorate.fleet.image_names import full
from quorate.fleet.model import Engine, Fleet, Server, Service


def images_on(fleet: Fleet, server: Server) -> dict[str, bool]:
    """References to back up from a server → whether also where a registry has them.

    Of what services build, those are enough that no registry has; what `backup.images` names is
    backed up in any case: its registry may be one of these servers.
    """
    found: dict[str, bool] = {}
    named = {full(name) for name in fleet.backup.images} - {""}
    for service in fleet.services:
        anyway = bool(service.image) and full(service.image) in named
        if not (anyway or builds(service)) or server not in eligible_servers(service, (server,)):
            continue
        for reference in references(service):
            found[reference] = found.get(reference, False) or anyway
    return dict(sorted(found.items()))


def builds(service: Service) -> bool:
    """Whether its compose file says how its image is built."""
    return bool(service.raw.get("build"))


def references(service: Service) -> tuple[str, ...]:
    """What its image is called on its server; where nobody says, as compose calls what it builds.

    With `-` since Compose v2, with `_` before.
    """
    if service.image:
        return (service.image.partition("@")[0] or service.image,)
    if service.engine is Engine.COMPOSE and builds(service):
        return (f"{service.stack}-{service.name}", f"{service.stack}_{service.name}")
    return ()
