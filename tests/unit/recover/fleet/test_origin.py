"""The repository that is left: how it is written, and which of the fleet's it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.place import PlaceType
from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.recover.fleet.origin import place_of, repository_of
from tests.unit.backup.jobs.made import fleet

PASSWORD = Path("password")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return fleet(tmp_path_factory.mktemp("fleet"))


@pytest.mark.parametrize(
    ("url", "kind", "location", "port"),
    [
        ("sftp:ops@box.example.org:/b", PlaceType.SFTP, "ops@box.example.org:/b", None),
        ("sftp:box:b", PlaceType.SFTP, "box:b", None),
        ("sftp://ops@box.example.org:2222//b", PlaceType.SFTP, "ops@box.example.org:/b", 2222),
        ("sftp://box/b", PlaceType.SFTP, "box:b", None),
        ("s3:https://s3.example.org/b", PlaceType.S3, "https://s3.example.org/b", None),
        ("s3:s3.example.org/b/c", PlaceType.S3, "https://s3.example.org/b/c", None),
        ("rest:https://me@rest.example/x", PlaceType.REST, "https://me@rest.example/x", None),
        ("/mnt/disk/q", PlaceType.LOCAL, "/mnt/disk/q", None),
    ],
)  # fmt: skip
def test_an_address_as_restic_takes_it(
    url: str, kind: PlaceType, location: str, port: int | None
) -> None:
    place = place_of(url, password_file=PASSWORD)
    assert (place.type, place.location, place.port) == (kind, location, port)


@pytest.mark.parametrize(
    "url", ["", "box:/b", "sftp:", "sftp:box", "sftp://", "s3:bucket", "rest:box", "gs:b:/x", "b"]
)
def test_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="no address of a repository"):
        place_of(url, password_file=PASSWORD)


def test_a_password_is_not_taken_in_an_address() -> None:
    with pytest.raises(UsageError, match="a password in it") as raised:
        place_of("rest:https://me:planted@rest.example.org/x", password_file=PASSWORD)
    assert "planted" not in "\n".join(raised.value.lines())


def test_credentials_by_the_fleet_files_words() -> None:
    files = {"access_key": Path("a"), "secret_key": Path("s"), "region": Path("r")}
    place = place_of("s3:https://s3.example.org/b", password_file=PASSWORD, credentials=files)
    assert place.credentials == {
        "AWS_ACCESS_KEY_ID": Path("a"),
        "AWS_SECRET_ACCESS_KEY": Path("s"),
        "AWS_DEFAULT_REGION": Path("r"),
    }
    with pytest.raises(UsageError, match="no repository has a credential token"):
        place_of("s3:https://x/b", password_file=PASSWORD, credentials={"token": Path("t")})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sftp:root@box.example.org:/b/", "away"),
        ("sftp:alias-of-the-box:/b", "away"),  # the only one off-site of its kind
        ("s3:s3.example.org/b", "bucket"),
        ("rest:https://rest.example.org/x/", "rest"),
    ],
)
def test_it_is_known_by_its_address_or_as_the_only_one(office: Fleet, url: str, name: str) -> None:
    assert repository_of(office, place_of(url, password_file=PASSWORD)).name == name


def test_nobody_can_tell_which_it_is(office: Fleet) -> None:
    other = place_of("rest:https://other.example.org/x", password_file=PASSWORD)
    with pytest.raises(UsageError, match="nobody can tell") as raised:
        repository_of(office, other)
    assert "--repository" in str(raised.value.todo)
    assert repository_of(office, other, "rest").name == "rest"
    with pytest.raises(UsageError, match="no repository resst"):
        repository_of(office, other, "resst")


def test_a_directory_on_a_lost_server_is_no_way_for_jobs(office: Fleet) -> None:
    place = place_of("/mnt/b/first", password_file=PASSWORD)
    with pytest.raises(UsageError, match="a directory on one"):
        repository_of(office, place, "first")
