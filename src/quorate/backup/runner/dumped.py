"""What sources that are dumped have in common in a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quorate.backup.jobs.model import Reach
from quorate.backup.model import Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.repository import Payload
from quorate.backup.runner.placing import put
from quorate.backup.runner.setting import Fetch, Setting, Tried, in_words, judged
from quorate.backup.sources import base
from quorate.backup.sources.base import DumpedSource
from quorate.errors import MachineError, RefusedError, UsageError
from quorate.tools import clock

DIRECTORY = "dump"
"""The dump's place in the job's room, and in the copy."""


def dump(setting: Setting, source: DumpedSource) -> Payload:
    """Dump a source into the job's room; what is to be stored.

    Raises:
        MachineError: it cannot be dumped whole.
    """
    job = setting.job
    spool = setting.room / DIRECTORY
    # Before it begins: what is committed from now on may be missing.
    taken = clock.now()
    with setting.say.growing(f"dump {job.source}", spool):
        manifest = source.dump(spool)
    return Payload(
        source=setting.source,
        run=job.run,
        server=job.server,
        taken=taken,
        manifest=manifest,
        root=setting.room,
        paths=(DIRECTORY,),
    )


def incomplete(restored: Path) -> Tried | None:
    """What is wrong with a dump that was restored from a copy, if it is none."""
    try:
        base.manifest(restored / DIRECTORY)
    except MachineError as error:
        return Tried(seconds=0.0, differences=(in_words(error),))
    return None


def tried(
    setting: Setting, restored: Path, manifest: Manifest, try_out: Callable[[Path], Restored]
) -> Tried:
    """Prove a dump that is read, not loaded into a server, by what `try_out` finds in it."""
    if wrong := incomplete(restored):
        return wrong
    return judged(manifest, lambda: try_out(restored / DIRECTORY), [setting.room])


def into_directory(setting: Setting, fetch: Fetch) -> Tried:
    """Restore the dump itself into an empty directory, for the server's own programs."""

    def whole(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
        return incomplete(restored) or Tried(seconds=0.0)

    return put(setting, fetch, whole)


def target(setting: Setting) -> Reach:
    """The server that a copy goes to; never the source's own, unless that was said.

    Raises:
        UsageError: none is named.
        RefusedError: it is the source's own.
    """
    job = setting.job
    if job.target is None and job.in_place and job.reach is not None:
        return job.reach
    if job.target is None:
        raise UsageError("a database is restored into a server: name it (`target`)")
    beside = job.only not in ("", job.target.database) and job.target.database != ""
    if job.reach and _same(job.reach, job.target) and not job.in_place and not beside:
        raise RefusedError(
            f"{job.target.host} is where the data come from; nothing was changed",
            todo="restore into another server, or say that it is to be over the source",
        )
    return job.target


def _same(one: Reach, other: Reach) -> bool:
    return (one.host, one.port) == (other.host, other.port)
