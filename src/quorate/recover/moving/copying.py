"""The copying of a move: rounds while services run, the last when they do not, the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from quorate.backup import filetree
from quorate.backup.model import Kind, Manifest
from quorate.errors import MachineError, RefusedError
from quorate.fleet.quantities import show_size
from quorate.recover.moving.model import Pair
from quorate.recover.moving.room import needed
from quorate.recover.moving.spec import SERVE, WAIT
from quorate.tools import parallel

if TYPE_CHECKING:
    from quorate.deploy.progress import Reporter
    from quorate.recover.model import Facts
    from quorate.recover.moving.movers import Movers

MOST_ROUNDS = 8
SHORT_SECONDS = 2.0
"""A round that took no longer than this would not be shorter the next time."""
LITTLE_GAIN = 0.7
"""A round that took more than this share of the one before it brought little."""


def enough(rounds: Sequence[float]) -> bool:
    """Whether another round is not worth it, by the seconds that rounds took. Pure."""
    if not rounds:
        return False
    if rounds[-1] <= SHORT_SECONDS or len(rounds) >= MOST_ROUNDS:
        return True
    # The first one copies everything: the second says nothing yet of what changes.
    return len(rounds) > 2 and rounds[-1] > LITTLE_GAIN * rounds[-2]


def require_room(movers: Movers, facts: Facts) -> Facts:
    """See that the places are empty (or may be overwritten), and large enough.

    Raises:
        RefusedError: files are there. MachineError: there is no room.
    """
    for pair in movers.move.pairs:
        numbers = list(range(len(pair.volumes)))
        there = movers.ask(pair, WAIT, "room", {"volumes": numbers})["volumes"]
        for one, found in zip(pair.volumes, there, strict=True):
            if found["entries"] and one.name not in movers.move.over:
                raise RefusedError(
                    f"{one.name} on {pair.target} is not empty ({found['entries'][0]}); nothing "
                    "was changed there",
                    todo=f"`quorate operations undo`; then `--over {one.name}` overwrites it",
                )
        need = needed(pair, facts.get("sizes") or {}, movers.move.over)
        free = min((one["free"] for one in there), default=0)
        if need > free:
            raise MachineError(
                f"{pair.target} has {show_size(free)} free, and {show_size(need)} are needed",
                cause="the disk is too full for a copy of the data",
                todo="`quorate operations undo`, make room there, then move",
            )
    return {}


def while_running(movers: Movers, report: Reporter) -> Facts:
    """Copy in rounds, until little changes between two."""
    told: list[dict[str, Any]] = []
    while not enough([one["seconds"] for one in told]):
        made = parallel.run(lambda pair: _everything(movers, pair, live=True)[1], movers.move.pairs)
        told.append(
            {
                "seconds": round(max((one["seconds"] for one in made), default=0.0), 1),
                "files": sum(one["files"] for one in made),
                "changed": sum(one["changed"] for one in made),
            }
        )
        last = told[-1]
        report.note(
            f"round {len(told)}: {last['files']} files, {show_size(last['changed'])}, "
            f"in {last['seconds']} s"
        )
    return {"rounds": told}


def at_rest(movers: Movers, report: Reporter) -> Facts:
    """Copy what has changed since, and compare every file; nothing writes to them meanwhile.

    Raises:
        MachineError: they differ, even after every file was read on both sides.
    """
    made = parallel.run(lambda pair: _equal(movers, pair, report), movers.move.pairs)
    return {
        "verified": {
            "files": sum(one["files"] for one in made),
            "size": sum(one["size"] for one in made),
            "digest": [one["digest"] for one in made],
        }
    }


def _equal(movers: Movers, pair: Pair, report: Reporter) -> dict[str, Any]:
    for bring in (_what_differs, _everything, partial(_everything, checksum=True)):
        served, brought = bring(movers, pair)
        if served["digest"] == brought["tree"]["digest"]:
            report.note(
                f"equal: {served['files']} files and directories, {show_size(served['size'])}"
            )
            return served
    found = list(islice(differences(pair, movers.trees(pair)), 5))
    raise MachineError(
        f"the copy on {pair.target} is not what {pair.source} has",
        cause="\n".join(found) or "their digests differ",
        todo="something writes to the volumes beside the service: find it, then go on with "
        "`quorate operations resume`, or back with `quorate operations undo`",
    )


Told = tuple[dict[str, Any], dict[str, Any]]
"""What the tree at the source is, and what bringing it came to."""


def _what_differs(movers: Movers, pair: Pair) -> Told:
    """Bring what is not what it is there: most is, as the last round was only just."""
    told = {"volumes": list(range(len(pair.volumes))), "tree": True, "differing": True}
    # The longest look of the two is what the services wait for.
    served, _ = parallel.run(lambda side: movers.ask(pair, side, "tree", told), (SERVE, WAIT))
    return served, movers.ask(pair, WAIT, "pull", told)


def _everything(movers: Movers, pair: Pair, *, live: bool = False, checksum: bool = False) -> Told:
    """Bring it with a look at everything; both sides at once."""
    numbers = list(range(len(pair.volumes)))
    told = {"volumes": numbers, "checksum": checksum, "tree": True, "live": live}
    work = [(SERVE, "tree"), (WAIT, "pull")]
    served, brought = parallel.run(lambda one: movers.ask(pair, *one, told), work)
    return served, brought


def differences(pair: Pair, trees: dict[str, dict[str, str]]) -> list[str]:
    """How two trees differ, in words, volumes by their names. Pure."""
    was, now = (Manifest(kind=Kind.VOLUME, version="", parts=trees[side]) for side in (SERVE, WAIT))
    said = filetree.differences(was, now)
    names = {f"{number}/": one.name for number, one in enumerate(pair.volumes)}
    return [_named(line, names) for line in said]


def _named(line: str, names: dict[str, str]) -> str:
    for prefix, name in names.items():
        if line.startswith(prefix):
            return f"{name}: {line.removeprefix(prefix)}"
    return line
