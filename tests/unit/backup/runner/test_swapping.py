"""Files whose former ones are kept: swapped in, done again after a kill anywhere, put back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quorate.backup.runner.swapping import put_back, swap_aside
from tests.unit.backup.runner.test_placing import setting


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


def tree(at: Path, **files: str) -> Path:
    at.mkdir(exist_ok=True)
    for name, text in files.items():
        (at / name).write_text(text)
    return at


def content(of: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in of.iterdir() if path.is_file()}


def killed_after(monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    real, left = shutil.move, [moves]

    def move(was: Path, now: Path) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        real(was, now)

    monkeypatch.setattr(shutil, "move", move)


@pytest.mark.parametrize("swap_kill", range(5))
@pytest.mark.parametrize("back_kill", range(5))
def test_killed_anywhere_the_former_files_are_never_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap_kill: int, back_kill: int
) -> None:
    target = tree(tmp_path / "0", a="old", b="old")
    told = setting(in_place=True, aside="x", volumes=[{"name": "data", "path": str(target)}])
    with monkeypatch.context() as patched:
        killed_after(patched, swap_kill)
        try:
            swap_aside(told, tree(tmp_path / "new", a="new", c="new"), target)
        except Killed:
            assert swap_kill < 4
    swap_aside(told, tree(tmp_path / "again", a="new", c="new"), target)
    assert content(target) == {"a": "new", "c": "new"}
    kept = next(target.glob(".quorate-restore-kept-*"))
    assert content(kept / "former") == {"a": "old", "b": "old"}
    with monkeypatch.context() as patched:
        killed_after(patched, back_kill)
        try:
            put_back(told)
        except Killed:
            assert back_kill < 4
    put_back(told)
    assert content(target) == {"a": "old", "b": "old"}
    assert content(kept / "recovered") == {"a": "new", "c": "new"}
    assert put_back(told).findings  # once more: nothing is missing


def test_what_was_never_touched_is_left_alone(tmp_path: Path) -> None:
    target = tree(tmp_path / "0", a="old")
    told = setting(in_place=True, aside="x", volumes=[{"name": "data", "path": str(target)}])
    assert put_back(told).findings == () and content(target) == {"a": "old"}
