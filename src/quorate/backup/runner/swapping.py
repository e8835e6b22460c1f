"""Files in place whose former ones are kept, in a directory of their own among them, and put back.

`.quorate-restore-kept-ASIDE` in each volume: on the same disk, so that all are renames. Killed
anywhere, whoever does it again does what is missing: which half it was in, a mark beside says.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from quorate.backup.runner.setting import Setting, Tried
from quorate.backup.sources import volume as volumes
from quorate.errors import MachineError, UsageError
from quorate.tools import clock

STAGE = volumes.STAGE
KEPT = "kept-"
FORMER, LATER, RECOVERED = "former", "later", "recovered"
"""What was there before; what was there when a killed restore was done again; what was undone."""
WHOLE, EMPTIED = "former-is-whole", "recovered-is-whole"


def swap_aside(setting: Setting, new: Path, target: Path) -> str:
    """Move what is in `target` aside, and what is in `new` into it; where it is kept, in words."""
    kept = _kept(setting, target)
    kept.mkdir(mode=0o700, exist_ok=True)
    former = kept / FORMER
    if (kept / WHOLE).exists():  # a restore that was killed, or done again, has put files here
        former = kept / f"{LATER}-{len(list(kept.glob(f'{LATER}-*')))}"
    former.mkdir(exist_ok=True)
    become(former, target)
    _move(entries(target), former)
    (kept / WHOLE).touch()
    _move(entries(new), target)
    become(target, new)
    volume = next((one.name for one in setting.job.volumes if Path(one.path) == target), "")
    return (
        f"what was there is kept in {kept.name}/{FORMER} of {volume or target}: remove it when it "
        "is no longer needed"
    )


def put_back(setting: Setting) -> Tried:
    """Move what was kept of each volume back, and what is there now aside.

    Raises:
        UsageError: the job has no volumes.
        MachineError: nothing was kept, or something cannot be moved.
    """
    if not setting.job.volumes:
        raise UsageError("to put files back takes the volumes of the source (`volumes`)")
    began = clock.monotonic()
    try:
        said = [_put_back(setting, Path(one.path), one.name) for one in setting.job.volumes]
    except OSError as error:
        raise MachineError(
            f"what was kept could not be put back: {error.strerror} ({error.filename})",
            todo="see that the disk has room and the directory may be written, then run it again",
        ) from error
    return Tried(seconds=clock.monotonic() - began, findings=tuple(filter(None, said)))


def _put_back(setting: Setting, target: Path, name: str) -> str:
    kept = _kept(setting, target)
    if not (kept / FORMER).is_dir():
        return ""  # it was never touched
    if (kept / WHOLE).exists() and not (kept / EMPTIED).exists():
        recovered = kept / RECOVERED
        recovered.mkdir(mode=0o700, exist_ok=True)
        _move(entries(target), recovered)
        (kept / EMPTIED).touch()
    _move((kept / FORMER).iterdir(), target)
    become(target, kept / FORMER)
    if not (kept / EMPTIED).exists():  # it was killed before anything new was there
        return f"{name} is as it was"
    return f"{name} is as it was; what was restored is kept in {kept.name}/{RECOVERED}"


def become(target: Path, like: Path) -> None:
    """Give a directory the owner, mode and times of another one."""
    state = like.stat()
    if os.geteuid() == 0:
        os.chown(target, state.st_uid, state.st_gid)
    shutil.copystat(like, target)


def _kept(setting: Setting, target: Path) -> Path:
    return target / f"{STAGE}{KEPT}{setting.job.aside}"


def entries(target: Path) -> Iterator[Path]:
    """What is in a directory, but for what restores keep there."""
    return (path for path in target.iterdir() if not path.name.startswith(STAGE))


def _move(paths: Iterator[Path], into: Path) -> None:
    for path in sorted(paths):
        shutil.move(path, into / path.name)
