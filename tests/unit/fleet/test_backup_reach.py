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


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "  prove: {servers: [one]}\n",
            ["`db`, `volume/app_files`, `volume/app_roams` and 1 more"],
        ),
        ("  prove: {servers: three}\n", ["`volume/app_roams`, `system/three`"]),
        ("  prove: {servers: [one, two]}\n", []),
        ("  prove: {every: weekly}\n", []),
        ("  rehearse: {servers: [two]}\n", ["`cache`, `volume/app_roams`"]),
        ("  rehearse: {enabled: false, servers: [two]}\n", []),
        ("  prove: {servers: two}\n  exclude: [cache, roams, system/two]\n", []),
    ],
)
def test_copies_that_are_tried_beside_their_source_are_a_warning(
    tmp_path: Path, more: str, said: list[str]
) -> None:
    files = {"fleet.yaml": FLEET + SOUND + more, "compose.yaml": COMPOSE}
    found = [p for p in checked(tmp_path, files).problems if p.code == "Q718"]
    assert [p.what.partition(":")[0] for p in found] == said
    assert all(p.location.line == 17 for p in found)


def test_a_server_that_is_alone_proves_its_own_copies(tmp_path: Path) -> None:
    """There is no other to be named."""
    one = "".join(line for line in FLEET.splitlines(keepends=True) if ": {address" not in line
                  or line.startswith("  one"))  # fmt: skip
    section = """\
backup:
  repositories:
    away: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  prove: {servers: [one]}
"""
    compose = COMPOSE.replace("pin: two", "pin: one")
    found = checked(tmp_path, {"fleet.yaml": one + section, "compose.yaml": compose})
    assert found.fleet is not None and len(found.fleet.servers) == 1
    assert "Q718" not in {p.code for p in found.problems}
