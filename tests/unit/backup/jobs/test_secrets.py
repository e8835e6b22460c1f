"""Passwords of backup work in the swarm: versioned, random where nobody gives them, never shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from quorate.backup.jobs import secrets
from quorate.backup.jobs.needs import Secret
from quorate.backup.jobs.repositories import served_secret, store_secret
from quorate.backup.jobs.secrets import Deployed
from quorate.deploy import versioned
from quorate.errors import CheckError, EngineError
from quorate.fleet.base import SecretSource
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.fake_swarm import refused
from tests.unit.backup.jobs.made import fleet

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


class FakeSecrets:
    """A fake of the engine's secrets. `rival` makes a secret just before we do, once."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.values: dict[str, bytes] = {}
        self.rival = False

    @property
    def client(self) -> DockerClient:
        return cast("DockerClient", SimpleNamespace(api=self))

    def secrets(self, filters: Any = None) -> list[dict[str, Any]]:
        return list(self.there.values())

    def create_secret(self, name: str, data: bytes, labels: dict[str, str]) -> None:
        if self.rival:
            self.rival = False
            self.create_secret(name, b"rival", labels)
        if name in self.there:
            raise refused(409, f"rpc error: secret {name} already exists")
        self.there[name] = {"ID": f"id-{name}", "Spec": {"Name": name, "Labels": labels}}
        self.values[name] = data


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(versioned, "SCRYPT_N", 2)
    return fleet(tmp_path)


def given(name: str, variable: str) -> Secret:
    return Secret(file=name, name=name, source=SecretSource(environment=variable))


def ensure(swarm: FakeSecrets, of: Fleet, *wanted: Secret, **environment: str) -> Deployed:
    return secrets.ensure(swarm.client, of, wanted, environment)


def test_a_value_has_one_version_until_it_changes(found: Fleet) -> None:
    swarm = FakeSecrets()
    first = ensure(swarm, found, given("a", "P"), P="one")
    assert first.named == {"a": "a-v1"} and first.ids == {"a-v1": "id-a-v1"}
    assert ensure(swarm, found, given("a", "P"), P="one") == first
    assert ensure(swarm, found, given("a", "P"), P="two").named == {"a": "a-v2"}
    assert ensure(swarm, found, given("a", "P"), P="one").named == {"a": "a-v1"}


def test_the_password_of_a_store_is_random_and_stays(found: Fleet) -> None:
    swarm = FakeSecrets()
    first = ensure(swarm, found, store_secret("first"), served_secret("first"))
    assert len(swarm.values) == 1 and len(next(iter(swarm.values.values()))) > 40
    assert ensure(swarm, found, served_secret("first")) == first
    other = ensure(swarm, found, store_secret("second"))
    assert len({*swarm.values.values()}) == 2 and other.named != first.named


def test_two_starters_at_once_have_one_password(found: Fleet) -> None:
    swarm = FakeSecrets()
    swarm.rival = True
    made = ensure(swarm, found, store_secret("first"))
    (deployed,) = made.named.values()
    assert deployed.endswith("-v1") and swarm.values[deployed] == b"rival"


def test_all_that_lack_a_value_are_named_and_nothing_is_made(found: Fleet) -> None:
    swarm = FakeSecrets()
    with pytest.raises(CheckError) as caught:
        ensure(swarm, found, given("a", "P"), given("b", "Q"), store_secret("first"))
    assert len(caught.value.problems) == 2 and swarm.there == {}


def test_a_secret_of_a_service_must_be_there(found: Fleet) -> None:
    with pytest.raises(EngineError, match="the swarm has no secret pw-v3"):
        ensure(FakeSecrets(), found, Secret(file="x", deployed="pw-v3"))
