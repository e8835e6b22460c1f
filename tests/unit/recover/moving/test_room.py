"""Nothing is copied where files are, or where the copy does not fit; the answers are a fake's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.errors import MachineError, RefusedError
from quorate.recover.moving.copying import require_room
from quorate.recover.moving.model import Carried, Move, Pair
from quorate.recover.moving.movers import Movers
from quorate.recover.moving.room import SPARE, needed

PAIR = Pair(
    source="one",
    target="two",
    volumes=(Carried(name="old", mount={}), Carried(name="new", mount={})),
)
GB = 10**9
SIZES = {"one:old": 10 * GB, "one:new": 20 * GB}


def asked(*over: str, entries: dict[str, list[str]] | None = None, free: int = 0) -> Movers:
    """What copies, on a target with so much free and these names in its volumes."""

    def ask(pair: Pair, side: str, verb: str, told: dict[str, Any]) -> dict[str, Any]:
        assert (side, verb) == ("wait", "room")
        names = [pair.volumes[number].name for number in told["volumes"]]
        found = entries or {}
        return {"volumes": [{"free": free, "entries": found.get(name, [])} for name in names]}

    move = Move(run="move:db@1", moved=(), pairs=(PAIR,), down=900.0, over=over)
    return cast(Movers, SimpleNamespace(move=move, ask=ask))


def test_files_that_are_there_are_not_overwritten_unasked() -> None:
    there = {"old": ["base"]}
    with pytest.raises(RefusedError, match=r"old on two is not empty \(base\)") as error:
        require_room(asked(entries=there, free=100 * GB), {"sizes": SIZES})
    assert "`--over old`" in str(error.value.todo)
    with pytest.raises(RefusedError, match="old on two is not empty"):
        require_room(asked("new", entries=there, free=100 * GB), {"sizes": SIZES})
    assert require_room(asked("old", entries=there, free=100 * GB), {"sizes": SIZES}) == {}


def test_a_disk_that_is_too_full_is_said_in_figures() -> None:
    with pytest.raises(MachineError, match=r"two has .* free, and .* are needed") as error:
        require_room(asked(free=31 * GB), {"sizes": SIZES})
    assert "make room there" in str(error.value.todo)
    require_room(asked(free=32 * GB), {"sizes": SIZES})


def test_one_volume_that_is_overwritten_does_not_excuse_the_others() -> None:
    sizes = {**SIZES, "two:old": 10 * GB}
    with pytest.raises(MachineError, match="are needed"):
        require_room(asked("old", free=20 * GB), {"sizes": sizes})
    require_room(asked("old", free=22 * GB), {"sizes": sizes})


@pytest.mark.parametrize(
    ("there", "more"),
    [
        (10 * GB, 0.5 * GB),  # as much as there is: only what it may grow by
        (4 * GB, 6.5 * GB),
        (0, 10.5 * GB),  # it is not there, and was named all the same
        (50 * GB, 0.0),
        (None, 0.0),  # nobody has measured it
    ],
)
def test_an_overwritten_one_takes_what_it_has_beyond_what_is_there(
    there: int | None, more: float
) -> None:
    sizes = {**SIZES, "two:old": there}
    assert needed(PAIR, sizes, ("old",)) == pytest.approx(20 * GB * SPARE + more)


def test_what_nobody_has_measured_counts_nothing() -> None:
    assert needed(PAIR, {}, ()) == 0 and needed(PAIR, {"one:old": None}, ("new",)) == 0
    require_room(asked(free=1), {})
