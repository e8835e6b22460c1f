"""The fleet's own files, without those that hold secrets."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

from quorate.backup.jobs.fleetfiles import archive
from tests.unit.fleet.helpers import FLEET, fleet_of

COMPOSE = """\
services:
  web:
    image: x
    env_file: [web.env, {path: more.env, required: false}]
    configs: [page]
    secrets: [key]
configs: {page: {file: pages/index.html}}
secrets: {key: {file: key.txt}}
"""
SECTION = """\
secrets: {key: {file: key.txt}}
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {file: password.txt}}
    other: {local: {server: one, path: /b}, password: {file: password.txt}}
"""


def test_every_file_but_the_secret_ones_is_packed_and_always_alike(tmp_path: Path) -> None:
    files = {
        "fleet.yaml": FLEET + SECTION,
        "compose.yaml": COMPOSE,
        "web.env": "A=1\n",
        "pages/index.html": "hello\n",
        "key.txt": "hunter2\n",
        "password.txt": "hunter3\n",
    }
    fleet = fleet_of(tmp_path, files)
    made = archive(fleet)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made))) as packed:
        names = packed.getnames()
    assert names == ["compose.yaml", "fleet.yaml", "pages/index.html", "web.env"]
    assert b"hunter" not in gzip.decompress(made)
    assert archive(fleet) == made
    os.utime(tmp_path / "web.env", (1, 1))
    (tmp_path / "web.env").chmod(0o600)
    assert archive(fleet) == made
