"""What is to be stored, measured before, and compared with what a repository lists after."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from quorate.backup.model import Kind, Manifest
from quorate.errors import RepositoryError
from quorate.tools.restic_answers import Node
from quorate.tools.restic_errors import Reason

MANIFEST = "quorate-manifest.json"
NAMED = 5


def measured(root: Path, paths: Iterable[str], left_out: Collection[str] = ()) -> dict[str, int]:
    """Sizes of all files below `root` in `paths`, by path below `root`; no link is followed.

    Of a path that is given in full, by all of it, but for the first `/`: as restic lists it.

    A file that vanishes meanwhile is not there. `left_out`: paths below `root` that are not
    to be stored, nor anything below them.

    Raises:
        RepositoryError: a path is not there.
    """
    found: dict[str, int] = {}
    hidden = frozenset(str(root / path) for path in left_out)
    for path in paths:
        top = root / path
        if not os.path.lexists(top):
            raise RepositoryError(
                f"there is nothing to back up at {top}",
                reason=Reason.SOURCE,
                cause="the source vanished, or is not mounted here",
                todo="check where the source is now",
            )
        for file in _files(top, hidden):
            with suppress(FileNotFoundError):
                name = file if Path(path).is_absolute() else file.relative_to(root)
                found[str(name).lstrip("/")] = file.lstat().st_size
    return found


def unchanged(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Of files that are in use, those that were as large after they were stored as before. Pure.

    Of the others nobody can say how large they were in the moment they were read.
    """
    return {path: size for path, size in before.items() if after.get(path) == size}


def _files(top: Path, hidden: frozenset[str]) -> Iterator[Path]:
    if top.is_symlink():
        return
    if top.is_file():
        yield top
    for directory, inner, names in os.walk(top):
        inner[:] = [name for name in inner if f"{directory}/{name}" not in hidden]
        for file in (Path(directory, name) for name in names):
            if str(file) not in hidden and file.is_file() and not file.is_symlink():
                yield file


def lacking(
    expected: Mapping[str, int], paths: Iterable[str], listed: Iterable[Node]
) -> tuple[str, ...]:
    """What was to be stored and is not listed, in that size. Pure.

    restic up to 0.18 ends with exit code 0 when a source is missing. Names that
    are no UTF-8 are listed with such bytes replaced: both sides are compared so.
    """
    there = Counter((node.path.lstrip("/"), node.size) for node in listed)
    wanted = Counter((as_listed(path), size) for path, size in expected.items())
    names = {path for path, _ in there}
    tops = [path for path in paths if path != "."]
    gone = [path for path in tops if as_listed(path.lstrip("/")) not in names]
    return (*gone, *(f"{path} ({size} bytes)" for path, size in sorted(wanted - there)))


def as_listed(path: str) -> str:
    """A path as restic lists it: each byte that is no UTF-8 replaced."""
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in path)


def require_whole(repository: str, missing: tuple[str, ...]) -> None:
    """Raise if anything is missing from a copy."""
    if not missing:
        return
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    raise RepositoryError(
        f"the copy in the repository {repository} is not whole, and does not count",
        reason=Reason.SOURCE,
        cause=f"not there, or in another size: {', '.join(missing[:NAMED])}{more}",
        todo="files vanished, changed or were cut off while they were read: run it again",
    )


def written(manifest: Manifest) -> str:
    """A manifest as it is stored: sorted, so that the same state gives the same text."""
    return json.dumps(asdict(manifest), sort_keys=True, indent=0)


def read_manifest(text: str) -> Manifest:
    """A manifest as it was stored.

    Raises:
        ValueError: it is none.
    """
    said = json.loads(text)
    if not isinstance(said, dict) or not isinstance(said.get("parts"), dict):
        raise ValueError("no manifest")
    return Manifest(
        kind=Kind(str(said.get("kind"))),
        version=str(said.get("version", "")),
        parts=_texts(said["parts"]),
        findings=tuple(map(str, said.get("findings") or ())),
        put=_texts(said.get("put")),
        live=bool(said.get("live")),
    )


def _texts(said: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}
