"""Images in a job: saved by the server's engine, proven by their digests, given to an engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from quorate.backup.jobs.model import ENGINE
from quorate.backup.model import Manifest, Snapshot
from quorate.backup.repository import Payload
from quorate.backup.runner import dumped
from quorate.backup.runner.setting import (
    Craft,
    Fetch,
    Setting,
    Tried,
    require_room,
)
from quorate.backup.sources import images as source
from quorate.backup.sources.images import Images
from quorate.errors import RepositoryError
from quorate.tools import clock, docker
from quorate.tools.restic_errors import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from quorate.tools.docker import DockerClient


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """An archive of each image that no registry has.

    Raises:
        MachineError: there is no room for them.
    """
    with _engine(setting) as client:
        found = Images(client=client, wanted=setting.job.images)
        require_room(setting.room, found.size())
        payload = dumped.dump(setting, found)
    yield payload


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Read every layer, and compare."""
    return dumped.tried(setting, restored, manifest, source.tried_out)


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Give the images to this server's engine; into a directory: the archives themselves.

    Raises:
        RefusedError: a name is another image's there, and it is not to go over that.
        RepositoryError: the copy is not what it was made of; nothing was changed.
    """
    job = setting.job
    if job.target_path:
        return dumped.into_directory(setting, fetch)
    with _engine(setting) as client:
        manifest = fetch(setting.room)
        if wrong := prove(setting, setting.room, manifest).differences:
            raise RepositoryError(
                "the copy is not what the images were; nothing was changed",
                reason=Reason.DAMAGED,
                cause="\n".join(wrong[:5]),
                todo="restore another copy, and prove this one",
            )
        began = clock.monotonic()
        setting.say.step(f"load the images of {copy.source}")
        said = source.load(setting.room / dumped.DIRECTORY, client, over=job.in_place)
    return Tried(seconds=clock.monotonic() - began, findings=said or ("no image is in it",))


@contextmanager
def _engine(setting: Setting) -> Iterator[DockerClient]:
    with closing(docker.connect_socket(setting.job.given or ENGINE, timeout=setting.left)) as one:
        yield one


CRAFT = Craft(gather=gather, prove=prove, restore=restore)
