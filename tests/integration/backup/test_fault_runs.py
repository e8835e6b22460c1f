"""Faults of what jobs run, and of who else is there: dumps that are cut, programs that are too old,
locks, runs that overlap. Nothing is claimed of any of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quorate.backup.jobs.model import At, Job, Mounted
from quorate.backup.place import Repository
from quorate.fleet.backup import Keep
from quorate.tools import pg
from tests.integration.backup import ground, light, three, working
from tests.integration.backup.servers import Source
from tests.integration.backup.test_fault_jobs import fails, of, of_volume
from tests.integration.backup.three import VOLUME, Truth
from tests.real_databases import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

Saw = Callable[[str], None]

ONLY_PATH = [
    *(sys.executable, "-c", f"from quorate.tools import pg; pg.PLACES = '/none'; {working.START}"),
    *("backup", "job"),
]
"""It looks for Postgres' programs by PATH only, not where Debian has all versions of them."""
CUT = """\
#!/bin/sh
{real} "$@" || exit
for last in "$@"; do case "$last" in --file=*|--result-file=*) into=${{last#*=}};; esac; done
case "$*" in {dump}) big={big}; {act};; esac
exit 0
"""
"""A program that ends with 0, and whose dump is not whole."""
ACTS = {"cut short": 'truncate -s -20 "$big"', "emptied": ': > "$big"'}
DUMPS = {
    "postgres": ("pg_dump", "*database-shop*", '$(ls -S "$into"/[0-9]*.dat | head -1)'),
    "mariadb": ("mariadb-dump", "*--result-file=*dump.sql*", '"$into"'),
    "redis": ("redis-cli", "*--rdb*", '"$last"'),
}
"""Of each kind: what dumps, how it is called for the data, which file is the largest."""
OLD = {
    "postgres": ("pg_dump", "pg_dump (PostgreSQL) 11.22"),
    "mariadb": ("mariadb-dump", "mysqldump  Ver 10.19 Distrib 10.5.9-MariaDB, for Linux (x86_64)"),
    "redis": ("redis-server", "Redis server v=5.0.14 sha=00000000:0"),
}
HELD = """\
#!/bin/sh
case "$*" in *"backup --json"*) touch {place}/stands; while [ ! -e {place}/go ]; do sleep 0.05; done
esac
exec {real} "$@"
"""
"""A restic that stands still before it stores, until it is let go."""


def program(directory: Path, name: str, script: str) -> Path:
    """A directory with a program to be taken before the real one, and what belongs to it."""
    directory.mkdir()
    if name == "pg_dump":
        for other in ("psql", "pg_dumpall", "pg_restore"):
            (directory / other).symlink_to(pg.installed()[-1].directory / other)
    (directory / name).write_text(script)
    (directory / name).chmod(0o755)
    return directory


def real(name: str) -> str:
    """Where a program is, Postgres' own instead of Debian's, which chooses among them."""
    return pg.installed()[-1].argv(name) if name == "pg_dump" else str(shutil.which(name))


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected=(
        "pg_dump, mariadb-dump and redis-cli that end with 0 and leave the data cut short, or an "
        "empty file, in a job"
    ),
    seen="code 6; the spool is empty; no copy, no success in any metric; the database serves on",
)
@pytest.mark.parametrize("how", ACTS)
def test_a_dump_that_is_cut(
    how: str, source: Source, near: Repository, truth: Truth, tmp_path: Path, saw: Saw
) -> None:
    told, spool = of(source, near), source.place / "spool"
    programs = cutting(tmp_path / "programs", source.kind, ACTS[how])
    said = fails(truth, told, spool, programs, command=ONLY_PATH)
    assert said.code == 6
    three.the_source_serves(source)
    saw(f"{source.kind}, {how}: {said.why.partition(' | ')[0]}")


def test_what_cuts_a_dump_spoils_nothing_else(
    source: Source, near: Repository, tmp_path: Path
) -> None:
    """The same programs, told to cut nothing: the job goes well."""
    programs = cutting(tmp_path / "programs", source.kind, "touch $0.cut")
    said = working.run(of(source, near), source.place / "spool", programs, command=ONLY_PATH)
    assert said.code == 0, said.why
    assert list(programs.glob("*.cut"))


def cutting(directory: Path, kind: str, act: str) -> Path:
    """A directory with a program that dumps a kind of database, and then acts on the dump."""
    name, dump, big = DUMPS[kind]
    script = CUT.format(real=real(name), dump=dump, big=big, act=act)
    return program(directory, name, script)


@pytest.mark.fault(
    "client and server of different major versions",
    injected="a pg_dump, a mariadb-dump and a redis-server older than the server, in a job",
    seen="code 6; no copy, no success in any metric; the database serves on",
)
def test_a_program_that_is_too_old(
    source: Source, near: Repository, truth: Truth, tmp_path: Path, saw: Saw
) -> None:
    name, version = OLD[source.kind]
    programs = program(tmp_path / "programs", name, f"#!/bin/sh\necho '{version}'\n")
    said = fails(truth, of(source, near), source.place / "spool", programs, command=ONLY_PATH)
    assert said.code == 6 and "here" in said.why and "only" in said.why
    three.the_source_serves(source)
    saw(f"{source.kind}: {said.why.partition(' | ')[0]}")


@pytest.mark.fault(
    "stale lock",
    injected=(
        "a lock of another host, of now and of half an hour ago, while a job backs up, copies "
        "off-site, proves, or applies the retention"
    ),
    seen=(
        "code 6, the reason `locked`; what was there still counts, nothing else does; no success "
        "in any metric; once a check has removed a stale one, the same job is right"
    ),
)
@pytest.mark.parametrize("age", ["stale", "held"])
@pytest.mark.parametrize("work", ["backup", "copy", "prove", "forget"])
def test_a_lock_of_another_host(
    work: str, age: str, near: Repository, volume: Mounted, tmp_path: Path, saw: Saw
) -> None:
    spool, at = tmp_path / "spool", working.at(near.place)
    for run in ("run-1", "run-2"):
        working.done(of_volume(at, volume, run=run), spool)
    working.done(working.job("prove", at, source=VOLUME), spool)
    far = ground.made(tmp_path, "far", like=near)
    truth = Truth(three.fleet(tmp_path / "fleet"), (near, far))
    told = {
        "backup": lambda: of_volume(at, volume, run="tried"),
        "copy": lambda: copied(near, working.at(far.place, offsite=True)),
        "prove": lambda: working.job("prove", at, source=VOLUME, server="box2"),
        "forget": lambda: working.job(
            "forget", at, source="", kind=None, keeps={VOLUME: Keep(daily=1)}
        ),
    }[work]()
    since = datetime.now(UTC) - timedelta(minutes=31 if age == "stale" else 0)
    light.write_lock(Path(told.repository.location), ground.PASSWORD, host="elsewhere", since=since)
    said = fails(truth, told, spool, command=working.IMPATIENT)
    assert said.answer.trouble is not None and said.answer.trouble.reason == "locked"
    saw(f"{work}: {said.answer.trouble.what}")
    if age == "stale":
        working.done(working.job("check", told.repository, source="", kind=None), spool)
        again = working.done(told, spool).answer
        assert again.forgotten if work == "forget" else again.copies


def copied(near: Repository, far: At) -> Job:
    """A copy of the volume."""
    return working.job(
        "copy", far, origin=working.at(near.place), source="", kind=None, sources=(VOLUME,)
    )


@pytest.mark.fault(
    "overlapping runs",
    injected="a second job at a database of each kind while the first is about to store",
    seen=(
        "code 7; of the second no copy counts, and no metric tells of a success; the first goes "
        "on, and its copy is the only one; the database serves on"
    ),
)
def test_a_second_run_at_a_database(
    source: Source, near: Repository, truth: Truth, tmp_path: Path, saw: Saw
) -> None:
    saw(f"{source.kind}: {overlapping(truth, of(source, near), source.place / 'spool', tmp_path)}")
    three.the_source_serves(source)


@pytest.mark.fault(
    "overlapping runs",
    injected="a second job at a volume while the first is about to store",
    seen=(
        "code 7; of the second no copy counts, and no metric tells of a success; the first goes "
        "on, and its copy is the only one"
    ),
)
def test_a_second_run_at_a_volume(
    near: Repository, truth: Truth, volume: Mounted, tmp_path: Path, saw: Saw
) -> None:
    told = of_volume(working.at(near.place), volume)
    saw(f"volume: {overlapping(truth, told, tmp_path / 'spool', tmp_path)}")


def overlapping(truth: Truth, told: Job, spool: Path, directory: Path) -> str:
    """Run a job while another is at its source; why it was refused."""
    held = directory / "held"
    script = HELD.format(place=held, real=ground.restic_program())
    first = working.begin(told, spool, program(held, "restic", script))
    try:
        until((held / "stands").exists)
        other = told.model_copy(update={"run": "run-2"})
        second = working.run(other, spool)
        assert second.code == 7 and second.answer.trouble is not None
        assert second.answer.trouble.reason == "locked-source" and "run-1" in second.why
        three.nothing_is_claimed(truth, other, second)
    finally:
        (held / "go").touch()
        said = working.end(first)
    assert said.code == 0, said.why
    assert [copy.run for copy in truth.read()] == ["run-1"] and working.empty(spool)
    return second.answer.trouble.what
