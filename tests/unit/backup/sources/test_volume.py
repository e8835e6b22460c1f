"""Volumes as a source: what restores keep in them is not the source's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from quorate.backup import content
from quorate.backup.sources.volume import STAGE, Volume, compare, tree

KEPT = f"{STAGE}kept-20260301_020000"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A volume with a page, and a directory in which a restore has kept a page and a database."""
    former = tmp_path / "data" / KEPT / "former"
    former.mkdir(parents=True)
    for name in (tmp_path / "data" / "page", former / "page"):
        name.write_text("text")
    with closing(sqlite3.connect(former / "app.db")) as made:
        made.execute("CREATE TABLE t (a)")
    (tmp_path / "spool").mkdir()
    return tmp_path


@pytest.mark.parametrize("still", [True, False])
def test_what_restores_have_kept_is_in_no_copy(root: Path, still: bool) -> None:
    taken = Volume(root=root, names=("data",), still=still).take(root / "spool")
    assert set(taken.manifest.parts) == {"data", "data/page"} and taken.manifest.put == {}
    assert taken.left_out == (f"data/{KEPT}",)
    assert taken.manifest.findings == (
        f"data/{KEPT} is not in it: a restore has kept there what was in the volume before",
    )
    assert content.measured(root, taken.paths, taken.left_out) == {"data/page": 4}


def test_only_what_lies_at_the_top_of_a_volume_is_a_restores(root: Path) -> None:
    (root / "data" / KEPT).rename(root / "data" / "kept")
    (root / "data" / "kept" / "former").rename(root / "data" / "kept" / KEPT)
    taken = Volume(root=root, names=("data",), still=True).take(root / "spool")
    assert f"data/kept/{KEPT}/page" in taken.manifest.parts and taken.left_out == ()


def test_a_copy_that_has_what_was_kept_is_proven_as_it_was(root: Path) -> None:
    """Copies were made so before."""
    made = tree(root, ("data",))
    assert f"data/{KEPT}/former/page" in made.parts and compare(root, made) == ()
    (root / "data" / KEPT / "former" / "page").unlink()
    assert compare(root, made)
