"""What an import found, guessed and could not know; and the files it would write."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field

from quorate.fleet.model import Model
from quorate.fleet.problems import Problem

FLEET_FILE = "fleet.yaml"
VALUES_FILE = "values.env"
IGNORE_FILE = ".gitignore"
GUESSES_FILE = ".quorate.yaml"
"""How the files with the guesses about a stack's services end."""
FILL_IN = "__fill_in__"
"""The value of a variable that an import could not or must not know. `up` refuses it."""


class Kind(StrEnum):
    """How much is behind an entry: a reason, or nothing at all."""

    GUESS = "guess"
    PLACEHOLDER = "placeholder"
    MEASURED = "measured"


class Guess(Model):
    """Something the sources do not say, and what was written for it."""

    kind: Kind = Field(Kind.GUESS, description="guess, placeholder or measured.")
    file: str = Field(description="The file it stands in.")
    subject: str = Field(description="The server, stack or `stack/service`.")
    key: str = Field(description="The key, dotted.")
    value: str = Field(description="What was written.")
    why: str = Field(description="What it rests on.")

    @property
    def remark(self) -> str:
        """The comment beside it in the file."""
        return f"{self.kind.value}: {self.why}"


class Note(Model):
    """Something to know or to do that stands in no file as a value."""

    subject: str = Field(description="The server, stack or `stack/service`.")
    what: str = Field(description="What was found.")
    todo: str = Field("", description="What to do about it.")


class DraftStack(Model):
    """A stack of the new fleet."""

    name: str = Field(description="Its name.")
    engine: str = Field(description="swarm or compose.")
    files: tuple[str, ...] = Field(description="Its compose files, from the fleet file.")
    services: int = Field(description="How many services it has.")
    why: str = Field("", description="Why it stays with docker compose.")


class Draft(Model):
    """The files of a new fleet, not written yet; names are relative to its directory."""

    fleet: str
    files: dict[str, str]
    servers: tuple[str, ...]
    stacks: tuple[DraftStack, ...]
    guesses: tuple[Guess, ...] = ()
    notes: tuple[Note, ...] = ()
    private: tuple[str, ...] = ()


class FileAction(StrEnum):
    """What became of a file."""

    WRITTEN = "written"
    OVERWRITTEN = "overwritten"
    UNCHANGED = "unchanged"
    NOT_WRITTEN = "not written"


class WrittenFile(Model):
    """A file of the new fleet; `diff` is what an overwriting changed, or would change."""

    path: str = Field(description="Its path.")
    action: FileAction = Field(description="What became of it.")
    diff: str = Field("", description="Unified diff against what was there.")


class ImportReport(Model):
    """What `quorate init --from-…` made."""

    fleet: str = Field(description="The fleet's name.")
    directory: str = Field(description="Where the files are.")
    files: tuple[WrittenFile, ...] = Field(description="Every file.")
    servers: tuple[str, ...] = Field(description="The servers' names.")
    stacks: tuple[DraftStack, ...] = Field(description="The stacks.")
    guesses: tuple[Guess, ...] = Field(description="Everything that was guessed or made up.")
    notes: tuple[Note, ...] = Field(description="What to know and to do.")
    problems: tuple[Problem, ...] = Field(
        description="Errors that `quorate check` finds in the result, for people to decide."
    )
    checked: bool = Field(description="Whether `quorate check` finds no error.")


class ImportOptions(Model):
    """`directory` gets the files; names in them are relative to it."""

    directory: Path
    name: str | None = None
    servers: tuple[str, ...] = ()
