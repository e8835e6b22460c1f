"""How a job reaches each kind of repository from where it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.jobs.names import NETWORK
from quorate.backup.jobs.repositories import reached, served_secret, store_secret
from quorate.backup.place import with_user
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.made import fleet


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet(directory)


def test_on_its_own_server_its_directory_is_mounted(found: Fleet) -> None:
    way = reached(found.backup.repository("first"), "one")
    assert (way.at.place, way.at.location, way.at.append_only) == ("local", "/store/first", False)
    (mount,) = way.mounts
    assert (mount.source, mount.target, mount.read_only) == ("/b/first", "/store/first", False)
    assert (way.networks, way.store, len(way.secrets)) == ((), None, 1)
    assert way.at.password_file == way.secrets[0].path


def test_from_another_server_its_store_is_asked_which_lets_nothing_be_removed(
    found: Fleet,
) -> None:
    way = reached(found.backup.repository("first"), "two")
    assert (way.at.place, way.at.append_only) == ("rest", True)
    assert way.at.location == "http://quorate@tasks.quorate-store-first:8000/"
    assert (way.mounts, way.networks, way.store) == ((), (NETWORK,), "first")
    password, door = way.secrets
    assert way.at.credentials == {"password": door.path}
    assert password.source is not None and door.source is None and door.value is None
    assert store_secret("first").name == served_secret("first").name, "one secret for both ends"


def test_elsewhere_it_is_reached_as_it_is_from_a_network_with_a_way_out(found: Fleet) -> None:
    sftp = reached(found.backup.repository("away"), "one")
    assert (sftp.at.location, sftp.at.port) == ("ops@box.example.org:/b", 2222)
    assert set(sftp.at.credentials) == {"identity", "known_hosts"}
    bucket = reached(found.backup.repository("bucket"), "one")
    assert (bucket.at.location, bucket.at.region) == ("https://s3.example.org/b", "eu")
    assert set(bucket.at.credentials) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    for way in (sftp, bucket):
        assert way.networks == (NETWORK,) and way.store is None and not way.mounts
        paths = {secret.path for secret in way.secrets}
        assert {way.at.password_file, *way.at.credentials.values()} == paths


def test_the_user_of_a_rest_server_is_in_its_address(found: Fleet) -> None:
    way = reached(found.backup.repository("rest"), "one")
    assert way.at.location == "https://me%20too@rest.example.org/x"
    known = with_user(way.at.location, {"password": "a/b"})
    assert known == "https://me%20too:a%2Fb@rest.example.org/x"
    assert with_user("https://x/y", {}) == "https://x/y"
    assert with_user("https://x/y", {"user": "a b", "password": "c"}) == "https://a%20b:c@x/y"
