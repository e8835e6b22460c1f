"""Redis in a job: its data as it sends them to a replica, loaded elsewhere and digested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quorate.backup.model import Manifest, Snapshot
from quorate.backup.policy import manifests
from quorate.backup.policy.manifests import Restored
from quorate.backup.repository import Payload
from quorate.backup.runner import aside, dumped, reach
from quorate.backup.runner.setting import Craft, Fetch, Setting, Tried, blameless, in_words
from quorate.backup.sources import base
from quorate.backup.sources import redis as source
from quorate.errors import CommandError, RefusedError
from quorate.tools import clock
from quorate.tools import redis as red


@contextmanager
def gather(setting: Setting) -> Iterator[Payload]:
    """An RDB file, checked and digested."""
    server = reach.red(reach.required(setting.job.reach, "back up"))
    yield dumped.dump(
        setting, source.Redis(server=server, seconds=setting.left, place=setting.room)
    )


def prove(setting: Setting, restored: Path, manifest: Manifest) -> Tried:
    """Load it into a scratch server, and digest that.

    A file that is whole and does not load says more of this machine than of the copy.
    """
    if wrong := dumped.incomplete(restored):
        return wrong
    directory = restored / dumped.DIRECTORY
    try:
        red.check(directory / source.DUMP, timeout=setting.left)
    except CommandError as error:
        if blameless(error, [setting.room]):
            raise
        return Tried(seconds=0.0, differences=(in_words(error),))
    nobody = red.Server(host="")
    done = source.Redis(server=nobody, seconds=setting.left).try_out(directory, setting.room)
    return Tried(seconds=done.seconds, differences=manifests.compare(manifest, done))


def restore(setting: Setting, copy: Snapshot, fetch: Fetch) -> Tried:
    """Fill a running Redis, or the data directory of one that does not run."""
    if not setting.job.target_path:
        return _fill(setting, fetch)
    target = Path(setting.job.target_path)
    if not target.is_dir():
        raise RefusedError(
            f"{target} is no directory here; nothing was changed",
            todo="mount the volume of the Redis that is to be filled",
        )
    fetch(setting.room)
    source.restore(setting.room / dumped.DIRECTORY, target)
    return Tried(
        seconds=0.0, findings=(f"start the Redis of {target} now: it loads what is there",)
    )


def _fill(setting: Setting, fetch: Fetch) -> Tried:
    """Fill a running Redis, and digest what it has then."""
    server = reach.red(dumped.target(setting))
    manifest = fetch(setting.room)
    there = source.Redis(server=server, seconds=setting.left, place=setting.room)
    kept = aside.keep(setting, there) if setting.job.in_place else ()
    done = _filled(setting, there, setting.room / dumped.DIRECTORY, manifest)
    return replace(done, findings=(*kept, *done.findings))


def back(setting: Setting) -> Tried:
    """Fill it with what was kept of it."""
    server = reach.red(dumped.target(setting))
    there = source.Redis(server=server, seconds=setting.left, place=setting.room)
    kept = aside.kept(setting)
    if kept is None:
        return Tried(seconds=0.0)
    done = _filled(setting, there, kept, base.manifest(kept))
    return replace(done, findings=(aside.again(setting), *done.findings, *done.differences))


def _filled(setting: Setting, there: source.Redis, dump: Path, manifest: Manifest) -> Tried:
    """Fill a Redis from a dump, and digest what it has then."""
    began = clock.monotonic()
    source.fill(
        there.server,
        dump,
        place=setting.room,
        seconds=setting.left,
        over=setting.job.in_place,
    )
    seconds = clock.monotonic() - began
    found = there.dump(setting.room / "again")
    differences = manifests.compare(manifest, Restored(manifest=found, seconds=seconds))
    if any(part.startswith("times of expiry") for part in manifest.parts):
        said = tuple(f"{text} (keys have expired since, perhaps)" for text in differences)
        return Tried(seconds=seconds, findings=said)
    return Tried(seconds=seconds, differences=differences)


CRAFT = Craft(gather=gather, prove=prove, restore=restore, back=back)
