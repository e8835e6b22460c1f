"""Look-ups and pulls: a real engine against registries with and without a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quorate.deploy.images import Failed, Resolved, image_id, look_up, pull_one, raise_failed
from quorate.deploy.registries import Credential
from quorate.errors import EngineError
from quorate.tools.dockerimages import copy_image

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def asked(client: DockerClient, image: str, user: Credential | None = None) -> Resolved | Failed:
    return look_up(client, image, {user.host: user} if user else {})


def test_an_image_is_resolved_pulled_once_and_then_there(
    engine: DockerClient, registries: tuple[str, str]
) -> None:
    found = asked(engine, f"{registries[0]}/tiny/one:1")
    assert isinstance(found, Resolved) and found.digest is not None
    assert found.deployed == f"{registries[0]}/tiny/one:1@{found.digest}"
    states: list[str] = []
    for _ in range(2):
        pull_one(engine, "a", found.deployed, {}, lambda *state: states.append(state[2]))
    assert states == ["pulling", "pulled", "here"]
    assert image_id(engine, found.deployed) is not None
    assert image_id(engine, f"{registries[0]}/tiny/two:1") is None


def test_a_tag_or_name_that_is_not_there(engine: DockerClient, registries: tuple[str, str]) -> None:
    for image in (f"{registries[0]}/tiny/one:9", f"{registries[0]}/no/such:1"):
        found = asked(engine, image)
        assert isinstance(found, Failed) and "has no such image or tag" in found.why


def test_a_password_is_needed_right_and_never_shown(
    engine: DockerClient, registries: tuple[str, str]
) -> None:
    image = f"{registries[1]}/tiny/two:1"
    good = Credential(host=registries[1], user="me", password="hunter2")
    bad = Credential(host=registries[1], user="me", password="wrong-one")
    assert isinstance(asked(engine, image, good), Resolved)
    for user in (None, bad):
        found = asked(engine, image, user)
        assert isinstance(found, Failed) and "credentials" in found.why
        assert "wrong-one" not in found.why
    states: list[str] = []
    done = pull_one(engine, "a", image, {good.host: good}, lambda *s: states.append(s[2]))
    assert (done, states) == ("pulled", ["pulling", "pulled"])


def test_a_registry_that_does_not_answer(engine: DockerClient) -> None:
    found = asked(engine, "127.0.0.1:5999/tiny/one:1")
    assert isinstance(found, Failed) and "cannot be reached" in found.why


def test_a_full_disk_is_called_that_with_the_servers_name(
    engine: DockerClient, registries: tuple[str, str]
) -> None:
    image = f"{registries[0]}/tiny/large:1"
    done = pull_one(engine, "hpr", image, {}, lambda *state: None)
    assert isinstance(done, Failed)
    with pytest.raises(EngineError, match="on hpr: the disk is full") as caught:
        raise_failed([done])
    assert "free disk on hpr" in str(caught.value.todo)


def test_an_image_is_copied_from_engine_to_engine(engine: DockerClient, shell: str) -> None:
    """Onto itself: what it has is taken out and put in, whole."""
    before = image_id(engine, shell)
    copy_image(engine, engine, shell)
    assert image_id(engine, shell) == before
    with pytest.raises(EngineError, match="the image no-such:1 could not be copied"):
        copy_image(engine, engine, "no-such:1")
