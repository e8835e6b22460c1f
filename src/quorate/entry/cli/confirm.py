"""Asking before something is changed."""

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


def agreed(question: str, *, yes: bool) -> bool:
    """Ask; with `yes` it does not ask.

    Raises:
        RefusedError: there is no terminal to ask on.
    """
    if yes:
        return True
    _require_terminal("add --yes")
    return typer.confirm(question, err=True)


def typed(name: str, question: str, *, given: str | None) -> bool:
    """Have a name typed before what it stands for is overwritten; `given`: it was, for scripts.

    Raises:
        UsageError: another name was given.
        RefusedError: there is no terminal to ask on.
    """
    if given is None:
        _require_terminal(f"add `--yes-really {name}`")
        given = str(typer.prompt(f"{question} Type {name} to go on", err=True))
        return given.strip() == name
    if given != name:
        from quorate.errors import UsageError

        raise UsageError(
            f"--yes-really says {given}, and this is about {name}; nothing was changed"
        )
    return True


def _require_terminal(todo: str) -> None:
    if not sys.stdin.isatty():
        from quorate.errors import RefusedError

        raise RefusedError(
            "this has to be confirmed, and there is no terminal to ask; nothing was changed",
            todo=todo,
        )
