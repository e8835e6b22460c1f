"""A what-if as a plan of moves: what of it has data to bring along."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.plan.whatif.model import WhatIf
from quorate.plan.words import listed
from quorate.recover.moving.choose import Wish


def wishes_of(file: Path, fleet: Fleet) -> tuple[tuple[Wish, ...], str]:
    """The services that a what-if moves with their data; and a word on the others.

    Raises:
        UsageError: it cannot be read, is of another fleet, or moves nothing that keeps data.
    """
    try:
        found = WhatIf.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UsageError(
            f"{file} is no what-if of this version",
            todo="write it with `quorate what-if … --json > FILE`",
        ) from error
    return wishes_in(found, fleet, str(file))


def wishes_in(found: WhatIf, fleet: Fleet, name: str) -> tuple[tuple[Wish, ...], str]:
    """The same of a what-if that was read. Pure."""
    if found.fleet != fleet.name:
        raise UsageError(f"{name} is about the fleet {found.fleet}, and this one is {fleet.name}")
    asked = tuple(Wish(service=one.service, target=one.target) for one in found.transfers)
    if not asked:
        raise UsageError(
            f"{name} moves no service that keeps data",
            todo="`quorate up` moves the others, as the fleet file says",
        )
    mine = {wish.service for wish in asked}
    others = [one.id for one in found.services if one.id not in mine and one.before != one.after]
    return asked, f"left to `quorate up`: {listed(others)}" if others else ""
