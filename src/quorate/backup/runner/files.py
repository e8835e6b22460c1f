"""Volumes in a job: read where they are mounted, compared file by file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.backup.model import Manifest, Snapshot
from quorate.backup.repository import Payload
from quorate.backup.runner.placing import put
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried
from quorate.backup.runner.swapping import put_back
from quorate.backup.sources.volume import Volume, compare
from quorate.errors import UsageError


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """Every volume of the source by the name of its directory; SQLite files through SQLite."""
    job = setting.job
    root, names = mounted([Path(one.path) for one in job.volumes])
    setting.say.step(f"read {job.source}")
    volume = Volume(root=root, names=names, databases=job.sqlite, still=job.still)
    files = volume.take(setting.room)
    yield files.payload(setting.source, run=job.run, server=job.server)


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Compare every file."""
    return Tried(seconds=0.0, differences=compare(restored, manifest))


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Restore into an empty directory, or in the place of what is there."""
    return put(setting, fetch, prove)


def mounted(paths: list[Path]) -> tuple[Path, tuple[str, ...]]:
    """The directory that volumes are mounted in, and their names there.

    Raises:
        UsageError: there are none, or not all in one directory.
    """
    roots = {path.parent for path in paths}
    if len(roots) != 1:
        raise UsageError("a job for volumes needs them (`volumes`), mounted in one directory")
    return roots.pop(), tuple(path.name for path in paths)


CRAFT = Craft(gather=gather, prove=prove, restore=restore, back=put_back)
