"""How the office's evidence damages a repository, and mends it, on one of real restic here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.office_data import filled
from benchmarks.office_flips import FLIP, LARGEST, MARK
from quorate.backup.jobs.model import At
from quorate.backup.repository import store
from quorate.errors import QuorateError
from tests.integration.backup import ground

pytestmark = [pytest.mark.slow, pytest.mark.drill]
OLDEST = (0, 16)
"""The first that can repair packs."""


def shell(line: str, *words: str) -> str:
    done = subprocess.run(["sh", "-ec", line, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_pack_is_damaged_then_mended_and_the_copy_made_again(tmp_path: Path) -> None:
    near, spool = ground.made(tmp_path, "near"), tmp_path / "spool"
    ground.tree(spool)
    if near.restic.version() < OLDEST:
        pytest.skip(f"`restic repair packs` needs {OLDEST}, here is {near.restic.version()}")
    first = store(near, ground.payload(spool, "1"))
    shell(f"touch {MARK}")
    time.sleep(1.1)
    (spool / "data" / "big").write_bytes(os.urandom(300_000))
    second = store(near, ground.payload(spool, "2"))
    _, _, path = shell(LARGEST.format(root=near.place.location, mark=MARK)).partition(" ")
    before = Path(path).read_bytes()
    offset = int(shell(FLIP, path))
    after = Path(path).read_bytes()
    assert [at for at, (one, other) in enumerate(zip(before, after, strict=True))
            if one != other] == [offset]  # fmt: skip
    with pytest.raises(QuorateError):
        near.restic.restore(second.id, tmp_path / "bad")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "restic").symlink_to(ground.restic_program())
    at = At(name="near", place="local", location=near.place.location,
            password_file=str(near.place.password_file))  # fmt: skip
    told = {"at": at.model_dump(mode="json"), "pack": Path(path).name, "copies": [second.id]}
    done = subprocess.run(
        [sys.executable, "-c", filled("mend.py")],
        input=json.dumps(told), text=True, capture_output=True, timeout=300,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    third = store(near, ground.payload(spool, "3"))
    near.restic.restore(third.id, tmp_path / "good")
    near.restic.restore(first.id, tmp_path / "former")
    (found,) = (tmp_path / "good").rglob("big")
    assert found.read_bytes() == (spool / "data" / "big").read_bytes()
    assert near.restic.check("100%") == ()
