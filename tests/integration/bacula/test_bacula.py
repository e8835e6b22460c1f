"""Debian's Bacula reads what is rendered, and backs up and restores with it, on the loopback."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.fleet.model import Disk, Fleet, Reserved, SecretSource, State
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan as solve
from quorate.stacks.bacula.model import Bacula, Catalogue, Layout
from quorate.stacks.bacula.render import Options, render
from tests.fakes.fleets import GIB, make_fleet, make_plan, make_server
from tests.integration.bacula.real import (
    Programs,
    console,
    find_programs,
    installed,
    jobs,
    layout_under,
    running,
)

OFFICE = Path(__file__).parents[3] / "examples/office/fleet.yaml"
ODD_PASSWORD = "a\"b\\c #d{e}; @f'g $h"
END_SECONDS = 40.0


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return find_programs(tmp_path_factory.mktemp("packages"))


@dataclass(frozen=True, kw_only=True)
class Office:
    """The example office, everything below `place`."""

    place: Path
    fleet: Fleet
    rendered: Bacula

    def config(self, name: str) -> Path:
        return self.place / "etc" / name


@pytest.fixture(scope="module")
def office(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Office:
    place = tmp_path_factory.mktemp("office")
    (place / "password").write_text(ODD_PASSWORD)
    fleet = read_fleet(OFFICE, environment={})
    fleet = fleet.model_copy(
        update={
            "secrets": {
                **fleet.secrets,
                "bacula_console": SecretSource(file=place / "password"),
                "bacula_storage": SecretSource(environment="BACULA_STORAGE"),
                "bacula_client_hpr": SecretSource(command=("printf", "%s", ODD_PASSWORD[::-1])),
            }
        }
    )
    options = Options(
        layout=layout_under(place, programs),
        catalogue=Catalogue.SQLITE3,
        configs={"wsasus": ("/srv/fleet",)},
    )
    rendered = render(fleet, solve(fleet, time_limit=2.0), options)
    installed(rendered, place, programs, BACULA_STORAGE=ODD_PASSWORD[::2])
    return Office(place=place, fleet=fleet, rendered=rendered)


def test_the_daemons_take_the_offices_configuration(programs: Programs, office: Office) -> None:
    checks = [
        ("bacula-dir", "bacula-dir.conf"),
        ("bacula-sd", "bacula-sd.conf"),
        ("bconsole", "bconsole.conf"),
        *(("bacula-fd", f"{server.name}-fd.conf") for server in office.fleet.servers),
    ]
    assert len(checks) == 7
    for program, config in checks:
        done = programs.run(program, "-t", "-c", office.config(config).as_posix())
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), config


def test_a_missing_password_is_noticed_before_a_daemon_starts(
    programs: Programs, office: Office, tmp_path: Path
) -> None:
    """The check above can fail."""
    text = office.config("hpr-fd.conf").read_text()
    broken = tmp_path / "bacula-fd.conf"
    broken.write_text(text.replace("passwords/client-hpr", "passwords/nobodys"))
    done = programs.run("bacula-fd", "-t", "-c", broken.as_posix())
    assert done.returncode != 0
    assert "nobodys" in done.stdout + done.stderr


def test_what_bacula_understands_is_what_was_meant(programs: Programs, office: Office) -> None:
    read = programs.read("dir", office.config("bacula-dir.conf"))
    found = {
        kind: {item[kind]["Name"]: item[kind] for item in read if kind in item}
        for kind in ("Job", "Fileset", "Client", "Pool", "Schedule", "Storage", "Director")
    }
    for item in office.rendered.filesets:
        (include,) = found["Fileset"][item.name]["Include"]
        assert tuple(include["File"]) == item.files
        job = found["Job"][f"Backup{item.name}"]
        assert (job["Client"], job["Fileset"]) == (f"{item.server}-fd", item.name)
    backups = {name for name, job in found["Job"].items() if job.get("Type") != "Restore"}
    assert len(backups) == len(office.rendered.filesets) + 1
    assert {name: client["Address"] for name, client in found["Client"].items()} == {
        f"{server.name}-fd": server.address for server in office.fleet.servers
    }
    for pool in office.rendered.pools:
        written = found["Pool"][pool.name]
        assert written["MaximumVolumeBytes"] == pool.size
        assert written["MaximumVolumes"] == pool.count
        assert written["VolumeRetention"] == pool.retention * 86400
    room = office.rendered.roles.room
    assert sum(pool.most for pool in office.rendered.pools) <= room == 200 * GIB


def test_both_ends_know_the_same_password_however_odd(programs: Programs, office: Office) -> None:
    def password(daemon: str, config: str, kind: str, name: str) -> Any:
        read = programs.read(daemon, office.config(config))
        (found,) = [item[kind] for item in read if item.get(kind, {}).get("Name") == name]
        return found["Password"]

    director = "bacula-dir.conf"
    assert password("dir", director, "Director", "bacula-dir") == ODD_PASSWORD
    stores = password("dir", director, "Storage", "File")
    assert stores == password("sd", "bacula-sd.conf", "Director", "bacula-dir") == ODD_PASSWORD[::2]
    for server in office.fleet.servers:
        there = password("fd", f"{server.name}-fd.conf", "Director", "bacula-dir")
        assert password("dir", director, "Client", f"{server.name}-fd") == there
        assert there == ODD_PASSWORD[::-1] if server.name == "hpr" else len(there) == 32


def test_passwords_are_nobody_elses_and_stay(programs: Programs, office: Office) -> None:
    written = office.place / "rendered"
    kept = {path: path.read_text() for path in written.rglob("passwords/*")}
    assert len(kept) == 6 + 6 + 3  # here, on the Director's server, on the three others
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    for path in written.rglob("*"):
        if path.is_file() and path not in kept:
            text = path.read_text()
            assert not [word for word in kept.values() if word.strip().strip('"') in text], path
    environment = {"PATH": "/usr/bin:/bin", "BACULA_STORAGE": ODD_PASSWORD[::2]}
    again = ["sh", str(written / "passwords.sh")]
    subprocess.run(again, check=True, env=environment, timeout=60)
    assert {path: path.read_text() for path in kept} == kept
    environment["BACULA_STORAGE"] = "two\nlines"
    done = subprocess.run(again, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "line break" in done.stderr
    assert "two" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["passwords.sh", "hppavilion/install.sh", "wsasus/install.sh"])
def test_the_scripts_are_shell(office: Office, name: str) -> None:
    path = office.place / "rendered" / name
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@dataclass(frozen=True, kw_only=True)
class Live:
    """A Bacula of one server: its volumes' service has `data`, its database `dumps`."""

    programs: Programs
    layout: Layout
    data: Path
    dumps: Path
    archive: Path

    def ask(self, *lines: str) -> str:
        return console(self.programs, self.layout, *lines)

    def ended(self, job: int, status: str = "T") -> dict[str, Any]:
        """The job as the catalogue has it once it ended so: `T` well, `f` not."""
        deadline = time.monotonic() + END_SECONDS
        while True:
            found = [dict(item) for item in jobs(self.layout) if item["JobId"] == job]
            if found and found[0]["JobStatus"] == status:
                return found[0]
            assert time.monotonic() < deadline, (found, self.ask("messages"))
            time.sleep(0.2)


@pytest.fixture(scope="module")
def live(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    place = tmp_path_factory.mktemp("live")
    data, dumps, archive = place / "data of web", place / "dumps", place / "volumes"
    for directory in (data, dumps / "postgres", archive):
        directory.mkdir(parents=True)
    reserved = (Reserved(name="bacula-director"), Reserved(name="bacula-storage", disk=2 * GIB))
    server = make_server(
        "alpha", address="127.0.0.1", disks=(Disk(name="sda", size=100 * GIB),), reserved=reserved
    )
    web, database = {"volumes": [f"{data}:/data"]}, {"volumes": ["db:/var/lib/postgresql/data"]}
    fleet = make_fleet(
        {"shop": {"services": {"web": web, "db": database}, "volumes": {"db": None}}},
        servers=[server],
        fields={"web": {"state": State.VOLUME}, "db": {"state": State.POSTGRES}},
    )
    layout = layout_under(place, programs)
    options = Options(
        layout=layout, dumps=str(dumps), archive=str(archive), catalogue=Catalogue.SQLITE3
    )
    installed(render(fleet, make_plan(fleet), options), place, programs)
    with running(programs, layout):
        yield Live(programs=programs, layout=layout, data=data, dumps=dumps, archive=archive)


def fill(data: Path) -> None:
    """Files of every kind that a volume may hold."""
    (data / "text").write_text("once upon a time\n" * 4000)
    (data / "packed.gz").write_bytes(b"0" * 300_000)  # not packed at all, and not to be
    (data / "empty").touch()
    (data / 'spaces and "quotes" and ünïcode').write_text("odd")
    (data / "-leading dash").write_bytes(os.urandom(5000))
    (data / "line\nbreak").write_text("odd too")
    (data / "deep/er").mkdir(parents=True)
    (data / "deep/er/twin").write_text("twin")
    os.link(data / "deep/er/twin", data / "twin")
    (data / "link").symlink_to("deep/er")
    (data / "dangling").symlink_to("/nowhere/at all")
    with (data / "sparse").open("wb") as sparse:
        sparse.truncate(20_000_000)
        sparse.seek(10_000_000)
        sparse.write(b"island")
    (data / "text").chmod(0o640)
    (data / "deep").chmod(0o2750)
    os.utime(data / "empty", (1_000_000_000, 1_000_000_000))
    if os.geteuid() == 0:
        os.chown(data / "empty", 1234, 5678)


def tree(top: Path) -> dict[str, tuple[Any, ...]]:
    """Path → all that a restore must bring back."""
    found: dict[str, tuple[Any, ...]] = {}
    twins: dict[int, list[str]] = {}
    for path in sorted(top.rglob("*")):
        seen = path.lstat()
        kind = "link" if path.is_symlink() else "directory" if path.is_dir() else "file"
        content: Any = path.readlink() if kind == "link" else None
        if kind == "file":
            content = path.read_bytes()
            twins.setdefault(seen.st_ino, []).append(path.name)
        when = int(seen.st_mtime) if kind == "file" else 0
        found[path.relative_to(top).as_posix()] = (
            kind, seen.st_mode, seen.st_uid, seen.st_gid, when, content
        )  # fmt: skip
    found["(twins)"] = tuple(sorted(tuple(sorted(n)) for n in twins.values() if len(n) > 1))
    return found


def test_files_saved_changed_and_restored_are_the_same(live: Live) -> None:
    fill(live.data)
    live.ask("run job=BackupVolumes-alpha yes", "wait")
    first = live.ended(1)
    assert (first["Level"], first["JobErrors"]) == ("F", 0)
    assert first["JobFiles"] == len(list(live.data.rglob("*"))) + 1
    # The sparse file's holes are not read into a volume, and only `packed.gz` is not compressed.
    assert 300_000 < first["JobBytes"] < 360_000

    (live.data / "text").write_text("and then\n")
    (live.data / "late").write_text("a new one")
    (live.data / "packed.gz").unlink()
    live.ask("run job=BackupVolumes-alpha yes", "wait")
    second = live.ended(2)
    assert (second["Level"], second["JobErrors"]) == ("I", 0)
    assert second["JobFiles"] == 4  # text, late, their directory, and that packed.gz is gone

    wanted = tree(live.data)
    live.ask("restore client=alpha-fd fileset=Volumes-alpha select current all done yes", "wait")
    assert live.ended(3)["JobErrors"] == 0
    assert tree(Path(live.layout.restores + str(live.data))) == wanted
    assert tree(live.data) == wanted
    assert (Path(live.layout.restores + str(live.data)) / "sparse").stat().st_blocks < 1000
    assert sorted(path.name.partition("-")[0] for path in live.archive.iterdir()) == [
        "Full", "Incremental"
    ]  # fmt: skip


def test_a_job_fails_where_nothing_new_was_dumped(live: Live) -> None:
    dump = live.dumps / "postgres/shop.sql.gz"
    dump.write_bytes(b"dumped")
    os.utime(dump, (time.time() - 27 * 3600,) * 2)
    live.ask("run job=BackupDatabases-alpha yes")
    late = jobs(live.layout)[-1]["JobId"]
    assert live.ended(late, "f")["JobFiles"] == 0
    said = live.ask("messages")
    assert f"{dump.parent} holds no dump of the last 26 hours" in said

    # A new run takes the place of the one that waits to be tried again.
    os.utime(dump)
    live.ask("run job=BackupDatabases-alpha yes")
    newest = jobs(live.layout)[-1]["JobId"]
    assert newest > late
    done = live.ended(newest)
    assert (done["Level"], done["JobErrors"], done["JobFiles"]) == ("F", 0, 2)
