"""What a tree of files is, exactly, as a manifest; and how two such manifests differ.

A part is `SIZE:DIGEST;key=value;…`: for a file its bytes and their SHA-256, for
anything else 0 and its type, then what a restore has to bring back: mode, owner,
time of change, target, extended attributes, and the first name of a file that has
several. Names that are no text are kept as Python keeps them (PEP 383). Sockets
are left out, as they are nothing without their program; so are holes in sparse
files, which are zeros wherever they are.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from quorate.backup.model import Kind, Manifest

CHUNK = 2**20
SEVERAL_NAMES = ";same="
"""In the parts of a file's later names."""

Digest = Callable[[str, os.stat_result], str]
"""The SHA-256 of a file with that state."""


def manifest_of(
    root: Path,
    kind: Kind = Kind.VOLUME,
    version: str = "",
    *,
    left_out: Collection[str] = (),
    live: bool = False,
    digest: Digest | None = None,
) -> Manifest:
    """Read every file below `root` (which itself is the part `.`).

    Args:
        root: the top of the tree.
        kind: what the tree is of.
        version: that of what wrote it, if it is known.
        left_out: names below `root` that are not looked at, nor anything below them.
        live: the tree is in use: what vanishes meanwhile is left out, too.
        digest: gives a file's digest in place of reading it.

    Raises:
        OSError: something cannot be read; a manifest of half a tree would be none.
    """
    names: dict[tuple[int, int], str] = {}
    parts = {}
    for name, path in _all(str(root), live, left_out):
        try:
            state = os.lstat(path)
            if stat.S_ISSOCK(state.st_mode):
                continue
            first = name
            if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
                first = names.setdefault((state.st_dev, state.st_ino), name)
            parts[name] = _part(path, state, first if first != name else "", digest)
        except FileNotFoundError:
            if not live:
                raise
    return Manifest(kind=kind, version=version, parts=parts, live=live)


def part_of(path: Path) -> str:
    """One file as a part, as if it had no other name."""
    return _part(str(path), path.lstat(), "")


def _all(root: str, live: bool, left_out: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every name below `root` with its path, and itself, sorted: first names are always the same.

    Text, not `Path`: of 100,000 files those alone take longer than all that is asked of the kernel.
    """

    def told(error: OSError) -> None:
        if not (live and isinstance(error, FileNotFoundError)):
            raise error

    yield ".", root
    for directory, inner, files in os.walk(root, onerror=told):
        above = directory[len(root) :].lstrip("/")
        below = f"{above}/" if above else ""
        if left_out:
            inner[:] = [name for name in inner if below + name not in left_out]
            files = [name for name in files if below + name not in left_out]
        inner.sort()
        for name in sorted([*inner, *files]):
            yield below + name, f"{directory}/{name}"


def _part(path: str, state: os.stat_result, linked: str, digest: Digest | None = None) -> str:
    mode = state.st_mode
    said = [
        _read(path, state, digest) if stat.S_ISREG(mode) else _type(mode),
        f"mode={stat.S_IMODE(mode):04o}",
        f"owner={state.st_uid}:{state.st_gid}",
        f"changed={state.st_mtime_ns}",
    ]
    if stat.S_ISLNK(mode):
        said.append(f"target={_hidden(os.fsencode(Path(path).readlink()))}")
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        said.append(f"device={os.major(state.st_rdev)}:{os.minor(state.st_rdev)}")
    if linked:
        said.append(f"{SEVERAL_NAMES[1:]}{_hidden(os.fsencode(linked))}")
    said += [f"attribute={name}={_hidden(value)}" for name, value in _attributes(path)]
    return f"{state.st_size if stat.S_ISREG(mode) else 0}:{';'.join(said)}"


def _type(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}
    return kinds.get(stat.S_IFMT(mode), "device")


def _read(path: str, state: os.stat_result, digest: Digest | None) -> str:
    return digest_of(path) if digest is None else digest(path, state)


def digest_of(path: Path | str) -> str:
    """The SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _attributes(path: str) -> list[tuple[str, bytes]]:
    """Extended attributes, access lists among them; none where the file system has none."""
    names: list[str] = []
    with suppress(OSError):
        names = sorted(os.listxattr(path, follow_symlinks=False))
    return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]


def _hidden(value: bytes) -> str:
    """A digest in place of a value that may be long, odd or secret."""
    return hashlib.sha256(value).hexdigest()[:16]


def differences(was: Manifest, now: Manifest) -> tuple[str, ...]:
    """How `now` is not what was, in words, by name. Pure.

    Of a tree that was in use, what changed between its manifest and the reading of it is no
    difference. A copy tells so by itself: the file has a later time of change, or its
    directory has, if the file came or went. Damage changes no time.
    """
    return tuple(_differences(was.parts, now.parts, was.live))


def _differences(was: dict[str, str], now: dict[str, str], live: bool) -> Iterator[str]:
    for name in sorted(was.keys() | now.keys()):
        if live and was.get(name) != now.get(name) and _in_motion(name, was, now):
            continue
        shown = name.encode("utf-8", "backslashreplace").decode()
        if name not in now:
            yield f"{shown} is missing"
        elif name not in was:
            yield f"{shown} was not in the source"
        elif was[name] != now[name]:
            yield f"{shown}: {', '.join(_changed(was[name], now[name]))}"


def _in_motion(name: str, was: dict[str, str], now: dict[str, str]) -> bool:
    """Whether a name that differs was written, made or removed after its manifest was."""
    if name in was and name in now:
        return _time(now[name]) > _time(was[name])
    above = str(PurePath(name).parent)
    if above == name:
        return False
    if above in was and above in now:
        return _time(now[above]) > _time(was[above])
    return _in_motion(above, was, now)


def _time(part: str) -> int:
    """When it was changed last, in nanoseconds."""
    return next((int(said[8:]) for said in part.split(";") if said.startswith("changed=")), 0)


def _changed(was: str, now: str) -> Iterator[str]:
    size_was, *said_was = was.replace(":", ";", 1).split(";")
    size_now, *said_now = now.replace(":", ";", 1).split(";")
    if size_was != size_now:
        yield f"{size_now} bytes instead of {size_was}"
    elif said_was[:1] != said_now[:1]:
        yield "other content"
    attributes_was, attributes_now = set(said_was[1:]), set(said_now[1:])
    keys = {item.rpartition("=")[0] for item in attributes_was ^ attributes_now}
    yield from (f"other {key.replace('=', ' ')}" for key in sorted(keys))
