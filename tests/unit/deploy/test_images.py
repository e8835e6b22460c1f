"""Image references, registries and what their refusals mean."""

from __future__ import annotations

import base64
import json

import pytest

from quorate.deploy.images import (
    Failed,
    Presence,
    explain,
    held_by_all,
    held_in_part,
    pullable,
    raise_failed,
    tagged,
    wanted_images,
)
from quorate.deploy.registries import Credential, auth_for, config_json, registry_of
from quorate.errors import EngineError
from tests.fakes.fleets import make_fleet, make_plan

DIGEST = "sha256:" + "0" * 64
HUB = Credential(host="docker.io", user="u", password="p:w")
OWN = Credential(host="registry.example:5000", user="me", password="hunter2")


@pytest.mark.parametrize(
    ("image", "registry", "full"),
    [
        ("redis", "docker.io", "redis:latest"),
        ("grafana/loki:3", "docker.io", "grafana/loki:3"),
        ("docker.io/library/redis:8", "docker.io", "docker.io/library/redis:8"),
        ("localhost/x", "localhost", "localhost/x:latest"),
        ("registry.example:5000/a/b", "registry.example:5000", "registry.example:5000/a/b:latest"),
        ("quay.io/a/b:1", "quay.io", "quay.io/a/b:1"),
    ],
)
def test_references(image: str, registry: str, full: str) -> None:
    assert (registry_of(image), tagged(image)) == (registry, full)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("redis", "redis:latest"),
        (f"redis:8@{DIGEST}", f"redis@{DIGEST}"),
        (f"r.example:5000/a:8@{DIGEST}", f"r.example:5000/a@{DIGEST}"),
        (f"r.example:5000/a@{DIGEST}", f"r.example:5000/a@{DIGEST}"),
    ],
)
def test_what_the_pull_call_takes(image: str, expected: str) -> None:
    assert pullable(image) == expected


def test_credentials_go_to_their_own_registry_only() -> None:
    known = {item.host: item for item in (HUB, OWN)}
    assert auth_for("redis", known) == {"username": "u", "password": "p:w"}
    assert auth_for("registry.example:5000/x", known) == OWN.as_auth()
    assert auth_for("quay.io/x", known) is None
    assert "hunter2" not in repr(OWN)


def test_the_docker_clients_configuration() -> None:
    auths = json.loads(config_json({"a": HUB, "b": OWN}))["auths"]
    assert set(auths) == {"https://index.docker.io/v1/", "registry.example:5000"}
    assert base64.b64decode(auths["registry.example:5000"]["auth"]) == b"me:hunter2"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("manifest unknown", "docker.io has no such image or tag"),
        ("pull access denied for x", "does not exist, or credentials are missing"),
        ("dial tcp: lookup r.example: no such host", "cannot be reached"),
        ("write /x: no space left on device", "the disk is full"),
        ("something new", "something new"),
    ],
)
def test_refusals_are_explained(said: str, words: str) -> None:
    assert words in explain(said, "redis:8")


def test_all_failures_are_raised_together_and_a_full_disk_names_its_server() -> None:
    raise_failed([])
    with pytest.raises(EngineError, match="no image redis:9: why"):
        raise_failed([Failed(image="redis:9", why="why")])
    full = Failed(image="a", why="the disk is full (no space left on device)", server="hpr")
    with pytest.raises(EngineError, match="2 images") as caught:
        raise_failed([full, Failed(image="b", why="gone")])
    assert "a on hpr" in str(caught.value.cause)
    assert "free disk on hpr" in str(caught.value.todo)


def test_held_alike_by_every_server() -> None:
    assert held_by_all(Presence(ids={"a": "1", "b": "1"}), ["a", "b"])
    assert not held_by_all(Presence(ids={"a": "1", "b": "2"}), ["a", "b"])
    assert not held_by_all(Presence(ids={"a": "1"}), ["a", "b"])
    assert not held_by_all(Presence(ids={}), [])


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ({}, ""),
        ({"a": "1"}, "of its servers a has one, and b has none"),
        ({"a": "1", "b": "2"}, "a and b have different ones under that name"),
    ],
)
def test_an_image_that_some_servers_have_is_said_to_be_there(
    ids: dict[str, str], said: str
) -> None:
    """Nobody looks for it at a registry's door who had built it on one of the servers."""
    held = held_in_part(Presence(ids=ids), ["b", "a"])
    assert held == said
    failure = Failed(image="web:1", why="the registry docker.io cannot be reached", held=held)
    with pytest.raises(EngineError) as raised:
        raise_failed([failure])
    assert ("docker load" in (raised.value.todo or "")) == bool(said)
    assert said in raised.value.what


def test_images_are_wanted_on_whole_pools() -> None:
    services = {"x": {"image": "i:1"}, "y": {"image": "i:1"}, "z": {"image": "j:1"}}
    fleet = make_fleet({"web": {"services": services}})
    plan = make_plan(fleet, pools={"x": ["alpha"], "y": ["beta"], "z": ["alpha", "gamma"]})
    assert wanted_images(fleet, plan) == {
        "i:1": ("alpha", "beta"),
        "j:1": ("alpha", "gamma"),
    }
