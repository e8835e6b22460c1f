"""The lock files fit pyproject.toml, carry hashes and name no place to take packages from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(path: Path) -> dict[str, set[Version]]:
    """Package name → versions pinned (several where a marker chooses)."""
    found: dict[str, set[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def test_there_is_a_lock_for_running_developing_and_installing() -> None:
    assert [path.name for path in LOCKS] == ["dev.txt", "installer.txt", "runtime.txt"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", path.read_text(), flags=re.MULTILINE)
    without = [block.split(" ")[0] for block in blocks if "==" in block and "sha256:" not in block]
    assert without == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_no_place_is_named(path: Path) -> None:
    assert not re.search(r"://|index-url|find-links|trusted-host|file:", path.read_text())


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("runtime.txt", PROJECT["project"]["dependencies"]),
        ("dev.txt", PROJECT["project"]["dependencies"]),
        ("dev.txt", PROJECT["project"]["optional-dependencies"]["dev"]),
        ("dev.txt", PROJECT["build-system"]["requires"]),
    ],
)
def test_the_lock_holds_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    locked = pins(ROOT / "requirements" / lock)
    for text in wanted:
        asked = Requirement(text)
        versions = locked.get(canonicalize_name(asked.name))
        assert versions, f"{asked.name} is not in requirements/{lock}: run `make lock`"
        assert all(version in asked.specifier for version in versions), f"{text}: run `make lock`"


def test_both_locks_agree_on_what_they_share() -> None:
    runtime, dev = pins(ROOT / "requirements/runtime.txt"), pins(ROOT / "requirements/dev.txt")
    assert {name: dev.get(name) for name in runtime} == runtime
