"""Configured repositories as restic's addresses and credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.backup.copying import require_compatible
from quorate.backup.place import Place, PlaceType, access
from quorate.errors import RepositoryError, UsageError
from quorate.tools.restic import Restic


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for key, value in {"id": "AKID", "key": "s3cr3t", "user": "quo", "password": "p@ss/wd"}.items():
        found[key] = tmp_path / key
        found[key].write_text(value + "\n")
    return found


def place(type: PlaceType, location: str, **more: Any) -> Place:
    return Place(name="far", type=type, location=location, password_file=Path("/p"), **more)


def test_a_directory() -> None:
    found = access(place(PlaceType.LOCAL, "/srv/backup"))
    assert (found.url, found.environment, found.options) == ("/srv/backup", {}, ())


def test_sftp_never_asks_and_notices_silence() -> None:
    at = place(PlaceType.SFTP, "quo@box9:/srv/b", port=2222, ssh_config=Path("/etc/a b"))
    found = access(at)
    assert found.url == "sftp:quo@box9:/srv/b"
    (option,) = found.options
    assert option.startswith("sftp.command=ssh -o BatchMode=yes")
    assert "ServerAliveInterval=15" in option
    assert option.endswith("-F '/etc/a b' -p 2222 quo@box9 -s sftp")


def test_s3_has_its_keys_from_files(files: dict[str, Path]) -> None:
    keys = {"AWS_ACCESS_KEY_ID": files["id"], "AWS_SECRET_ACCESS_KEY": files["key"]}
    found = access(place(PlaceType.S3, "https://s3.example.org/bucket/x", credentials=keys))
    assert found.url == "s3:https://s3.example.org/bucket/x"
    assert found.environment == {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}


def test_an_authority_is_no_key(files: dict[str, Path]) -> None:
    found = access(place(PlaceType.S3, "https://s3.example.org/b", ca=files["id"]))
    assert found.ca == files["id"] and found.environment == {}
    door = Restic(name="far", access=found)
    assert door._options(None)[:2] == ["--no-cache", f"--cacert={files['id']}"]
    near = Restic(name="near", access=access(place(PlaceType.LOCAL, "/srv/backup")))
    assert f"--cacert={files['id']}" in near._options(door)


def test_rest_has_user_and_password_in_an_address_that_no_argument_shows(
    files: dict[str, Path],
) -> None:
    keys = {"user": files["user"], "password": files["password"]}
    found = access(place(PlaceType.REST, "https://box9:8000/quo", credentials=keys))
    assert found.url == "rest:https://quo:p%40ss%2Fwd@box9:8000/quo"
    assert "p@ss/wd" in found.environment.values()  # masked in what is shown
    assert access(place(PlaceType.REST, "http://box9/")).url == "rest:http://box9/"


def test_a_credential_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    at = place(PlaceType.S3, "x", credentials={"AWS_ACCESS_KEY_ID": tmp_path / "gone"})
    with pytest.raises(RepositoryError, match="`AWS_ACCESS_KEY_ID` of the repository far"):
        access(at)


def test_what_one_restic_cannot_talk_to_at_once(files: dict[str, Path]) -> None:
    local = place(PlaceType.LOCAL, "/srv")
    one = place(PlaceType.SFTP, "box8:/a")
    two = place(PlaceType.SFTP, "box9:/a")
    require_compatible(one, place(PlaceType.SFTP, "box8:/b"))
    require_compatible(local, two)
    with pytest.raises(UsageError, match="two SFTP repositories"):
        require_compatible(one, two)
    keyed = place(PlaceType.S3, "x", credentials={"AWS_ACCESS_KEY_ID": files["id"]})
    require_compatible(keyed, keyed)
    with pytest.raises(UsageError, match="two S3 repositories"):
        require_compatible(keyed, place(PlaceType.S3, "y"))
