"""A measurement from what was gathered: names of the fleet, and what was not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.measured.figures import Gathering
from quorate.measured.model import Measurement, Source, by_key


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How it was measured. `interval` in seconds; `lost`: server → why it could not be asked."""

    source: Source
    start: datetime
    end: datetime
    interval: float
    interrupted: bool = False
    lost: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def measurement(fleet: Fleet, gathering: Gathering, watched: Watched) -> Measurement:
    """The measurement of a fleet.

    Raises:
        MachineError: no service of the fleet was seen.
    """
    known = by_key(fleet)
    seen = gathering.seen()
    services = {
        known[key].id: found.model_copy(update={"image": known[key].image})
        for key, found in seen.items()
        if key in known
    }
    strangers = tuple(key for key in seen if key not in known)
    if not services:
        raise nothing(fleet, strangers)
    return Measurement(
        fleet=fleet.name,
        fleet_digest=fleet.digest,
        source=watched.source,
        start=watched.start,
        end=watched.end,
        interval=watched.interval,
        interrupted=watched.interrupted,
        services=services,
        unseen=tuple(s.id for s in fleet.services if s.id not in services),
        strangers=strangers,
        lost=dict(watched.lost),
        notes=(*watched.notes, *_speeds(fleet, gathering)),
    )


def nothing(fleet: Fleet, strangers: Sequence[str] = ()) -> MachineError:
    """The error for a measurement in which no service of the fleet was seen."""
    if strangers:
        shown = ", ".join(strangers[:5]) + (" …" if len(strangers) > 5 else "")
        return MachineError(
            f"nothing of {fleet.name} was seen, only other services: {shown}",
            cause="these are another fleet's servers, or the stacks have other names there",
            todo="compare the names with `quorate status`",
        )
    return MachineError(
        f"nothing of {fleet.name} was seen",
        cause="none of its services ran long enough for a sample",
        todo="see with `quorate status` whether it is deployed; measure for longer (--window)",
    )


def _speeds(fleet: Fleet, gathering: Gathering) -> tuple[str, ...]:
    if gathering.placeless and any(server.speed != 1.0 for server in fleet.servers):
        return (
            "for some CPU figures it is not known on which server they were measured: "
            "its threads were taken to be of speed 1.0",
        )
    return ()
