"""A start that tells a Pushgateway how its job ended. Pure.

The job does so itself: whoever follows it may be killed, or not reach the gateway at all.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from quorate.backup.jobs.model import Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.whereabouts import Scene

TOLD = (Work.BACKUP, Work.COPY)


def with_push(scene: Scene, start: Start) -> Start:
    """The start with the gateway that the fleet file names, in a network where it is found."""
    url = scene.fleet.backup.pushgateway
    if url is None or start.job.work not in TOLD:
        return start
    job = start.job.model_copy(update={"push": url})
    networks = dict.fromkeys((*start.networks, *_networks(scene, urlsplit(url).hostname or "")))
    return replace(start, job=job, networks=tuple(networks))


def _networks(scene: Scene, host: str) -> tuple[str, ...]:
    """The first overlay network of the service that is the host; none where it is no service."""
    live = scene.snapshot.service(host.removeprefix("tasks."))
    if live is None:
        return ()
    template = live.spec.get("TaskTemplate") or {}
    targets = {str(item.get("Target")) for item in template.get("Networks") or ()}
    found = [
        name
        for name, network in scene.snapshot.networks.items()
        if targets & {network["id"], name} and network["driver"] == "overlay"
    ]
    return tuple(found[:1])
