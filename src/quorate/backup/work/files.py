"""Volumes in a job: read where they are mounted, compared file by file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.backup.filetree import differences, manifest_of
from quorate.backup.model import Kind, Manifest, Snapshot
from quorate.backup.repository import Payload
from quorate.backup.work.placing import put
from quorate.backup.work.setting import Craft, Fetch, Setting, Tried
from quorate.errors import MachineError, UsageError
from quorate.tools import clock


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """Every volume of the source, each by the name of its directory."""
    job = setting.job
    root, names = mounted([Path(one.path) for one in job.volumes])
    taken = clock.now()
    setting.say.step(f"read {job.source}")
    try:
        manifest = tree(root, names, setting.source.kind)
    except OSError as error:
        raise MachineError(
            f"{job.source} cannot be read: {error.strerror} ({error.filename})",
            cause="files vanished or changed while they were read, or may not be read",
            todo="keep the volume still while it is read (`quiesce:`), then run it again",
        ) from error
    yield Payload(
        source=setting.source,
        run=job.run,
        server=job.server,
        taken=taken,
        manifest=manifest,
        root=root,
        paths=names,
    )


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Compare every file."""
    names = tops(manifest)
    gone = tuple(f"{name} was not restored" for name in names if not (restored / name).exists())
    now = gone or differences(manifest, tree(restored, names, manifest.kind))
    return Tried(seconds=0.0, differences=tuple(now))


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


def tree(root: Path, names: tuple[str, ...], kind: Kind) -> Manifest:
    """Several trees in a directory as one manifest, each part below the name of its tree.

    Raises:
        OSError: something cannot be read.
    """
    parts = {}
    for name in names:
        for path, part in manifest_of(root / name, kind).parts.items():
            parts[name if path == "." else f"{name}/{path}"] = part
    return Manifest(kind=kind, parts=parts)


def tops(manifest: Manifest) -> tuple[str, ...]:
    """The trees that a manifest is of."""
    return tuple(sorted({path.partition("/")[0] for path in manifest.parts}))


CRAFT = Craft(gather=gather, prove=prove, restore=restore)
