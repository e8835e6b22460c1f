"""Which fleets' real servers a drill was started on from this machine, and not yet cleared.

A file of each, written before anything is armed: by it `quorate drill undo --all` finds them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from quorate.drill import history
from quorate.fleet.model import Model
from quorate.lab.state import labs_directory

FILE = "servers.json"


class Armed(Model):
    """A drill on the servers of a fleet file."""

    fleet: Path
    drill: str


def note(fleet: str, armed: Armed) -> None:
    """Write down that a drill is about to be armed on a fleet's servers."""
    path = history.home(fleet) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}")
    draft.write_text(armed.model_dump_json() + "\n")
    draft.replace(path)


def forget(fleet: str) -> None:
    """Nothing of it is left."""
    (history.home(fleet) / FILE).unlink(missing_ok=True)


def every() -> list[Armed]:
    """All that are noted; a file that cannot be read is left out."""
    found = []
    for path in sorted((labs_directory().parent / "drills").glob(f"*/{FILE}")):
        try:
            found.append(Armed.model_validate_json(path.read_text()))
        except (OSError, ValidationError):
            continue
    return found
