"""Copies read straight from real repositories: a directory here, one over SFTP, one that is not."""

from __future__ import annotations

from pathlib import Path

from quorate.backup import repository
from quorate.fleet.read import read_fleet
from quorate.serving.reading import read
from tests.integration.backup import ground
from tests.unit.fleet.helpers import FLEET, written

COMPOSE = "services: {web: {image: nginx}}\n"


def test_copies_are_read_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    near = ground.made(tmp_path, "near")
    spool = tmp_path / "spool"
    spool.mkdir()
    ground.tree(spool)
    stored = repository.store(near, ground.payload(spool, "run-1"))
    section = f"""\
backup:
  repositories:
    near: {{local: {{server: one, path: {tmp_path}/near}}, password: {{file: near.password}}}}
    gone: {{rest: {{url: "http://127.0.0.1:1/x"}}, password: {{file: near.password}}}}
    mute: {{local: {{server: two, path: {tmp_path}/near}}, password: {{file: nothing}}}}
"""
    fleet = read_fleet(written(tmp_path, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE}))
    found = read(fleet)
    assert found.snapshots == (stored,)
    assert set(found.unread) == {"gone", "mute"}
    assert "nothing cannot be read" in found.unread["mute"]
    assert ground.PASSWORD not in str(found)
