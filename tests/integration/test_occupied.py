"""What a directory of a server is said to have in it, by the script that is typed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate import restoring
from quorate.fleet.model import Server
from quorate.tools import command, ssh


def test_directories_with_something_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script is a real shell's; ssh is played."""

    def here(target: Any, argv: list[str], *, input: str, timeout: float) -> command.Result:
        return command.run(argv, input=input, timeout=timeout)

    monkeypatch.setattr(ssh, "run", here)
    for name in ("empty", "full", "it's full", "kept"):
        (tmp_path / name).mkdir()
    for name in ("full/.a", "it's full/a", "kept/.quorate-restore-kept-x", "file"):
        (tmp_path / name).touch()
    paths = {name: str(tmp_path / name) for name in ("empty", "full", "it's full", "kept", "file")}
    server = Server(name="one", address="192.0.2.1", cpus=1, memory=1)
    found = restoring.occupied(server, [*paths.values(), str(tmp_path / "gone")])
    assert found == {paths["full"], paths["it's full"], paths["file"]}
    monkeypatch.setattr(ssh, "run", None)
    assert restoring.occupied(server, ()) == frozenset()
