"""Writing the files of an import: nothing that is there is lost unasked."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from quorate.errors import UsageError
from quorate.fleet.imports.model import Draft, FileAction, WrittenFile

PRIVATE_MODE = 0o600
SHOWN = 8


def write(draft: Draft, directory: Path, *, force: bool, dry_run: bool) -> tuple[WrittenFile, ...]:
    """Write the files; with `dry_run` only say what would be written.

    Raises:
        UsageError: another file is there and `force` is not given, or the disk refuses.
    """
    planned = [_planned(directory / name, text) for name, text in draft.files.items()]
    in_the_way = [item.path for item in planned if item.action is FileAction.OVERWRITTEN]
    if in_the_way and not force and not dry_run:
        names = ", ".join(in_the_way[:SHOWN]) + (" …" if len(in_the_way) > SHOWN else "")
        raise UsageError(
            f"{names} would be overwritten; nothing was written",
            todo="--dry-run shows the difference, --force overwrites, -o DIR writes elsewhere",
        )
    if dry_run:
        return tuple(
            item
            if item.action is FileAction.UNCHANGED
            else item.model_copy(update={"action": FileAction.NOT_WRITTEN})
            for item in planned
        )
    try:
        for item, (name, text) in zip(planned, draft.files.items(), strict=True):
            if item.action is not FileAction.UNCHANGED:
                _write(directory / name, text, private=name in draft.private)
    except OSError as error:
        raise UsageError(f"{directory} cannot be written: {error.strerror}") from error
    return tuple(planned)


def _planned(path: Path, text: str) -> WrittenFile:
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return WrittenFile(path=str(path), action=FileAction.WRITTEN)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is there and cannot be read: {error}") from error
    if before == text:
        return WrittenFile(path=str(path), action=FileAction.UNCHANGED)
    diff = unified(before, text, str(path))
    return WrittenFile(path=str(path), action=FileAction.OVERWRITTEN, diff=diff)


def unified(before: str, after: str, name: str) -> str:
    """The difference between two texts as a unified diff."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} (now)", f"{name} (new)", lineterm=""
    )
    return "\n".join(lines)


def _write(path: Path, text: str, *, private: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = PRIVATE_MODE if private else 0o666
    # Opened with its mode: never readable by others, not even for a moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
