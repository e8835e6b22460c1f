"""A container is not started again on data that its service has left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.errors import RefusedError
from quorate.recover.adopt.model import Adopted, KeptContainer
from quorate.recover.adopt.stale import require_data
from tests.unit.recover.adopt.made import fleet


def adopted(name: str) -> Adopted:
    kept = KeptContainer(id="c1", name=f"app-{name}-1", server="two", restart="always")
    return Adopted(
        id=name, stack="app", name=name, swarm_name=f"app_{name}", image="x", home="two",
        containers=(kept,),
    )  # fmt: skip


def test_a_database_that_is_where_it_was_may_go_back(tmp_path: Path) -> None:
    require_data(fleet(tmp_path), adopted("db"), {"db": ("two",)}, {"db": ("two",)})
    require_data(fleet(tmp_path), adopted("db"), {}, {})


@pytest.mark.parametrize(
    ("homes", "running"),
    [({"db": ("one",)}, {"db": ("one",)}), ({"db": ("one",)}, {}), ({}, {"db": ("one",)})],
)
def test_one_that_was_moved_may_not(
    tmp_path: Path, homes: dict[str, tuple[str, ...]], running: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(RefusedError, match="db lives on one by now") as error:
        require_data(fleet(tmp_path), adopted("db"), homes, running)
    assert "quorate move db --to two" in str(error.value.todo)


def test_who_keeps_nothing_may_go_back_from_anywhere(tmp_path: Path) -> None:
    require_data(fleet(tmp_path), adopted("web"), {"web": ("one", "two")}, {"web": ("one",)})


def test_one_that_the_files_do_not_have_any_more_is_taken_to_keep_data(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="lives on one"):
        require_data(fleet(tmp_path), adopted("gone"), {"gone": ("one",)}, {})
