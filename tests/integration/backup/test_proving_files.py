"""Copies of files proven: restored and compared, whatever the files are like."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, proving_files, repository
from quorate.backup.filetree import manifest_of
from quorate.backup.place import Repository
from tests.integration.backup import ground

ODD_NAMES = (
    b"with space ", b"-rf", b"new\nline", b"tab\there", b"quote'\"", b"back\\slash", b"*?[x]",
    b"caf\xc3\xa9", b"cafe\xcc\x81", b"latin-\xe9\xff", b"%2C,comma=", b"x" * 255, b"...",
    b"next\xc2\x85line", b"line\xe2\x80\xa8separator", b"\x0b\x0c\x1c\x1e", b"cut\xe2\x82",
)  # fmt: skip


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A volume of everything that gets lost easily."""
    root = tmp_path / "spool"
    data = root / "data"
    data.mkdir(parents=True)
    for number, name in enumerate(ODD_NAMES):
        (data / os.fsdecode(name)).write_text(f"content {number}")
    (data / "empty").touch()
    (data / "empty-directory").mkdir(mode=0o700)
    (data / "deep" / "er").mkdir(parents=True)
    (data / "deep" / "er" / "file").write_bytes(os.urandom(5000))
    with (data / "sparse").open("wb") as file:
        file.seek(3_000_000)
        file.write(b"end")
    os.link(data / "deep" / "er" / "file", data / "linked")
    (data / "to-a-file").symlink_to("deep/er/file")
    (data / "to-nowhere").symlink_to("/nonexistent/target")
    os.mkfifo(data / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(data / "socket"))
    (data / "private").write_text("x")
    (data / "private").chmod(0o4640)
    os.utime(data / "private", ns=(1, 1_234_567_890_123_456_789))
    if os.geteuid() == 0:
        os.chown(data / "private", 999, 70)
        os.lchown(data / "to-nowhere", 999, 70)
    os.setxattr(data / "private", "user.note", b"a \x00 b")
    os.utime(data / "deep", ns=(1, 1_000_000_000_000_000_001))
    return root


def test_everything_odd_comes_back(near: Repository, odd: Path, tmp_path: Path) -> None:
    copy = repository.store(near, ground.payload(odd, "run-1"))
    scratch = tmp_path / "scratch"
    proof = proving_files.prove(near, copy, scratch=scratch, path="data", server="box2")
    assert proof.differences == () and proof.ok
    assert proof.seconds > 0
    assert list(scratch.iterdir()) == []
    (again,) = catalogue.read(near)
    assert again.proof is not None
    assert abs(again.proof.seconds - proof.seconds) < 0.001
    assert again == replace(copy, proof=replace(proof, seconds=again.proof.seconds))
    assert again.proven


def test_what_was_not_as_the_source_said_is_told(
    near: Repository, odd: Path, tmp_path: Path
) -> None:
    """The manifest is of one state, the copy of another: no quiesce, say."""
    before = ground.payload(odd, "run-1")
    data = odd / "data"
    (data / "deep" / "er" / "file").write_bytes(b"y" * 5000)
    (data / "private").chmod(0o600)
    (data / "empty").unlink()
    (data / "new").touch()
    copy = repository.store(near, before)
    proof = proving_files.prove(near, copy, scratch=tmp_path / "scratch", path="data")
    assert not proof.ok
    said = "\n".join(proof.differences)
    assert "deep/er/file: other content" in said and "linked: other content" in said
    assert "private: other mode" in said
    assert "empty is missing" in said and "new was not in the source" in said
    (again,) = catalogue.read(near)
    assert again.complete and not again.proven
    assert again.proof is not None and again.proof.differences[0] == proof.differences[0]


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected="one bit in a pack of a proven copy",
    seen="the next proof fails, and the copy is proven no more",
)
def test_a_flipped_byte_turns_a_proven_copy_red(
    near: Repository, spool: Path, tmp_path: Path
) -> None:
    copy = repository.store(near, ground.payload(spool, "run-1"))
    assert proving_files.prove(near, copy, scratch=tmp_path / "s", path="data").ok
    packs = [file for file in (tmp_path / "near" / "data").rglob("*") if file.is_file()]
    largest = max(packs, key=lambda file: file.stat().st_size)
    largest.chmod(0o600)
    content = bytearray(largest.read_bytes())
    content[len(content) // 3] ^= 0x40
    largest.write_bytes(content)
    proof = proving_files.prove(near, copy, scratch=tmp_path / "s", path="data")
    assert not proof.ok and proof.differences
    (again,) = catalogue.read(near)
    assert again.complete and not again.proven


def test_a_manifest_that_is_not_the_stored_one_proves_nothing(
    near: Repository, spool: Path, tmp_path: Path
) -> None:
    copy = repository.store(near, ground.payload(spool, "run-1"))
    near.restic.restore(copy.id, tmp_path / "restored")
    manifest = tmp_path / "restored" / "quorate-manifest.json"
    manifest.write_text(manifest.read_text().replace("0644", "0600"))
    said = proving_files.compare(near.restic, copy, tmp_path / "restored", "data")
    assert said == ("the manifest is not the one that was stored",)


def test_the_manifest_of_a_restored_tree_is_that_of_the_source(
    near: Repository, odd: Path, tmp_path: Path
) -> None:
    was = manifest_of(odd / "data")
    near.restic.backup(["data"], cwd=odd, tags=[], host="box1")
    (entry,) = near.restic.snapshots()
    near.restic.restore(entry.id, tmp_path / "restored")
    assert manifest_of(tmp_path / "restored" / "data") == was
