"""Postgres in a job: dumped into the job's room, tried in a scratch server, restored elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.model import Manifest, Snapshot
from quorate.backup.policy import manifests
from quorate.backup.repository import Payload
from quorate.backup.runner import dumped, reach
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried, judged
from quorate.backup.sources import postgres_alone
from quorate.backup.sources.postgres import PREFIX, Postgres, database_in
from quorate.tools import clock


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """A dump of every database and the roles."""
    server = reach.postgres(reach.required(setting.job.reach, "back up"))
    yield dumped.dump(setting, Postgres(server=server, seconds=setting.left))


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Restore it into a scratch server of the same major version, and count again."""
    if wrong := dumped.incomplete(restored):
        return wrong
    major = int(manifest.version) // 10000
    with scratch.postgres(major, setting.room) as server:
        source = Postgres(server=server, seconds=setting.left)
        directory = restored / dumped.DIRECTORY
        return judged(manifest, lambda: source.restore(directory), [setting.room])


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Restore every database into an empty server, one under a free name, or all in place.

    Into a directory: the dump itself.
    """
    if setting.job.target_path:
        return dumped.into_directory(setting, fetch)
    job, target = setting.job, dumped.target(setting)
    directory = setting.room / dumped.DIRECTORY
    manifest = fetch(setting.room)
    source = Postgres(server=reach.postgres(target), seconds=setting.left)
    if job.in_place and not job.only:
        return over(setting, directory)
    if job.only:
        # What the source's own reach names is only where to connect to.
        name = target.database if job.target else ""
        return _each(setting, source, directory, name)
    return into_empty(setting, directory, manifest)


def into_empty(setting: Setting, directory: Path, manifest: Manifest) -> Tried:
    """Restore every database of a dump, and its roles, into the empty server that the job names."""
    server = reach.postgres(dumped.target(setting))
    done = Postgres(server=server, seconds=setting.left).restore(directory)
    return Tried(seconds=done.seconds, differences=manifests.compare(manifest, done))


def over(setting: Setting, directory: Path) -> Tried:
    """Restore every database of a dump in place."""
    server = reach.postgres(dumped.target(setting))
    return _each(setting, Postgres(server=server, seconds=setting.left), directory, "")


def back(setting: Setting) -> Tried:
    """Give each database that was kept its name back; what has it now is kept in turn."""
    server = reach.postgres(dumped.target(setting))
    source = Postgres(server=server, seconds=setting.left)
    began = clock.monotonic()
    said = postgres_alone.put_back(source, setting.job.aside)
    return Tried(seconds=clock.monotonic() - began, findings=said)


def _each(setting: Setting, source: Postgres, directory: Path, name: str) -> Tried:
    """Restore one database, under a name, or every one under its own; the server goes on."""
    job = setting.job
    paths = sorted(path.name for path in directory.glob(f"{PREFIX}*"))
    names = [job.only] if job.only else [database_in(path) for path in paths]
    aside = job.aside or f"{clock.now():%Y%m%d_%H%M%S}"
    seconds = 0.0
    differences: list[str] = []
    alone = () if job.only else postgres_alone.left_alone(source, names)
    findings = [f"{one} is left as it is: a former restore has kept it" for one in alone]
    for database in names:
        if database in alone:
            continue
        done = postgres_alone.restore(
            source, directory, database, name or database, in_place=job.in_place, aside=aside
        )
        seconds += done.seconds
        differences += done.differences
        if done.former:
            findings.append(
                f"the former database {name or database} is kept as {done.former}: drop it when "
                "it is no longer needed"
            )
        if done.half:
            findings.append(f"what a killed restore had left is kept as {done.half}")
    return Tried(seconds=seconds, differences=tuple(differences), findings=tuple(findings))


CRAFT = Craft(gather=gather, prove=prove, restore=restore, back=back)
