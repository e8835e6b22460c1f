"""Read a measurement file, or say all that is wrong with it."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quorate.errors import CheckError, UsageError
from quorate.fleet.model import Fleet
from quorate.measured.model import MEASUREMENT_VERSION, Measurement

MAKE = "write one with `quorate measure`"
MOST_PROBLEMS = 20


def read_measurement(path: Path, fleet: Fleet) -> Measurement:
    """The measurement in a file that `quorate measure` wrote for this fleet.

    Raises:
        UsageError: there is no such file, it is not one, or another fleet's.
        CheckError: figures in it cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise UsageError(f"the measurement {path}: {reason}", todo=MAKE) from error
    except ValueError:
        raise UsageError(f"the measurement {path} is not UTF-8 text", todo=MAKE) from None
    found = parse_measurement(text, str(path))
    if found.fleet != fleet.name:
        raise UsageError(
            f"{path} is a measurement of the fleet {found.fleet}, and this is {fleet.name}",
            todo="name the other fleet file, or measure this one with `quorate measure`",
        )
    return found


def parse_measurement(text: str, name: str) -> Measurement:
    """The measurement in a text; `name` says where it comes from.

    Raises:
        UsageError, CheckError: as `read_measurement`.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name} is not a measurement: no valid JSON ({error})",
            cause="it was cut short, or is another file",
            todo=MAKE,
        ) from None
    if not isinstance(data, dict) or "services" not in data or "version" not in data:
        raise UsageError(f"{name} is JSON, and no measurement", todo=MAKE)
    if data["version"] != MEASUREMENT_VERSION:
        raise UsageError(
            f"{name} is a measurement of version {data['version']}, "
            f"and this Quorate reads version {MEASUREMENT_VERSION}",
            todo="measure again with this one",
        )
    try:
        return Measurement.model_validate(data)
    except ValidationError as error:
        problems = [
            f"{name}: {_place(detail['loc'])}: {_said(detail)}"
            for detail in error.errors(include_url=False)
        ]
        left = len(problems) - MOST_PROBLEMS
        more = [f"{name}: and {left} more"] if left > 0 else []
        raise CheckError(
            f"{name} is no valid measurement",
            problems=[*problems[:MOST_PROBLEMS], *more],
            todo="measure again; such a file is not to be mended by hand",
        ) from None


def strangers_to(found: Measurement, fleet: Fleet) -> tuple[str, ...]:
    """Services of the measurement that the fleet's files do not have (any more), in words."""
    known = [service.id for service in fleet.services]
    out = []
    for name in found.services:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            out.append(f"{name} (now {close[0]}?)" if close else name)
    return tuple(out)


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location) or "the file"


def _said(detail: Any) -> str:
    said = str(detail["msg"]).removeprefix("Value error, ")
    value = detail.get("input")
    shown = "" if isinstance(value, dict | list) else f" (it is {value!r})"
    return said[:1].lower() + said[1:] + shown
