"""`quorate tune --write`: the settings that were chosen into the fleet file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quorate.errors import RefusedError, UsageError
from quorate.fleet.check import check
from quorate.fleet.settings_text import NotSafeError, with_swarm
from quorate.intake.write import unified
from quorate.predict.tune_model import Tuning
from quorate.tools import wholefile


def proposed(found: Tuning, path: Path) -> tuple[Tuning, str]:
    """The comparison with the change to the fleet file as a diff, and the file's new text.

    Raises:
        UsageError: the file cannot be read, or is laid out so that it is not safe to change.
    """
    try:
        before = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    values = found.chosen.swarm
    try:
        after = with_swarm(before, values, found.chosen.note) if values else before
    except NotSafeError as error:
        line = ", ".join(f"{key}: {value}" for key, value in values.items())
        raise UsageError(
            f"{path} was not changed: {error}", todo=f"write it yourself: swarm: {{{line}}}"
        ) from error
    return found.model_copy(update={"diff": unified(before, after, str(path))}), after


def write(found: Tuning, path: Path, confirm: Callable[[str], bool]) -> Tuning:
    """Write what was chosen into the fleet file, once `confirm` has seen the difference.

    Raises:
        UsageError: as `proposed`; or the file cannot be written. RefusedError: not confirmed.
    """
    told, after = proposed(found, path)
    if not told.diff:
        return told
    if check(path, drafts={path: after}).fleet is None:
        raise UsageError(f"{path} was not changed: with it the fleet could no longer be read")
    if not confirm(told.diff):
        raise RefusedError("not confirmed; the fleet file is as it was")
    try:
        wholefile.replace_text(path, after)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return told.model_copy(update={"written": True})
