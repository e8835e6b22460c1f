"""How a job gets at repositories, and which values it must not show."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from quorate.backup.jobs.model import At, Job, Reach, Work
from quorate.backup.place import PlaceType
from quorate.backup.runner import reach
from quorate.errors import MachineError


def at(place: str, **more: object) -> At:
    given = {"name": "far", "location": "l", "password_file": "/run/secrets/far"}
    return At.model_validate({**given, "place": place, **more})


def test_credentials_by_the_names_of_the_fleet_file() -> None:
    made = reach.place(at("s3", credentials={"access_key": "/a", "secret_key": "/s"}))
    assert made.type == PlaceType.S3
    assert made.credentials == {
        "AWS_ACCESS_KEY_ID": Path("/a"),
        "AWS_SECRET_ACCESS_KEY": Path("/s"),
    }
    private = reach.place(at("s3", credentials={"access_key": "/a", "ca": "/c"}))
    assert private.ca == Path("/c") and private.credentials == {"AWS_ACCESS_KEY_ID": Path("/a")}
    own = reach.place(at("rest", credentials={"user": "/u", "password": "/p"}, append_only=True))
    assert own.credentials == {"user": Path("/u"), "password": Path("/p")} and own.append_only


def test_a_key_of_ssh_is_copied_to_where_ssh_takes_it(tmp_path: Path) -> None:
    key, known = tmp_path / "key of far", tmp_path / "known"
    key.write_text("SECRET KEY\n")
    key.chmod(0o444)
    with ExitStack() as stack:
        given = {"identity": str(key), "known_hosts": str(known)}
        config = reach.ssh_config(at("sftp", credentials=given), stack)
        assert config is not None
        lines = dict(line.split(" ", 1) for line in config.read_text().splitlines())
        copy = Path(lines["IdentityFile"])
        assert copy.read_text() == "SECRET KEY\n" and copy.stat().st_mode & 0o777 == 0o600
        assert lines["UserKnownHostsFile"] == str(known)
        assert lines["StrictHostKeyChecking"] == "yes"
    assert not copy.exists() and not config.exists()


def test_a_known_host_is_known_without_a_key_too(tmp_path: Path) -> None:
    with ExitStack() as stack:
        given = {"known_hosts": str(tmp_path / "known")}
        config = reach.ssh_config(at("sftp", credentials=given), stack)
        assert config is not None
        assert config.read_text().splitlines() == [
            f"UserKnownHostsFile {tmp_path / 'known'}",
            "StrictHostKeyChecking yes",
        ]


def test_without_a_key_ssh_is_as_it_is() -> None:
    with ExitStack() as stack:
        assert reach.ssh_config(at("sftp"), stack) is None
        given = at("sftp", credentials={"ssh_config": "/c"})
        assert reach.ssh_config(given, stack) == Path("/c")


def test_passwords_are_read_without_the_end_of_their_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" pass word \r\n")
    server = Reach(host="db", port=1, user="u", password_file=str(file))
    assert reach.postgres(server).password == " pass word "
    assert reach.password(Reach(host="db", port=1)) == ""
    with pytest.raises(MachineError, match="the password of u cannot be read"):
        reach.password(server.model_copy(update={"password_file": str(tmp_path / "none")}))


def test_every_secret_of_a_job_is_known(tmp_path: Path) -> None:
    for name, text in {
        "r": "repo\n",
        "o": "or:i",
        "d": "db-pass",
        "k": "KEY-1111\nKEY-2222\n",
    }.items():
        (tmp_path / name).write_text(text)

    def path(name: str) -> str:
        return str(tmp_path / name)

    job = Job(
        work=Work.COPY,
        run="r",
        fleet="f",
        server="s",
        repository=at("sftp", password_file=path("r"), credentials={"identity": path("k")}),
        origin=at("local", password_file=path("o")),
        reach=Reach(host="h", port=1, password_file=path("d")),
        target=Reach(host="h", port=1, password_file=path("not there")),
    )
    assert set(reach.secrets_of(job)) == {
        *("repo", "or:i", "or%3Ai", "db-pass"),
        *("KEY-1111\nKEY-2222", "KEY-1111%0AKEY-2222", "KEY-1111", "KEY-2222"),
    }
