"""The spool: private, empty before, empty after a failure, and counted by its manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base
from quorate.errors import MachineError, RefusedError

MADE = Manifest(kind=Kind.REDIS, version="7.0.15", parts={"keys": "1:all"})


class FakeSource:
    """A source whose scratch server always has the same."""

    kind = Kind.REDIS

    def dump(self, spool: Path) -> Manifest:
        with base.filling(spool):
            base.publish(spool, MADE)
        return MADE

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        return Restored(manifest=MADE, seconds=1.0)


def test_a_published_dump_has_its_manifest(tmp_path: Path) -> None:
    source: base.DumpedSource = FakeSource()
    source.dump(tmp_path / "spool")
    assert base.manifest(tmp_path / "spool") == MADE
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert base.prove(source, tmp_path / "spool") == ()


def test_a_dump_without_a_manifest_counts_for_nothing(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="not a complete dump"):
        base.prove(FakeSource(), tmp_path)


def test_a_manifest_that_was_cut_short_counts_for_nothing(tmp_path: Path) -> None:
    base.publish(tmp_path, MADE)
    text = (tmp_path / base.MANIFEST).read_text()
    (tmp_path / base.MANIFEST).write_text(text[:-5])
    with pytest.raises(MachineError, match="not a complete dump"):
        base.manifest(tmp_path)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failed_dump_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), base.filling(tmp_path / "spool"):
        (tmp_path / "spool" / "part").mkdir()
        (tmp_path / "spool" / "part" / "rows").write_text("1\n")
        raise error
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_killed_dump_left_goes(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / base.MARK).touch()
    (spool / "half").write_text("rows")
    with base.filling(spool):
        assert not (spool / "half").exists()


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("all of it")
    with pytest.raises(RefusedError, match="nothing was dumped"), base.filling(tmp_path):
        pass
    assert (tmp_path / "thesis").exists()


def test_a_finished_dump_stays(tmp_path: Path) -> None:
    FakeSource().dump(tmp_path / "spool")
    with pytest.raises(RefusedError), base.filling(tmp_path / "spool"):
        pass
    assert base.manifest(tmp_path / "spool") == MADE


def test_a_file_in_place_of_the_spool_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    with (
        pytest.raises(MachineError, match="cannot be dumped into"),
        base.filling(tmp_path / "spool"),
    ):
        pass
