"""A page that somebody asked to be written."""

from __future__ import annotations

from pathlib import Path

from quorate.errors import UsageError


def write_page(text: str, path: Path) -> None:
    """Write a page where `--html` says.

    Raises:
        UsageError: that cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--html {path}: cannot be written ({error.strerror})",
            todo="name a file in a directory that is there and yours",
        ) from None
