"""What every part of the fleet's model is made of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, keyword-only, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Location(Model):
    """A place in a file the user wrote; lines and columns start at 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class SecretSource(Model):
    """Where a secret's (or config's) value comes from: exactly one of the three."""

    file: Path | None = None
    environment: str | None = None
    command: tuple[str, ...] | None = None
