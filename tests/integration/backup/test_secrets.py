"""No password is an argument of anything, and a person's shell reaches no other repository."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying, repository
from quorate.backup.place import Repository
from tests.integration.backup import ground


@pytest.fixture
def told(tmp_path: Path) -> tuple[str, Path]:
    """A restic that writes down its arguments, and where."""
    program, log = tmp_path / "restic-that-tells", tmp_path / "arguments"
    real = shlex.quote(ground.restic_program())
    program.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(log))}\nexec {real} "$@"\n')
    program.chmod(0o755)
    return str(program), log


def test_arguments_hold_no_password_and_no_address(
    tmp_path: Path, spool: Path, told: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RESTIC_REPOSITORY", "RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND"):
        monkeypatch.setenv(name, "somebody else's")
    program, log = told
    near, far = (
        Repository(place=place, restic=replace(ground.repository(place).restic, program=program))
        for place in (ground.place(tmp_path, "near"), ground.place(tmp_path, "far"))
    )
    near.restic.init()
    far.restic.init(like=near.restic)
    repository.store(near, ground.payload(spool, "run-1"))
    assert len(copying.copy_missing(near, far).copies) == 1
    assert [copy.complete for copy in catalogue.read_all([near, far])] == [True, True]
    said = log.read_text()
    assert "backup" in said and "copy" in said
    assert ground.PASSWORD not in said and "horse" not in said
    assert str(tmp_path / "near") not in said and str(tmp_path / "far") not in said
