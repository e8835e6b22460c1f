"""What every command shares: consoles, JSON, and how an error ends the process."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from quorate.errors import CheckError, QuorateError

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A console: colour only on a terminal, NO_COLOR honoured, never wrapped when piped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(stderr=stderr, highlight=False, soft_wrap=not stream.isatty(), width=width)


def print_json(value: Any) -> None:
    """Print a value (a mapping, or a pydantic model) as JSON, keys in their own order."""
    data = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def report_error(error: QuorateError, *, as_json: bool = False) -> int:
    """Print an expected error and return the exit code."""
    if as_json:
        print_json(error.as_json())
        return error.exit_code
    out = console(stderr=True)
    lines = error.lines()
    problems = error.problems if isinstance(error, CheckError) else ()
    for line in lines[: len(problems)]:
        out.print(line, markup=False)
    head, *rest = lines[len(problems) :]
    out.print(f"[bold red]error:[/] {_escape(head)}")
    for line in rest:
        out.print("  " + _escape(line).replace("\n", "\n    "))
    return error.exit_code


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
