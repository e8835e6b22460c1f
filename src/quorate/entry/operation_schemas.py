"""What `--json` of operations prints beyond an operation and its journal, as models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from quorate.fleet.model import Model
from quorate.recover.clean.model import CleanPlan, Removed
from quorate.recover.model import Journal, Operation


class OperationsReport(Model):
    """Every operation that was begun, oldest first."""

    operations: tuple[Journal, ...]


class RecoveredDatabase(Model):
    """A recovered database or volume. Times in seconds."""

    operation: Journal
    rto_seconds: float | None = Field(description="From the first step until all was well.")
    rpo_seconds: float | None = Field(
        description="How old what was restored was; null: nobody knows."
    )
    restore_seconds: float | None = Field(description="The restore alone.")
    origin: str = Field("", alias="from", description="The repository.")
    kept: tuple[str, ...] = Field((), description="Where what was there before is kept.")


class MendedService(Model):
    """A recovered service."""

    operation: Journal
    rto_seconds: float | None


class RecoveredQuorum(Journal):
    """The journal of a recovered quorum."""

    seconds: float = Field(description="From the command to the end, less what asking took.")


class Cleaned(Model):
    """What was, or would be, removed; `removed` is null where it was only shown. Bytes."""

    plan: CleanPlan
    removed: tuple[Removed, ...] | None
    frees: int
    freed: int


class Adoption(Operation):
    """What adopting would do."""

    setup: tuple[Any, ...] = Field(description="What the swarm lacks first.")
