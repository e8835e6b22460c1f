"""What a code of `quorate check` is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """An error ends with exit code 2; a warning does with `--strict`; a note never does."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(NamedTuple):
    """What a code stands for, and the texts used where a problem gives none of its own."""

    title: str
    severity: Severity
    why: str
    todo: str
