"""What backup jobs of an operation work on, from its site."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Progress
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.backup.jobs.whereabouts import Scene
from quorate.deploy.progress import Reporter
from quorate.deploy.registries import credentials
from quorate.errors import QuorateError
from quorate.fleet.model import Server
from quorate.recover.site import Site

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@dataclass(frozen=True, kw_only=True)
class Told:
    """A watcher of jobs that tells a reporter; `hook` is told of each job once it is there."""

    report: Reporter
    hook: Callable[[Begun], None] = lambda job: None

    def note(self, text: str) -> None:
        self.report.note(text)

    def begun(self, job: Begun, *, found: bool) -> None:
        self.report.note(f"{job.what} on {job.server}: {'goes on' if found else 'started'}")
        with suppress(QuorateError):  # a watcher may not raise
            self.hook(job)

    def progress(self, job: Begun, progress: Progress) -> None:
        del job, progress

    def ended(self, outcome: Outcome) -> None:
        how = f"FAILED: {outcome.error.what}" if outcome.error else "done"
        self.report.note(f"{outcome.job.what} on {outcome.job.server}: {how}")


def ground(place: Site, hook: Callable[[Begun], None] = lambda job: None) -> Ground:
    """The fleet as it is seen now, and what jobs take.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = place.fleet
    able = place.lab is None or place.lab.features.encrypted_overlay
    return Ground(
        scene=Scene(fleet=fleet, snapshot=place.snapshot(), volumes=_volumes(place)),
        door=Door(place.client, place.report.note),
        watcher=Told(report=place.report, hook=hook),
        encrypt=fleet.swarm.encrypt_networks and able,
        known=credentials(fleet),
    )


def _volumes(place: Site) -> dict[str, frozenset[str]]:
    """The named volumes on each server that answers."""

    def ask(server: Server, client: DockerClient) -> frozenset[str]:
        del server
        listed = client.api.volumes().get("Volumes") or ()
        return frozenset(str(volume["Name"]) for volume in listed)

    return dict(place.connections.each(ask).results)
