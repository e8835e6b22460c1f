"""Images that no registry may have, found from a fleet's files."""

from __future__ import annotations

from pathlib import Path

from quorate.fleet.backup import DEFAULTS
from quorate.fleet.datasets import data_sets
from quorate.fleet.images import images_on
from quorate.fleet.model import Fleet
from tests.unit.fleet.helpers import FLEET, checked, fleet_of

COMPOSE = """\
services:
  web: {image: "shop/web:1", build: ., x-quorate: {pin: [one, two]}}
  proxy: {image: "nginx:1", x-quorate: {pin: two}}
  copy: {image: "nginx:1", x-quorate: {pin: two}}
"""
BACKUP = """\
backup:
  repositories:
    near: {local: {server: one, path: /b}, password: {environment: P}}
    far: {local: {server: two, path: /b}, password: {environment: P}}
"""
OLD = """\
  old: {files: [old.yaml], engine: compose, server: three}
"""


def on(fleet: Fleet) -> dict[str, dict[str, bool]]:
    return {one.name: images_on(fleet, one) for one in fleet.servers}


def ids(fleet: Fleet) -> list[str]:
    return [one.id for one in data_sets(fleet) if one.kind == "images"]


def test_what_is_built_is_a_source_of_each_server_that_may_run_it(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, {"compose.yaml": COMPOSE})
    assert on(fleet) == {"one": {"shop/web:1": False}, "two": {"shop/web:1": False}, "three": {}}
    assert ids(fleet) == ["images/one", "images/two"]


def test_where_nothing_is_built_there_is_no_source(tmp_path: Path) -> None:
    assert ids(fleet_of(tmp_path, {"compose.yaml": COMPOSE.replace("build: ., ", "")})) == []


def test_what_is_named_is_backed_up_whatever_a_registry_has(tmp_path: Path) -> None:
    section = f"{BACKUP}  images: [nginx:1]\n"
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})
    assert on(fleet)["two"] == {"nginx:1": True, "shop/web:1": False}
    named = section.replace("nginx:1", "docker.io/library/nginx:1, shop/web:1")
    other = fleet_of(tmp_path, {"fleet.yaml": FLEET + named, "compose.yaml": COMPOSE})
    assert on(other)["two"] == {"nginx:1": True, "shop/web:1": True}


def test_what_compose_builds_without_a_name_has_its_own(tmp_path: Path) -> None:
    old = "services:\n  app: {build: .}\n"
    files = {"fleet.yaml": FLEET + OLD, "compose.yaml": COMPOSE, "old.yaml": old}
    assert on(fleet_of(tmp_path, files))["three"] == {"old-app": False, "old_app": False}


def test_an_image_that_no_service_uses_is_told(tmp_path: Path) -> None:
    section = f"{BACKUP}  images: [ngnix:1]\n"
    report = checked(tmp_path, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})
    (found,) = [one for one in report.problems if one.code == "Q719"]
    assert "`ngnix:1`" in found.what and "nginx:1" in found.what and found.location.line == 13
    sound = section.replace("ngnix", "nginx")
    report = checked(tmp_path, {"fleet.yaml": FLEET + sound, "compose.yaml": COMPOSE})
    assert not [one for one in report.problems if one.code == "Q719"]


def test_weekly_and_four_weeks() -> None:
    policy = DEFAULTS["images"]
    assert (policy.schedule.words, policy.keep.words) == ("Sundays at 02:30", "4 weekly")
