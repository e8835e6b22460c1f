"""MariaDB in a job: dumped into the job's room, tried in a scratch server, restored elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.model import Manifest, Snapshot
from quorate.backup.policy import manifests
from quorate.backup.repository import Payload
from quorate.backup.runner import aside, dumped, reach
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried, judged
from quorate.backup.sources import base
from quorate.backup.sources.mariadb import MariaDB
from quorate.errors import RefusedError


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """A dump of every database and the accounts."""
    server = reach.maria(reach.required(setting.job.reach, "back up"))
    yield dumped.dump(setting, MariaDB(server=server, seconds=setting.left))


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Restore it into a scratch server, and count again."""
    if wrong := dumped.incomplete(restored):
        return wrong
    with scratch.mariadb(setting.room) as server:
        source = MariaDB(server=server, seconds=setting.left)
        directory = restored / dumped.DIRECTORY
        return judged(manifest, lambda: source.restore(directory), [setting.room])


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Restore every database into an empty server, and count there; in place, after a proof only.

    In place, the databases of the copy are dropped first: MariaDB cannot give them other names.
    Into a directory: the dump itself. An unproven copy takes the place only of what is kept aside.
    """
    if setting.job.target_path:
        return dumped.into_directory(setting, fetch)
    target = dumped.target(setting)
    if setting.job.in_place and not copy.proven and not setting.job.aside:
        raise RefusedError(
            f"the copy {copy.id[:8]} is not proven, and would take the place of what is there; "
            "nothing was changed",
            todo="prove it first, or restore into an empty server",
        )
    manifest = fetch(setting.room)
    source = MariaDB(server=reach.maria(target), seconds=setting.left)
    kept: tuple[str, ...] = ()
    if setting.job.in_place:
        kept = aside.keep(setting, source)
        source.clear(setting.room / dumped.DIRECTORY)
    done = source.restore(setting.room / dumped.DIRECTORY)
    differences = manifests.compare(manifest, done)
    return Tried(seconds=done.seconds, differences=differences, findings=kept)


def back(setting: Setting) -> Tried:
    """Restore what was kept of it in the place of all that is there."""
    kept = aside.kept(setting)
    if kept is None:
        return Tried(seconds=0.0)
    server = reach.maria(dumped.target(setting))
    source = MariaDB(server=server, seconds=setting.left)
    source.clear(kept, others=True)
    done = source.restore(kept)
    differences = manifests.compare(base.manifest(kept), done)
    return Tried(seconds=done.seconds, findings=(aside.again(setting), *differences))


CRAFT = Craft(gather=gather, prove=prove, restore=restore, back=back)
