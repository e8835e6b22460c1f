"""The pure parts of running a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.errors import CommandError
from quorate.tools import command


def test_secrets_are_masked_everywhere_and_empty_ones_ignored() -> None:
    assert command.mask("login -p hunter2 hunter2", ["hunter2", ""]) == "login -p ••• •••"


def test_last_lines_leave_empty_ones_out() -> None:
    assert command.last_lines("a\n\nb\n  \nc\n", 2) == "b\nc"
    assert command.last_lines("") == ""


def test_resolve_finds_a_program_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.resolve("tool") == str(program)


@pytest.mark.parametrize(
    ("package", "advice"),
    [
        (None, "install no-such-tool, then retry"),
        ("tools", "install the package tools, then retry"),
    ],
)
def test_resolve_says_what_to_install(
    package: str | None, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError, match="no-such-tool is not installed") as caught:
        command.resolve("no-such-tool", package=package)
    assert caught.value.todo == advice


def test_a_missing_program_is_not_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CommandError):
        command.run(["no-such-tool"])
