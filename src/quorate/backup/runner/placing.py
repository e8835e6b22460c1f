"""Files of a copy brought to where they belong: all of them beside it first, then swapped in.

A restore that fails leaves the directory as it was. One that is killed leaves what it had begun in
a directory of its own in it, which the next one removes; unless that was in the middle of the swap,
or what was there before could not be moved back: then that is kept in it, and the next restore says
so. What former restores have kept in a directory stays there, and that of a copy is not brought.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quorate.backup.content import MANIFEST
from quorate.backup.model import Manifest
from quorate.backup.runner import swapping
from quorate.backup.runner.setting import Fetch, Setting, Tried
from quorate.errors import MachineError, RefusedError, RepositoryError, UsageError
from quorate.tools import clock
from quorate.tools.restic_errors import Reason

STAGE = swapping.STAGE
FORMER = ".former-"
MOST_LINKS = 40
"""As many as Linux follows."""

Compare = Callable[[Setting, Path, Manifest], Tried]


def put(setting: Setting, fetch: Fetch, compare: Compare) -> Tried:
    """Restore a copy of volumes, compare it, and put it into its places.

    One volume goes into `target_path` itself, several into directories of their names in it. In
    place, each goes into the directory that the job has mounted under its name.

    Raises:
        RefusedError: something is there already; nothing was changed.
        RepositoryError: the copy is not what it was made of; nothing was changed.
        MachineError: a directory cannot be written.
    """
    began = clock.monotonic()
    aside: list[str] = []
    above: Path | None = None
    try:
        above = _above(setting)
        said = [
            f"{path} keeps files that a killed restore had moved aside" for path in sweep(above)
        ]
        with _stage(above) as stage:
            manifest = fetch(stage)
            wrong = compare(setting, stage, manifest).differences
            if wrong:
                raise RepositoryError(
                    "the copy is not what the source was; nothing was changed",
                    reason=Reason.DAMAGED,
                    cause="\n".join(wrong[:5]),
                    todo="restore another copy, and prove this one",
                )
            targets = _targets(setting, trees(stage, manifest))
            said += [_left_out(path) for name in targets for path in _kept(stage / name)]
            for name, target in targets.items():
                if setting.job.aside and setting.job.in_place:
                    aside.append(swapping.swap_aside(setting, stage / name, target))
                    continue
                swap(stage / name, target, stage / f"{FORMER}{name}")
    except OSError as error:
        kept = [path for path in _kept(above) if _has_former(path)] if above else []
        raise MachineError(
            f"the copy could not be put into its place: {_words(error)}",
            cause="\n".join(f"files that were there before are kept in {path}" for path in kept)
            or None,
            todo="see that the disk has room and the directory may be written, then run it again",
        ) from error
    return Tried(seconds=clock.monotonic() - began, findings=(*aside, *said))


def trees(stage: Path, manifest: Manifest) -> list[str]:
    """The directories of a copy that are to be put somewhere: those its manifest begins with.

    A manifest of what lies in one directory begins with none: then it is that one.
    """
    there = {path.name for path in stage.iterdir()} - {MANIFEST}
    named = {path.partition("/")[0] for path in manifest.parts}
    return sorted(there & named or there)


def _above(setting: Setting) -> Path:
    """The directory that is restored into first: on the disk that the files go to."""
    job = setting.job
    if job.target_path:
        target = Path(job.target_path)
        if any(target == Path(one.path) for one in job.volumes) and not job.in_place:
            raise RefusedError(
                f"{target} is where the data come from; nothing was changed",
                todo="restore into another directory, or say that it is to be over the source",
            )
        target.mkdir(parents=True, exist_ok=True)
        _require_free(target, in_place=job.in_place)
        return target
    if not job.in_place:
        raise UsageError("files are restored into a directory: name it (`target_path`)")
    if not job.volumes:
        raise UsageError("a restore in place needs the volumes of the source (`volumes`)")
    return Path(job.volumes[0].path)


def _targets(setting: Setting, names: Sequence[str]) -> dict[str, Path]:
    """Where each tree of a copy goes."""
    job = setting.job
    if job.target_path:
        target = Path(job.target_path)
        return {names[0]: target} if len(names) == 1 else {name: target / name for name in names}
    there = {Path(one.path).name: Path(one.path) for one in job.volumes}
    if lost := [name for name in names if name not in there]:
        raise RefusedError(
            f"the copy has {', '.join(lost)}, and the job has no such volume; nothing was changed",
            todo="restore it into a directory, and see what has become of that volume",
        )
    return {name: there[name] for name in names}


def _require_free(target: Path, *, in_place: bool) -> None:
    there = [path.name for path in target.iterdir() if not path.name.startswith(STAGE)]
    if there and not in_place:
        raise RefusedError(
            f"{target} is not empty ({there[0]}); nothing was changed",
            todo="restore into an empty directory",
        )


def sweep(above: Path) -> tuple[Path, ...]:
    """Remove what killed restores left in a directory, but for what was there before them."""
    kept = []
    for left in _kept(above):
        if left.name.startswith(f"{STAGE}{swapping.KEPT}"):
            continue  # on purpose, until somebody removes it
        if _has_former(left):
            kept.append(left)
        else:
            shutil.rmtree(left)
    return tuple(kept)


@contextmanager
def _stage(above: Path) -> Iterator[Path]:
    """A private directory in another one, gone after the block.

    After one that fails it stays if it has what was there before.
    """
    stage = Path(tempfile.mkdtemp(prefix=STAGE, dir=above))
    try:
        yield stage
    except BaseException:
        if not _has_former(stage):
            shutil.rmtree(stage)
        raise
    shutil.rmtree(stage)


def _kept(directory: Path) -> list[Path]:
    """What restores have in a directory."""
    return sorted(directory.glob(f"{STAGE}*"))


def _has_former(stage: Path) -> bool:
    return any(any(former.iterdir()) for former in stage.glob(f"{FORMER}*"))


def _left_out(path: Path) -> str:
    return f"{path.name} of the copy is left out: a restore had kept it in the volume"


def _words(error: OSError) -> str:
    """What went wrong; `shutil.Error` has no number and names no file."""
    return f"{error.strerror} ({error.filename})" if error.strerror else str(error)


def swap(new: Path, target: Path, former: Path) -> None:
    """Move what is in `new` into `target`, and what was there into `former`.

    Where both lie on one disk these are renames. `target` itself becomes as `new` is. Where one
    cannot be moved, all are moved back that can be; what cannot stays in `former`.
    """
    target.mkdir(parents=True, exist_ok=True)
    former.mkdir(mode=0o700)
    moves = [(path, former / path.name) for path in swapping.entries(target)]
    moves += [(path, target / path.name) for path in swapping.entries(new)]
    done: list[tuple[Path, Path]] = []
    try:
        for was, now in moves:
            done.append((was, now))
            shutil.move(was, now)
    except BaseException:
        for was, now in reversed(done):
            # What is still where it was, was moved in half: that goes over nothing.
            whole = was.parent == target and os.path.lexists(was)
            if os.path.lexists(now) and not whole:
                with suppress(OSError):
                    shutil.move(now, was)
        raise
    swapping.become(target, new)


def resolved(root: Path, path: str) -> Path:
    """Where a path is below another root: links there mean what they mean to who has that root.

    Raises:
        MachineError: links lead in a circle.
    """
    left, here, links = _parts(path), root, 0
    while left:
        part = left.pop(0)
        if part == "..":
            here = here if here == root else here.parent
        elif (here / part).is_symlink():
            links += 1
            if links > MOST_LINKS:
                raise MachineError(f"the links in {path} lead in a circle")
            means = str((here / part).readlink())
            here = root if means.startswith("/") else here
            left = _parts(means) + left
        else:
            here /= part
    return here


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
