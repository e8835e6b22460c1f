"""Faults while jobs run: no copy counts, the source serves on, no metric tells of a success."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate.alerts import backup_metrics as metrics
from quorate.backup import catalogue, proving_files, repository, scratch
from quorate.backup import model as backup_model
from quorate.backup.jobs import pushing
from quorate.backup.jobs.model import At, Job, Mounted
from quorate.backup.place import Repository
from quorate.backup.repository import Payload
from quorate.backup.runner import dumped
from quorate.backup.sources.gitlab import GitLab
from quorate.fleet.backup import Keep
from quorate.tools import mariadb, pg
from quorate.tools import redis as red
from tests import real_databases
from tests.integration.backup import ground, servers, test_faults, test_gitlab, three, working
from tests.integration.backup.servers import Source
from tests.integration.backup.three import VOLUME, Truth
from tests.integration.backup.working import Said
from tests.real_prometheus import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

Saw = Callable[[str], None]


def of(source: Source, near: Repository, **more: Any) -> Job:
    """A backup of a database."""
    return source.job("backup", near, source=source.kind, **more)


def of_volume(at: At, volume: Mounted, **more: Any) -> Job:
    """A backup of the volume."""
    return working.job("backup", at, source=VOLUME, volumes=(volume,), **more)


def fails(
    truth: Truth,
    told: Job,
    spool: Path,
    path: Path | None = None,
    *,
    command: Sequence[str] = working.COMMAND,
) -> Said:
    """A job that fails, and of which nothing is claimed; its spool is empty."""
    said = working.run(told, spool, path, command=command)
    assert said.answer.trouble is not None and said.code != 0
    three.nothing_is_claimed(truth, told, said)
    assert working.empty(spool)
    return said


def stored(near: Repository, spool: Path, run: str, taken: datetime) -> str:
    """A copy of the volume, of some moment."""
    ground.tree(spool, salt=run.encode())
    source = replace(ground.VOLUME, id=VOLUME)
    return repository.store(near, ground.payload(spool, run, source=source, taken=taken)).id


def proven(near: Repository, id: str, scratch: Path) -> None:
    """Prove a copy of the volume."""
    copy = next(one for one in catalogue.read(near) if one.id == id)
    assert proving_files.prove(near, copy, scratch=scratch, path="data").ok


@pytest.mark.fault(
    "wrong password",
    injected="a wrong password of each kind of database, in a job",
    seen="code 6; no copy, no success in any metric; the database serves on",
)
def test_a_wrong_password(
    source: Source, near: Repository, truth: Truth, tmp_path: Path, saw: Saw
) -> None:
    (tmp_path / "guessed").write_text("guessed-secret")
    wrong = source.reach.model_copy(update={"password_file": str(tmp_path / "guessed")})
    said = fails(truth, of(source, near, reach=wrong), source.place / "spool")
    assert "guessed-secret" not in said.stdout + said.log
    three.the_source_serves(source)
    saw(f"{source.kind}: {said.answer.trouble.what if said.answer.trouble else ''}")


@pytest.mark.fault(
    "role lacking rights",
    injected="a role of each kind of database that may not read everything, in a job",
    seen="code 6, with what grants it; no copy, no success in any metric; the database serves on",
)
def test_a_role_that_may_too_little(
    source: Source, near: Repository, truth: Truth, tmp_path: Path, saw: Saw
) -> None:
    (tmp_path / "less").write_text("lesser-secret")
    lesser(source)
    less = source.reach.model_copy(update={"user": "less", "password_file": str(tmp_path / "less")})
    said = fails(truth, of(source, near, reach=less), source.place / "spool")
    assert said.answer.trouble is not None and said.answer.trouble.todo
    three.the_source_serves(source)
    saw(f"{source.kind}: {said.answer.trouble.todo}")


def lesser(source: Source) -> None:
    """Make a user that may log in, and hardly more."""
    host, admin = source.reach.host, scratch.ADMIN
    if source.kind == "postgres":
        server = pg.Server(host=host, user=admin)
        pg.query(
            server,
            "postgres",
            "CREATE ROLE less LOGIN PASSWORD 'lesser-secret'",
            pg.installed()[-1],
        )
    elif source.kind == "mariadb":
        make = "CREATE USER less@localhost IDENTIFIED BY 'lesser-secret';"
        mariadb.lines(mariadb.Server(host=host, user=admin), make, mariadb.installed())
    else:
        redis = red.Server(host=host, password=servers.PASSWORD)
        red.ask(redis, "ACL", "SETUSER", "less", "on", ">lesser-secret", "+ping", "~*")


@pytest.mark.fault(
    "disk full: spool",
    injected="a spool too small for the dump of each kind of database, in a job",
    seen="code 6; the spool is empty; no copy, no success in any metric; the database serves on",
)
def test_a_full_spool(source: Source, near: Repository, truth: Truth, saw: Saw) -> None:
    with real_databases.small_disk("64k" if source.kind == "redis" else "200k") as disk:
        disk.chmod(0o711)
        said = fails(truth, of(source, near), disk)
    three.the_source_serves(source)
    saw(f"{source.kind}: {said.why.partition(' | ')[0]}")


@pytest.mark.fault(
    "disk full: repository",
    injected="a file system of 5 MB under a repository, and a job with 20 MB to store",
    seen=(
        "code 6, the reason `full`; what was there still counts, nothing else does; with room "
        "again the next job is right"
    ),
)
def test_a_full_repository(tmp_path: Path, saw: Saw) -> None:
    with real_databases.small_disk("5m") as disk:
        near = ground.repository(
            replace(ground.place(tmp_path, "near"), location=str(disk / "near"))
        )
        near.restic.init()
        ground.lighten(near)
        spool, mounted = tmp_path / "spool", tmp_path / "mounted"
        volume = Mounted(name="wiki", path=str(ground.tree(mounted)))
        at = working.at(near.place)
        working.done(of_volume(at, volume), spool)
        ground.tree(mounted, size=20_000_000)
        told = of_volume(at, volume, run="run-2")
        truth = Truth(three.fleet(tmp_path / "fleet"), (near,))
        said = fails(truth, told, spool)
        assert said.answer.trouble is not None and said.answer.trouble.reason == "full"
        saw(said.answer.trouble.what)
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        assert len(working.done(told, spool).answer.copies) == 1
        near.restic.break_stale_locks()
        assert near.restic.check("100%") == ()


@pytest.mark.fault(
    "disk full: repository",
    injected="a file system of 5 MB under the off-site repository, and 20 MB to copy there",
    seen="code 6; nothing there counts; what is near stays; with room again the next copy is right",
)
def test_a_full_off_site_repository(tmp_path: Path, near: Repository, saw: Saw) -> None:
    spool = tmp_path / "spool"
    ground.tree(spool, size=20_000_000)
    source = replace(ground.VOLUME, id=VOLUME)
    repository.store(near, ground.payload(spool, "run-1", source=source))
    with real_databases.small_disk("5m") as disk:
        far = ground.repository(replace(ground.place(tmp_path, "far"), location=str(disk / "far")))
        far.restic.init(like=near.restic)
        ground.lighten(far)
        truth = Truth(three.fleet(tmp_path / "fleet"), (near, far))
        told = working.job(
            "copy",
            working.at(far.place, offsite=True),
            origin=working.at(near.place),
            source="",
            kind=None,
        )
        said = fails(truth, told, tmp_path / "jobs")
        saw(said.why.partition(" | ")[0])
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        assert len(working.done(told, tmp_path / "jobs").answer.copies) == 1
        far.restic.break_stale_locks()
        assert far.restic.check("100%") == ()


@pytest.mark.fault(
    "disk full: source",
    injected="no byte left on the disk of a Postgres, a Redis, a volume with a SQLite database",
    seen=(
        "each is backed up, as a backup writes nothing there, or the job fails and nothing counts; "
        "the source serves as before"
    ),
)
@pytest.mark.parametrize("kind", ["postgres", "redis", "volume"])
def test_a_full_source(
    kind: str, place: Path, tmp_path: Path, near: Repository, truth: Truth, saw: Saw
) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(real_databases.small_disk("120m"))
        disk.chmod(0o711)
        if kind == "volume":
            told, spool = sqlite_volume(disk, near), tmp_path / "spool"
        else:
            source = stack.enter_context(getattr(servers, kind)(place, within=disk))
            told, spool = of(source, near), place / "spool"
        full = filled(disk)
        said = working.run(told, spool)
        if said.code:
            three.nothing_is_claimed(truth, told, said)
            saw(f"{kind}: {said.why.partition(' | ')[0]}")
        else:
            (copy,) = catalogue.read(near)
            assert copy.complete
            saw(f"{kind}: backed up")
        full.unlink()
        if kind != "volume":
            three.the_source_serves(source)
        assert working.done(told, spool).answer.copies[0].complete


def sqlite_volume(disk: Path, near: Repository) -> Job:
    """A volume with a database with a write-ahead log that is in use."""
    data = ground.tree(disk)
    with closing(sqlite3.connect(data / "app.sqlite3")) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t AS SELECT 1 AS a")
        made.commit()
    volume = Mounted(name="wiki", path=str(data))
    return of_volume(working.at(near.place), volume, sqlite=("app.sqlite3",))


def filled(disk: Path) -> Path:
    """Take all the room that there is; what takes it."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(1 << 16))
    with path.open("ab", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"0" * 512)
    assert shutil.disk_usage(disk).free < 4096
    return path


@pytest.mark.fault(
    "source vanished",
    injected="a database whose server has ended, and a volume that is empty of its directory",
    seen="code 6; no copy, no success in any metric",
)
def test_a_source_that_is_gone(
    place: Path, near: Repository, truth: Truth, volume: Mounted, tmp_path: Path, saw: Saw
) -> None:
    with servers.redis(place) as source:
        told = of(source, near)
    said = fails(truth, told, place / "spool")
    saw(f"redis: {said.why.partition(' | ')[0]}")
    shutil.rmtree(volume.path)
    said = fails(truth, of_volume(working.at(near.place), volume), tmp_path / "spool")
    saw(f"volume: {said.why.partition(' | ')[0]}")


@pytest.mark.fault(
    "wrong password",
    injected="another password for the repository, in a job",
    seen="code 6, the reason `password`; nothing counts, no success in any metric",
)
@pytest.mark.fault(
    "repository missing",
    injected="a repository whose directory is gone, in a job",
    seen="code 6, the reason `missing`; none is made; no success in any metric",
)
@pytest.mark.fault(
    "off-site unreachable",
    injected="an off-site host that answers on no port, in a job that copies",
    seen="code 6, the reason `unreachable`; what is near still counts; no success in any metric",
)
@pytest.mark.parametrize("reason", ["password", "missing", "unreachable"])
def test_a_repository_that_cannot_be_used(
    reason: str, near: Repository, volume: Mounted, tmp_path: Path, saw: Saw
) -> None:
    spool, at = tmp_path / "spool", working.at(near.place)
    working.done(of_volume(at, volume), spool)
    truth = Truth(three.fleet(tmp_path / "fleet"), (near,))
    (tmp_path / "wrong").write_text("not-the-password")
    told = {
        "password": lambda: of_volume(
            at.model_copy(update={"password_file": str(tmp_path / "wrong")}), volume, run="run-2"
        ),
        "missing": lambda: of_volume(
            at.model_copy(update={"location": str(tmp_path / "nothing")}), volume, run="run-2"
        ),
        "unreachable": lambda: unreachable(at),
    }[reason]()
    said = fails(truth, told, spool)
    assert said.answer.trouble is not None and said.answer.trouble.reason == reason, said.why
    assert "not-the-password" not in said.stdout + said.log
    assert not (tmp_path / "nothing").exists()
    saw(said.answer.trouble.what)


def unreachable(near: At) -> Job:
    """A copy to a host where nobody listens."""
    far = near.model_copy(
        update={"name": "far", "place": "sftp", "location": "127.0.0.1:/b", "port": free_port()}
    )
    return working.job("copy", far, origin=near, source="", kind=None)


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected=(
        "one bit in a pack of a proven copy of a volume, of each kind of database, of GitLab's "
        "stand-in; then the job that proves"
    ),
    seen="code 4; the copy is proven no more, and the metric of the proof says 0",
)
@pytest.mark.parametrize("kind", ["volume", "postgres", "maria", "redis", "gitlab"])
def test_a_flipped_byte(
    kind: str, near: Repository, place: Path, volume: Mounted, tmp_path: Path, saw: Saw
) -> None:
    spool, at = place / "spool", working.at(near.place)
    if kind == "volume":
        working.done(of_volume(at, volume), spool)
    elif kind == "gitlab":
        gitlab_stored(near, tmp_path)
    else:
        with getattr(servers, kind)(place) as source:
            working.done(of(source, near), spool)
    (copy,) = catalogue.read(near)
    told = working.job("prove", at, source=copy.source, kind=copy.kind, server="box2")
    working.done(told, spool)
    truth = Truth(three.fleet(tmp_path / "fleet"), (near,))
    proof = metrics.PROOF_OK.name, copy.source, "near", metrics.ORIGINAL
    assert truth.shown(told, None)[proof] == 1
    test_faults.flip(near, at=1000)
    said = fails(truth, told, spool)
    assert said.code == 4
    assert [copy.proven for copy in catalogue.read(near)] == [False]
    shown = truth.shown(told, said)
    assert shown[proof] == 0
    assert shown[metrics.STATE.name, copy.source, copy.kind.value, "proven"] != 0
    saw(f"{copy.kind}: {said.why.partition(' | ')[0]}")


def gitlab_stored(near: Repository, directory: Path) -> None:
    """A copy of GitLab's stand-in, as its job stores it; that one needs an engine to get at it."""
    (directory / "room").mkdir()
    source = GitLab(inside=test_gitlab.container(directory / "gitlab"))
    payload = Payload(
        source=backup_model.Source(id="gitlab", kind=backup_model.Kind.GITLAB),
        run="run-1",
        server="box1",
        taken=datetime.now(UTC),
        manifest=source.dump(directory / "room" / dumped.DIRECTORY),
        root=directory / "room",
        paths=(dumped.DIRECTORY,),
    )
    repository.store(near, payload)


@pytest.mark.fault(
    "poisoned snapshot time",
    injected="a copy that says it is from 20 days ahead, beside proven ones; then the retention",
    seen=(
        "it takes no place: the newest proven copy stays; the metric of poisoned copies says 1, "
        "and that of the last success is the newest sound copy's"
    ),
)
def test_a_poisoned_time(near: Repository, tmp_path: Path, saw: Saw) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ids = [
        stored(near, tmp_path / "s", f"run-{hours}", now - timedelta(hours=hours))
        for hours in (2, 1)
    ]
    for id in ids:
        proven(near, id, tmp_path / f"scratch-{id[:8]}")
    poisoned = stored(near, tmp_path / "s", "poisoned", now + timedelta(days=20))
    proven(near, poisoned, tmp_path / "scratch-poisoned")
    at = working.at(near.place)
    told = working.job("forget", at, source="", kind=None, keeps={VOLUME: Keep(daily=1)})
    said = working.done(told, tmp_path / "spool")
    left = {copy.id for copy in catalogue.read(near)}
    assert ids[1] in left and ids[0] in said.answer.forgotten
    truth = Truth(three.fleet(tmp_path / "fleet"), (near,))
    shown = truth.shown(told, said)
    assert shown[metrics.POISONED.name, VOLUME] == 1
    success = shown[metrics.LAST_SUCCESS.name, VOLUME, "near", metrics.ORIGINAL]
    assert success == (now - timedelta(hours=1)).timestamp()
    assert poisoned in left
    saw("; ".join(said.answer.findings) or f"{len(left)} copies of 3 stay")


SLEEP = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
"""With FAKETIME_DONT_FAKE_MONOTONIC libfaketime 0.9.10 makes clock_nanosleep, which is Python's
sleep, end at once with EINVAL; so does waiting for a program that has not ended yet."""


@pytest.mark.fault(
    "clock step",
    injected="the clock of a job's server ten days ahead, and ten days behind (faketime)",
    seen=(
        "its copy is told to have a wrong time, is not the last success of any metric, and the "
        "next one, by the right clock, is"
    ),
)
@pytest.mark.parametrize("step", ["+10d", "-10d"])
def test_a_clock_that_is_wrong(
    step: str,
    near: Repository,
    volume: Mounted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    saw: Saw,
) -> None:
    ground.install("faketime", "faketime")
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    spool, at = tmp_path / "spool", working.at(near.place)
    told = of_volume(at, volume)
    with monkeypatch.context() as wrong:
        (tmp_path / "sitecustomize.py").write_text(SLEEP)
        wrong.setenv("PYTHONPATH", str(tmp_path))
        wrong.setenv("LD_PRELOAD", str(library))
        wrong.setenv("FAKETIME", step)
        # Else Python waits for locks until a time of the clock that is not faked.
        wrong.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        said = working.done(told, spool)
    truth = Truth(three.fleet(tmp_path / "fleet"), (near,))
    (copy,) = truth.copies
    assert abs((copy.taken - datetime.now(UTC)).total_seconds()) > 9 * 86400
    shown = truth.shown(told, said)
    assert shown[metrics.POISONED.name, VOLUME] == 1
    assert (metrics.LAST_SUCCESS.name, VOLUME, "near", metrics.ORIGINAL) not in shown
    for ended in pushing.results(told, said.answer):
        assert ended.taken is None or ended.taken < datetime.now(UTC).timestamp() + 300
    listed = working.done(working.job("catalogue", at, source="", kind=None), spool)
    (finding,) = listed.answer.findings
    saw(f"{step}: {finding}")
    right = working.done(of_volume(at, volume, run="run-2"), spool)
    shown = Truth(truth.fleet, (near,)).shown(told, right)
    success = shown[metrics.LAST_SUCCESS.name, VOLUME, "near", metrics.ORIGINAL]
    assert abs(success - datetime.now(UTC).timestamp()) < 3000
