"""Volumes and databases that engines list and no backup holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.enumerating import in_no_registry, is_nameless
from quorate.backup.policy.strays import SWARM_SERVICE, Stored, found_unprotected
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedContainer
from tests.unit.fleet.helpers import FLEET, fleet_of

SECTION = """\
backup:
  exclude: [system/two]
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
  web: {image: nginx}
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume, pin: one}}
volumes: {d: , v: }
"""
RANDOM = "0123456789abcdef" * 4


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})


def container(name: str, **more: Any) -> ObservedContainer:
    """One of a service of the swarm."""
    given = {"id": name, "name": f"{name}.1.x", "server": "one", "state": "running"}
    return ObservedContainer(**{**given, "labels": {SWARM_SERVICE: name}, **more})


def found(fleet: Fleet, **more: Any) -> list[tuple[str, str]]:
    """What is unprotected, and where, on server one."""
    seen = {"one": Stored(**more)}
    return [(one.what, one.server) for one in found_unprotected(fleet, seen)]


def test_named_volumes_are_those_of_sources_or_strangers(fleet: Fleet) -> None:
    assert found(fleet, named=["app_v", "app_d", "old"]) == [("old", "one")]


def test_what_no_container_uses_is_summed_up(fleet: Fleet) -> None:
    assert found(fleet, nameless=["a", "b"]) == [("2 volumes without a name", "one")]
    assert found(fleet, nameless=["a"]) == [("a volume without a name", "one")]


def test_a_nameless_volume_counts_by_who_uses_it(fleet: Fleet) -> None:
    def of(name: str) -> list[tuple[str, str]]:
        return found(fleet, nameless=["a"], containers=(container(name, volumes=("a",)),))

    assert of("app_web") == [], "it keeps nothing, by its own word"
    assert of("app_db") == [], "its dump holds what is in it"
    assert of("quorate-job-backup-x") == []
    assert of("app_files") == [("files: a volume without a name", "one")]
    assert of("other") == [("a volume without a name of other", "one")]


def test_a_database_that_nobody_declared_is_found(fleet: Fleet) -> None:
    stranger = container("shop_db", image="registry.example.org/bitnami/postgresql:15@sha256:0")
    said = found_unprotected(fleet, {"one": Stored(containers=(stranger, stranger))})
    (one,) = said
    assert (one.what, one.server) == ("shop_db", "one") and "PostgreSQL" in one.why
    assert found(fleet, containers=(container("app_db", image="postgres:15"),)) == []
    stopped = container("shop_db", image="postgres", state="exited")
    assert found(fleet, containers=(stopped,)) == []


def test_nameless_is_what_the_engine_says_or_a_random_name() -> None:
    assert is_nameless({"Name": RANDOM, "Labels": None})
    assert is_nameless({"Name": "x", "Labels": {"com.docker.volume.anonymous": ""}})
    assert not is_nameless({"Name": "app_data", "Labels": {}})
    assert not is_nameless({"Name": RANDOM[:-1]})


def test_an_image_that_no_registry_has_and_no_source_holds(fleet: Fleet) -> None:
    runs = (container("app_web", image="nginx:latest"),)
    seen = {"one": Stored(containers=runs, local=["nginx:latest", "unused:1"])}
    (one,) = found_unprotected(fleet, seen)
    assert (one.what, one.server) == ("the image nginx:latest of web", "one")
    assert "`backup.images`" in one.why
    stopped = (container("app_web", image="nginx", state="exited"),)
    assert found(fleet, containers=stopped, local=["nginx:latest"]) == []
    strange = (container("other", image="nginx"),)
    assert found(fleet, containers=strange, local=["nginx:latest"]) == []
    nowhere = ("system/two", "images/two")  # the only repository is on two
    named = fleet.backup.model_copy(update={"images": ("nginx",), "exclude": nowhere})
    held = fleet.model_copy(update={"backup": named})
    assert found(held, containers=runs, local=["nginx:latest"]) == []
    left_out = named.model_copy(update={"exclude": (*nowhere, "images/one")})
    by_word = fleet.model_copy(update={"backup": left_out})
    assert found(by_word, containers=runs, local=["nginx:latest"]) == []


def test_a_name_is_in_no_registry_where_no_digest_is_of_its_repository() -> None:
    pulled = {"RepoTags": ["nginx:1", "mine:1"], "RepoDigests": ["nginx@sha256:0"]}
    assert in_no_registry(pulled) == ("mine:1",)
    assert in_no_registry({"RepoTags": ["a:1", "<none>:<none>"], "RepoDigests": None}) == ("a:1",)
    assert in_no_registry({"RepoTags": None, "RepoDigests": ["<none>@<none>"]}) == ()
