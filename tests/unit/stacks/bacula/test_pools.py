"""Pools stay below the room, and say what had to give way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.stacks.bacula.model import GIB, Cycle, FileSet, Part, Pool, Retention, Roles
from quorate.stacks.bacula.pools import USABLE, pools


def room(size: int) -> Roles:
    return Roles(director="a", storage="a", archive="/v", room=size, disk=960 * GIB, mount="/b")


def saved(part: Part, size: int, daily: int = 0) -> FileSet:
    return FileSet(part=part, server="a", files=("/x",), size=size, daily=daily)


def made(sets: list[FileSet], size: int) -> tuple[dict[str, Pool], dict[str, str]]:
    found, findings = pools(sets, room(size), Cycle(), Retention())
    return {pool.name: pool for pool in found}, {item.code: item.what for item in findings}


SMALL = [saved(Part.CONFIGS, GIB, GIB // 50), saved(Part.SYSTEM, GIB)]


def test_where_all_fits_all_is_kept_as_wanted() -> None:
    found, said = made(SMALL, 200 * GIB)
    assert {name: pool.retention for name, pool in found.items()} == {
        "Full": 365, "Differential": 35, "Incremental": 37, "System": 365
    }  # fmt: skip
    assert sum(pool.most for pool in found.values()) <= 200 * GIB * USABLE
    assert list(said) == ["document-pool"]
    assert "100 volumes of 50 GiB for 365 days, may grow to 4.9 TiB" in said["document-pool"]
    assert "a has 200 GiB of the 960 GiB on /b, 25 times less" in said["document-pool"]


def test_the_usual_pool_is_not_spoken_of_where_it_fits() -> None:
    assert made(SMALL, 5000 * GIB)[1] == {}


def test_full_backups_give_way_first() -> None:
    found, said = made([saved(Part.VOLUMES, 20 * GIB, GIB // 10), *SMALL], 120 * GIB)
    assert 36 <= found["Full"].retention < 365
    assert (found["Differential"].retention, found["Incremental"].retention) == (35, 37)
    assert found["System"].retention == 365
    assert "a has 120 GiB, and 365 days take" in said["kept-shorter"]


def test_too_little_room_is_said_with_figures_and_the_disk_is_not_filled() -> None:
    sets = [saved(Part.VOLUMES, 300 * GIB, 6 * GIB), *SMALL]
    found, said = made(sets, 200 * GIB)
    assert "200 GiB on a are too little: a full backup takes 301 GiB" in said["too-small"]
    assert sum(pool.most for pool in found.values()) <= 200 * GIB * USABLE
    _, findings = pools(sets, room(200 * GIB), Cycle(), Retention())
    (todo,) = [item.todo for item in findings if item.code == "too-small"]
    assert "has only" not in todo or "960" in todo
    assert todo.endswith("it fits with --without volumes")
    # What it asks for is enough, and a GiB less is not.
    asked = int(todo.split("`disk: ")[1].split("M`")[0].split("G`")[0])
    asked *= GIB if f"{asked}G`" in todo else 2**20
    assert "too-small" not in made(sets, asked)[1]
    assert "too-small" in made(sets, asked - GIB)[1]


def test_unknown_room_is_said() -> None:
    found, said = made(SMALL, 0)
    assert list(said) == ["room-unknown"]
    assert found["Full"].retention == 365


@pytest.mark.parametrize("part", list(Part))
def test_jobs_of_unknown_size_have_a_pool(part: Part) -> None:
    found, _ = made([saved(part, 0)], 200 * GIB)
    assert ("System" if part is Part.SYSTEM else "Full") in found or part is Part.SYSTEM
    assert "Incremental" in found


@given(
    size=st.integers(1, 4000),
    sets=st.lists(
        st.tuples(st.sampled_from(list(Part)), st.integers(0, 800), st.floats(0, 0.2)), min_size=1
    ),
    wanted=st.builds(
        Retention,
        full=st.integers(1, 800),
        differential=st.integers(1, 90),
        incremental=st.integers(1, 90),
        system=st.integers(1, 800),
    ),
)
def test_never_more_than_the_room(
    size: int, sets: list[tuple[Part, int, float]], wanted: Retention
) -> None:
    """Whatever is saved: all pools full are below the room, and no full backup is given up
    before the next one is there."""
    filled = [saved(part, full * GIB, int(full * GIB * share)) for part, full, share in sets]
    found, _ = pools(filled, room(size * GIB), Cycle(), wanted)
    assert sum(pool.most for pool in found) <= size * GIB * USABLE
    for pool in found:
        assert pool.count >= 1 and pool.size >= 2**20
        assert pool.name != "Full" or pool.retention > Cycle().longest_days
