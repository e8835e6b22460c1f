"""What the fleet's own files say of backups that will not be what they seem: Q717 and Q718."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fleet.helpers import FLEET, checked
from tests.unit.fleet.test_backup import COMPOSE, SOUND


@pytest.mark.parametrize(
    ("more", "ids"), [("", ["`sql`"]), ("  exclude: [sql]\n", [])], ids=["backed up", "excluded"]
)
def test_a_database_that_runs_by_compose_is_a_warning(
    tmp_path: Path, more: str, ids: list[str]
) -> None:
    """Not its volumes; nor what somebody has left out."""
    mail = """\
services:
  sql: {image: "mariadb:11", volumes: ["s:/var/lib/mysql"], x-quorate: {state: mariadb}}
  box: {image: "x:1", volumes: ["b:/b"], x-quorate: {state: volume}}
volumes: {s: , b: }
"""
    by_compose = f"{FLEET}  mail: {{files: [mail.yaml], engine: compose, server: one}}\n"
    files = {"fleet.yaml": by_compose + SOUND + more, "compose.yaml": COMPOSE, "mail.yaml": mail}
    found = [p for p in checked(tmp_path, files).problems if p.code == "Q717"]
    assert [p.what.partition(" is not backed up")[0] for p in found] == ids
    assert all((p.location.file.endswith("mail.yaml"), p.location.line) == (True, 2) for p in found)
