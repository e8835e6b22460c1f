"""Images: fixed versions, and registries that go down with a server of the fleet."""

from __future__ import annotations

from quorate.fleet.families import REGISTRIES, take_apart
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Service, State

_LOCAL = ("localhost", "127.0.0.1", "::1")
_SERVES_REGISTRY = (State.GITLAB,)


def lint(context: Context) -> None:
    """Report images without a version, and those only this fleet holds."""
    own = _own_registries(context)
    for service in context.swarm_services:
        image = take_apart(service.image)
        if not service.image:
            continue
        mark = context.mark(service, "image")
        if image.digest is None and image.tag in (None, "latest"):
            shown = f"the tag `{image.tag}`" if image.tag else "no tag"
            context.problems.add("Q512", mark, f"the image of `{service.id}` has {shown}")
        host = (image.registry or "").rsplit(":", 1)[0].lower()
        if host and host in own:
            what = f"the image of `{service.id}` comes from {image.registry}, which is {own[host]}"
            context.problems.add("Q511", mark, what)


def _own_registries(context: Context) -> dict[str, str]:
    """Hosts that this fleet itself answers for, and who does."""
    own = {name: "the server itself" for name in _LOCAL}
    for server in context.fleet.servers:
        own[server.name.lower()] = f"the server {server.name}"
        own[server.address.lower()] = f"the server {server.name}"
    for service in context.fleet.services:
        if take_apart(service.image).name in REGISTRIES or service.state in _SERVES_REGISTRY:
            for host in _hosts(service):
                own[host] = f"served by `{service.id}` on this fleet"
    return own


def _hosts(service: Service) -> list[str]:
    """The names a service is reached by: its own, its `hostname`, those in its routing labels."""
    hosts = [service.name.lower()]
    hostname = service.raw.get("hostname")
    if isinstance(hostname, str):
        hosts.append(hostname.lower())
    deploy = service.raw.get("deploy")
    for labels in (
        service.raw.get("labels"),
        deploy.get("labels") if isinstance(deploy, dict) else None,
    ):
        values = labels.values() if isinstance(labels, dict) else labels or ()
        for value in values if not isinstance(values, str) else ():
            hosts += [part.lower() for part in str(value).split("`")[1::2]]
    return hosts
