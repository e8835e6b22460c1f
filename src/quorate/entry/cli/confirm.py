"""Asking before the fleet file is written."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer


def writing(*, yes: bool) -> Callable[[str], bool]:
    """What shows a difference and asks whether to write it; with `yes` it does not ask.

    Raises (when called):
        RefusedError: there is no terminal to ask on.
    """

    def confirm(diff: str) -> bool:
        from quorate.errors import RefusedError

        sys.stderr.write(diff + "\n")
        if yes:
            return True
        if not sys.stdin.isatty():
            raise RefusedError(
                "this changes the fleet file, and there is no terminal to ask", todo="add --yes"
            )
        return typer.confirm("Write this?", err=True)

    return confirm
