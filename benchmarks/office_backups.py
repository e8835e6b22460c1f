"""Backups of the example office in a lab: made, copied, proven, damaged, restored, interrupted.

Parts by `QUORATE_OFFICE_BACKUPS`, separated by commas, all when it is empty: `data` (made in the
running services), `copies` (one command backs all up, copies it off-site, proves it), `database`
(emptied, brought back), `recovery` (every server lost, all brought back from off-site), `flips`
(a byte changed in each copy), `wal` (power cut, points in time), `controller` (killed in the
middle).
Amounts by `QUORATE_OFFICE_SIZES`: `full`, `small`, `tiny`. A part that is measured alone takes the
place of its former figures; the others stay, also where they are made again to stand on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import (
    machine,
    office_controller,
    office_copies,
    office_database,
    office_fleet,
    office_flips,
    office_page,
    office_recovery,
    office_wal,
)
from benchmarks.measure import FailedError
from benchmarks.office_data import Amounts, amounts_asked
from benchmarks.office_ground import Ground, running
from benchmarks.office_page import NAME
from benchmarks.office_verdict import Raw, Target, jobs
from quorate.errors import QuorateError

SOME = "QUORATE_OFFICE_BACKUPS"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the measurement. `measure` acts; the others tell what came of it.

    `joined`: what was measured now, with what was measured before and is not measured again.
    """

    measure: Callable[[Ground, Amounts], dict[str, Any]]
    targets: Callable[[Raw], Sequence[Target]]
    section: Callable[[Raw], Iterator[str]]
    joined: Callable[[Raw, Raw], dict[str, Any]] = lambda _, new: dict(new)


PARTS: Mapping[str, Part] = {
    "data": Part(
        measure=office_copies.fill,
        targets=office_copies.data_targets,
        section=office_copies.data_section,
    ),
    "copies": Part(
        measure=lambda here, _: office_copies.copy_and_prove(here),
        targets=office_copies.copies_targets,
        section=office_copies.copies_section,
    ),
    "database": Part(
        measure=lambda here, _: office_database.measure(here),
        targets=office_database.targets,
        section=office_database.section,
    ),
    "recovery": Part(
        measure=lambda here, _: office_recovery.measure(here),
        targets=office_recovery.targets,
        section=office_recovery.section,
    ),
    "flips": Part(
        measure=lambda here, _: office_flips.measure(here),
        targets=office_flips.targets,
        section=office_flips.section,
    ),
    "wal": Part(
        measure=lambda here, _: office_wal.measure(here),
        targets=office_wal.targets,
        section=office_wal.section,
    ),
    "controller": Part(
        measure=lambda here, _: office_controller.measure(here),
        targets=office_controller.targets,
        section=office_controller.section,
        joined=office_controller.joined,
    ),
}
"""In the order in which they are measured: each stands on those before it."""
STANDS_ON: Mapping[str, tuple[str, ...]] = {
    "copies": ("data",),
    "database": ("data",),
    "recovery": ("data", "copies"),
    "flips": ("data", "copies"),
    "wal": ("data",),
    "controller": ("data", "copies"),
}


def chosen(text: str) -> tuple[str, ...]:
    """The parts that are asked for, with what they stand on.

    Raises:
        FailedError: there is no such part.
    """
    names = named(text)
    unknown = names - set(PARTS)
    if unknown:
        raise FailedError(f"{SOME}: no such part: {', '.join(sorted(unknown))}")
    needed = names | {one for name in names for one in STANDS_ON.get(name, ())}
    return tuple(name for name in PARTS if name in needed)


def named(text: str) -> set[str]:
    """The parts that are asked for by name; all when none is."""
    return {name.strip() for name in text.split(",") if name.strip()} or set(PARTS)


def write(directory: Path, place: Path) -> None:
    """Measure what is asked for, and write office-backups.json, .md and .svg after each part.

    Raises:
        FailedError: a verb failed that must not; the parts before are written.
    """
    asked, wanted = chosen(os.environ.get(SOME, "")), named(os.environ.get(SOME, ""))
    name, amounts = amounts_asked()
    found = former(directory / f"{NAME}.json")
    fleet = office_fleet.write(place)
    with running(fleet, place, office_fleet.ENVIRONMENT) as here:
        for part in asked:
            begun = len(here.verbs)
            try:
                raw = PARTS[part].measure(here, amounts)
            except (FailedError, QuorateError) as error:
                raise FailedError(f"{part}: {error}") from error
            if part in found and part not in wanted:
                continue  # only made again, for others to stand on
            if part in found:
                raw = PARTS[part].joined(found[part]["raw"], raw)
            verbs = [asdict(one) for one in here.verbs[begun:]]
            found[part] = {
                "machine": machine.describe(),
                "services": len(here.desired().services),
                "sizes": {"name": name, **asdict(amounts)},
                "raw": raw,
                "verbs": [{key: one[key] for key in ("words", "code", "seconds")} for one in verbs],
            }
            written(directory, found)


def former(path: Path) -> dict[str, Any]:
    """The parts that were measured before."""
    if not path.exists():
        return {}
    return dict(json.loads(path.read_text())["parts"])


def judged(found: Mapping[str, Raw]) -> tuple[Target, ...]:
    """The targets of every part, in order; those not tried are told, too."""
    out: list[Target] = []
    for name, part in PARTS.items():
        if name in found:
            out += part.targets(found[name]["raw"])
        else:
            out.append(Target(part=name, what="all of it", wanted="", seen="", met=None))
    return tuple(out)


def written(directory: Path, found: Mapping[str, Raw]) -> None:
    """Write what there is."""
    directory.mkdir(parents=True, exist_ok=True)
    ordered = {name: found[name] for name in PARTS if name in found}
    targets = judged(ordered)
    data = {
        "title": office_page.TITLE,
        "targets": [asdict(one) for one in targets],
        "parts": ordered,
    }
    (directory / f"{NAME}.json").write_text(json.dumps(data, indent=1) + "\n")
    lines = [line for name, one in ordered.items() for line in PARTS[name].section(one["raw"])]
    where = {
        name: {**one["machine"], "amounts": one["sizes"]["name"], "services": one["services"]}
        for name, one in ordered.items()
    }
    text = office_page.page(where, targets, lines)
    (directory / f"{NAME}.md").write_text(text)
    ran = jobs(ordered["copies"]["raw"]["run"]["answer"]) if "copies" in ordered else ()
    (directory / f"{NAME}.svg").write_text(office_page.picture(ran))
    for one in targets:
        print(f"evidence: {NAME}: {one.part}: {one.what}: {one.seen}: {office_page.WORDS[one.met]}")
