"""What a restore in place keeps of the data it replaces, where another name cannot be given.

It is dumped first, into a directory of the spool that no job clears: `kept-SOURCE-ASIDE`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from quorate.backup.runner.setting import Setting
from quorate.backup.sources import base
from quorate.backup.sources.base import DumpedSource
from quorate.errors import MachineError

PREFIX = "kept-"


def place(setting: Setting) -> Path:
    """Where what was there lies: beside the rooms of jobs."""
    job = setting.job
    return setting.room.parent / f"{PREFIX}{quote(job.source, safe='')}-{job.aside}"


def keep(setting: Setting, source: DumpedSource) -> tuple[str, ...]:
    """Dump what is there now, once; what people should know of it. Nothing without `aside`.

    Raises:
        MachineError: it cannot be dumped; nothing was changed.
    """
    if not setting.job.aside:
        return ()
    kept = place(setting)
    if not (kept / base.MANIFEST).exists():
        setting.say.step(f"keep what is in {setting.job.source} now")
        try:
            source.dump(kept)
        except MachineError as error:
            raise MachineError(
                f"what is in {setting.job.source} now cannot be kept: {error.what}; nothing was "
                "changed",
                cause=error.cause,
                todo="mend that; or `quorate backup restore --in-place`, which keeps nothing of it",
            ) from error
    return (
        f"what was there is kept on {setting.job.server}, in the spool, as {kept.name}: remove it "
        "when it is no longer needed",
    )


def kept(setting: Setting) -> Path | None:
    """The dump of what was there; None: there is none, as nothing was changed yet."""
    directory = place(setting)
    return directory if (directory / base.MANIFEST).exists() else None


def again(setting: Setting) -> str:
    """That it has what was kept of it."""
    return f"{setting.job.source} has again what was kept as {place(setting).name}"
