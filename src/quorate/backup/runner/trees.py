"""The fleet's files, Swarm's state and a server's settings in a job: written down as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from quorate.backup.jobs.model import DATA, ENGINE
from quorate.backup.model import Kind, Manifest, Snapshot
from quorate.backup.policy import manifests
from quorate.backup.repository import Payload
from quorate.backup.runner import dumped
from quorate.backup.runner.placing import put
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried
from quorate.backup.sources import copied
from quorate.backup.sources.base import DumpedSource
from quorate.backup.sources.configs import Configs
from quorate.backup.sources.swarm import Swarm
from quorate.backup.sources.system import System
from quorate.errors import UsageError
from quorate.tools import docker


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """What the source is, written into the job's room."""
    with ExitStack() as stack:
        source = _source(setting, stack)
        payload = dumped.dump(setting, source)
    yield payload


def _source(setting: Setting, stack: ExitStack) -> DumpedSource:
    job = setting.job
    if job.kind is Kind.SYSTEM:
        return System(root=Path(job.given or f"{DATA}/0"))
    if job.kind is Kind.SWARM:
        client = docker.connect_socket(job.given or ENGINE)
        return Swarm(client=stack.enter_context(closing(client)))
    if not job.given:
        raise UsageError(
            "a job for the fleet's files needs them (`given`)",
            cause="they lie where `quorate up` is run, not on a server",
        )
    return Configs(given=Path(job.given))


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Compare every file."""
    if wrong := dumped.incomplete(restored):
        return wrong
    done = copied.looked_at(restored / dumped.DIRECTORY)
    return Tried(seconds=done.seconds, differences=manifests.compare(manifest, done))


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Restore the files into an empty directory. What is done with them a person decides.

    Raises:
        UsageError: it is to go over its source.
    """
    if setting.job.in_place:
        raise UsageError(
            f"{copy.source} is not restored in place",
            cause="settings of a machine, a swarm or a fleet as a whole fit no other moment",
            todo="restore it into a directory; RESTORE.txt and restore.sh in it say how to go on",
        )
    return put(setting, fetch, prove)


CRAFT = Craft(gather=gather, prove=prove, restore=restore)
