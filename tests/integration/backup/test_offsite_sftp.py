"""Jobs that copy by SFTP: a real sshd, keys as secrets give them, and what is said in failing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying
from quorate.backup.jobs.model import At, Mounted
from quorate.backup.place import Repository
from quorate.errors import UsageError
from tests.integration.backup import ground, working
from tests.integration.backup.ground import Sshd

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture
def full(tmp_path: Path, near: Repository) -> Repository:
    """A repository here, with a copy of a volume."""
    volume = Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted", size=3_000_000)))
    job = working.job("backup", working.at(near.place), volumes=(volume,))
    working.done(job, tmp_path / "spool")
    return near


def away(tmp_path: Path, sshd: Sshd, name: str = "far", **changed: Path) -> At:
    """A repository behind the sshd as a job is told of it, with the key and the host's own."""
    place = sshd.place(name, tmp_path / name)
    secrets = {"identity": sshd.directory / "person", "known_hosts": sshd.directory / "known"}
    return At(
        name=name,
        place="sftp",
        location=place.location,
        port=place.port,
        password_file=str(place.password_file),
        credentials={word: str(path) for word, path in {**secrets, **changed}.items()},
        offsite=True,
    )


def test_made_copied_to_and_proven_by_jobs(tmp_path: Path, full: Repository, sshd: Sshd) -> None:
    far, spool, origin = away(tmp_path, sshd), tmp_path / "spool", working.at(full.place)
    none = {"source": "", "kind": None}
    working.done(working.job("create", far, origin=origin, **none), spool)
    told = working.job("copy", far, origin=origin, **none)
    (copy,) = working.done(told, spool).answer.copies
    assert copy.complete and copy.repository == "far"
    proven = working.done(working.job("prove", far, snapshot=copy.original), spool)
    assert proven.answer.copies[0].proven
    # What a secret holds goes into no log and no answer.
    key = (sshd.directory / "person").read_text().splitlines()[1]
    assert key not in proven.log + proven.stdout


def test_keys_and_hosts_that_are_wrong(tmp_path: Path, full: Repository, sshd: Sshd) -> None:
    """A wrong key, a host that is another than the known one, a host that nobody knows."""
    spool, origin = tmp_path / "spool", working.at(full.place)
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    none = {"source": "", "kind": None}
    far = away(tmp_path, sshd, identity=stranger)
    refused = working.run(working.job("copy", far, origin=origin, **none), spool)
    assert refused.code == 6 and "far: it does not answer" in refused.why
    assert "where the key" in refused.why
    other = tmp_path / "known"
    kind, key = (tmp_path / "stranger.pub").read_text().split()[:2]
    other.write_text(f"[127.0.0.1]:{sshd.port} {kind} {key}\n")
    for known in (other, Path("/dev/null")):
        far = away(tmp_path, sshd, known_hosts=known)
        refused = working.run(working.job("copy", far, origin=origin, **none), spool)
        assert refused.code == 6 and "far: it does not answer" in refused.why
        assert "`known_hosts`" in refused.why
    assert not (tmp_path / "far").exists()


def test_a_known_host_counts_without_a_key_too(
    tmp_path: Path, full: Repository, sshd: Sshd
) -> None:
    """Its key is trusted as given: what is refused then is that nobody logs in."""
    far = away(tmp_path, sshd)
    without = far.model_copy(
        update={"credentials": {"known_hosts": far.credentials["known_hosts"]}}
    )
    none = {"source": "", "kind": None}
    told = working.job("copy", without, origin=working.at(full.place), **none)
    refused = working.run(told, tmp_path / "spool")
    assert refused.code == 6 and "Host key verification failed" not in refused.why + refused.log


def test_from_one_host_to_another_is_refused_with_what_to_do(
    tmp_path: Path, full: Repository, sshd: Sshd
) -> None:
    one = ground.repository(sshd.place("one", tmp_path / "one"))
    two = ground.repository(replace(sshd.place("two", tmp_path / "two"), port=sshd.port + 1))
    with pytest.raises(UsageError, match="two SFTP repositories") as caught:
        copying.copy_missing(one, two)
    assert "`local`" in str(caught.value.todo)
    same = ground.repository(sshd.place("same", tmp_path / "same"))
    one.restic.init(like=full.restic)
    same.restic.init(like=full.restic)
    for each in (one, same):
        ground.lighten(each, tmp_path / each.place.name)
    copying.copy_missing(full, one)
    assert len(copying.copy_missing(one, same).copies) == 1
    assert len(catalogue.read(same)) == 1
