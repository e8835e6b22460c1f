"""GitLab in a job: its own archive taken out of its container, read to the last byte, put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from quorate.backup import inside
from quorate.backup.inside import Container
from quorate.backup.jobs.model import ENGINE
from quorate.backup.model import Manifest, Snapshot
from quorate.backup.repository import Payload
from quorate.backup.runner import aside, dumped
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried
from quorate.backup.sources import gitlab as source
from quorate.backup.sources.gitlab import GitLab
from quorate.errors import UsageError
from quorate.tools import clock, docker


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """An archive of gitlab-backup, with GitLab's secrets."""
    with _container(setting) as container:
        payload = dumped.dump(setting, GitLab(inside=container))
    yield payload


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Read every component to its end, and compare."""
    return dumped.tried(setting, restored, manifest, source.tried_out)


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Restore into the GitLab whose container is named; over its data only if that was said.

    Into a directory: the archive and the secrets themselves.
    """
    job = setting.job
    if job.target_path:
        return dumped.into_directory(setting, fetch)
    if job.target is not None:
        raise UsageError("a GitLab is restored into a container: name it (`container`)")
    with _container(setting) as container:
        source.configured(container)
        fetch(setting.room)
        kept = aside.keep(setting, GitLab(inside=container)) if job.in_place else ()
        began = clock.monotonic()
        directory = setting.room / dumped.DIRECTORY
        source.restore(directory, container, over=job.in_place)
    return Tried(seconds=clock.monotonic() - began, findings=kept)


def back(setting: Setting) -> Tried:
    """Restore the archive that was kept."""
    kept = aside.kept(setting)
    if kept is None:
        return Tried(seconds=0.0)
    with _container(setting) as container:
        source.configured(container)
        began = clock.monotonic()
        source.restore(kept, container, over=True)
    return Tried(seconds=clock.monotonic() - began, findings=(aside.again(setting),))


@contextmanager
def _container(setting: Setting) -> Iterator[Container]:
    """The container of the source, on this server.

    Raises:
        UsageError: the job does not say which.
        MachineError: it does not run here.
    """
    job = setting.job
    if not job.container:
        raise UsageError("a job for GitLab needs the name of its container (`container`)")
    with closing(docker.connect_socket(ENGINE, timeout=setting.left)) as client:
        yield inside.matching(client, job.container)


CRAFT = Craft(gather=gather, prove=prove, restore=restore, back=back)
