"""Whose a container is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate.recover.adopt.match import match
from quorate.recover.adopt.model import Found
from tests.unit.recover.adopt import made

DB = made.containers()["db"]
BARE = replace(DB, project="", service="")


@pytest.mark.parametrize(
    ("container", "service"),
    [
        (DB, "db"),
        (replace(DB, project="App"), "db"),
        (replace(DB, image="mine:1", tags=()), "db"),
        (replace(DB, service="other"), "db"),
        (replace(DB, service="other", mounts=()), None),
        (replace(BARE, name="db"), "db"),
        (replace(BARE, name="app_db", mounts=()), "db"),
        (replace(BARE, name="app-db-1", mounts=()), "db"),
        (replace(BARE, name="docker-db", mounts=()), None),
        (replace(BARE, name="db", image="mariadb:11", tags=(), mounts=()), None),
        (replace(BARE, name="something"), "db"),
        (replace(BARE, name="something", image="docker.io/library/postgres:16"), "db"),
        (replace(BARE, name="x", mounts=(made.volume("app_rows", "/elsewhere"),)), None),
        (replace(BARE, name="x", mounts=(made.volume("rows", "/data", nameless=True),)), None),
    ],
)
def test_by_labels_or_name_or_volumes(
    tmp_path: Path, container: Found, service: str | None
) -> None:
    found = match(made.fleet(tmp_path), [container])
    assert list(found.of) == ([service] if service else [])
    assert len(found.left) == (0 if service else 1)


def test_one_that_could_be_several_is_left(tmp_path: Path) -> None:
    twins = "".join(
        f'  {name}: {{image: "tool:1", volumes: ["pages:/p:ro"], x-quorate: {{state: none}}}}\n'
        for name in ("left", "right")
    )
    twice = made.COMPOSE.replace("services:\n", f"services:\n{twins}")
    twice = twice.replace("volumes: {rows", "volumes: {pages: {}, rows")
    bare = made.container(
        "x", "tool:1", project="", service="", name="any", mounts=(made.volume("app_pages", "/p"),)
    )
    found = match(made.fleet(tmp_path, twice), [bare])
    assert found.of == {}
    assert "could be any of the services" in found.left[0][1]


def test_what_stays_with_compose_is_said(tmp_path: Path) -> None:
    from tests.unit.fleet.helpers import FLEET, fleet_of

    text = FLEET.replace(
        "{files: [compose.yaml]}", "{files: [compose.yaml], engine: compose, server: two}"
    )
    fleet = fleet_of(tmp_path, {"fleet.yaml": text, "compose.yaml": made.COMPOSE})
    found = match(fleet, [DB])
    assert found.of == {}
    assert "stays with docker compose" in found.left[0][1]


def test_several_containers_of_one_service(tmp_path: Path) -> None:
    tool = made.containers()["tool"]
    found = match(made.fleet(tmp_path), [tool, replace(tool, id="b", name="app-tool-2")])
    assert [one.name for one in found.of["tool"]] == ["app-tool-1", "app-tool-2"]
