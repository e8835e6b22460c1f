"""What is said between whoever moves and the containers that copy: JSON, one line. Pure."""

from __future__ import annotations

import json
from typing import Any

from quorate.errors import MachineError, QuorateError

LAST_LINES = 6


def told_error(error: QuorateError) -> dict[str, Any]:
    """An error as `read` reads it."""
    return {"error": {"what": error.what, "cause": error.cause, "todo": error.todo}}


def read(said: str, code: int, what: str) -> dict[str, Any]:
    """The answer in what a program in a container has printed.

    Raises:
        MachineError: it could not do it, in its own words; or it did not answer.
    """
    for line in reversed(said.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            if "error" in found:
                error = found["error"]
                raise MachineError(error["what"], cause=error.get("cause"), todo=error.get("todo"))
            return found
    words = [line for line in said.splitlines() if line.strip()][-LAST_LINES:]
    raise MachineError(
        f"{what} did not answer (exit code {code})",
        cause="\n".join(words) or "its container was stopped",
        todo="see that the server is up, then go on with `quorate operations resume`",
    )
