"""A plan file that somebody names."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from quorate.errors import UsageError
from quorate.plan.model import Plan


def read_plan(path: Path) -> Plan:
    """The plan in a file that `quorate plan -o` wrote.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    try:
        return Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} is not a plan file",
            cause=str(error).splitlines()[0],
            todo="write one with `quorate plan -o FILE`",
        ) from error
