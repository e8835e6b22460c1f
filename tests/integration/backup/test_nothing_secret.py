"""No password shows in any command line, answer, log or metric, whatever a job starts.

strace writes down each program that is started below a job with all its arguments: nothing is too
short-lived to be seen, as with looking at `ps` it would be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from quorate.alerts import backup_push
from quorate.backup import catalogue
from quorate.backup.jobs import pushing
from quorate.backup.jobs.model import Answer, At, Job
from quorate.backup.jobs.repositories import STORE_USER
from quorate.backup.place import Place, PlaceType, Repository
from quorate.backup.wal.model import VARIABLE
from tests import real_databases
from tests.integration.backup import ground, servers, three, wal_ground, working
from tests.integration.backup.ground import Sshd
from tests.real_prometheus import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SPOKEN = ("pass:w", "correct horse", "st/p@ss", "planted-")
"""Parts of every password in these tests that strace and JSON write as they are."""
PROGRAMS = {
    "postgres": ("pg_dump", "pg_dumpall", "psql", "pg_restore", "restic"),
    "maria": ("mariadb-dump", "mariadb", "restic"),
    "redis": ("redis-cli", "restic"),
}
STRACE = ("-f", "--seccomp-bpf", "-qq", "-s", "100000", "-e", "trace=execve", "-o")
"""By seccomp only what is looked for stops a program, not each of its system calls."""


@dataclass
class Told:
    """What was seen of several runs: texts by where they are from."""

    directory: Path
    texts: dict[str, str] = field(default_factory=dict)

    def traced(self, name: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs another, and writes down what is started."""
        self.texts[name] = ""
        return [ground.install("strace", "strace"), *STRACE, str(self.directory / name), *argv]

    def all(self) -> dict[str, str]:
        """Every text."""
        traces = {
            name: (self.directory / name).read_text(errors="replace")
            for name in self.texts
            if (self.directory / name).exists()
        }
        return {**{f"said by {name}": text for name, text in self.texts.items()}, **traces}

    def holds(self, *secrets: str) -> list[str]:
        """Where one of some words is."""
        every = self.all()
        return [f"{word} in {name}" for name, text in every.items() for word in secrets
                if word in text]  # fmt: skip

    def started(self, program: str) -> bool:
        """Whether a program was seen to be started."""
        return any(f'/{program}"' in text for text in self.all().values())


@pytest.fixture
def told(tmp_path: Path) -> Told:
    directory = tmp_path / "traces"
    directory.mkdir()
    return Told(directory)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with servers.place() as made:
        yield made


def run(told: Told, job: Job, spool: Path, *, code: int = 0) -> Answer:
    """A job under strace; what it said, and what it tells a Pushgateway, is kept."""
    name = f"{job.work.value}-{job.source.replace('/', '-')}-{job.repository.name}-{job.run}"
    argv = told.traced(name, [*working.COMMAND, "--spool", str(spool)])
    process = subprocess.Popen(
        argv,
        env=working.environment(job, None),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    said = working.end(process)
    assert said.code == code, f"{said.why}\n{said.log}"
    pushed = "".join(map(backup_push.text, pushing.results(job, said.answer)))
    told.texts[name] = f"{said.stdout}\n{said.log}\n{pushed}\n{job.model_dump_json()}"
    return said.answer


@pytest.mark.parametrize("kind", PROGRAMS)
def test_programs_of_databases(
    kind: str, place: Path, near: Repository, told: Told, tmp_path: Path
) -> None:
    """Backed up, proven, restored in place, tried with a wrong password; with every program."""
    spool = place / "spool"
    truth = three.Truth(three.fleet(tmp_path / "fleet"), (near,))
    with getattr(servers, kind)(place) as source:
        name = source.kind
        backup = source.job("backup", near, source=name)
        answer = run(told, backup, spool)
        run(told, source.job("prove", near, source=name, server="box2", reach=None), spool)
        over = {"target": source.reach, "in_place": True}
        restored = run(told, source.job("restore", near, source=name, **over), spool)
        (tmp_path / "guess").write_text("planted-guess")
        reach = source.reach.model_copy(update={"password_file": str(tmp_path / "guess")})
        run(told, backup.model_copy(update={"reach": reach, "run": "run-2"}), spool, code=6)
    assert [one.id for one in restored.copies] == [one.id for one in answer.copies] != []
    told.texts["metrics"] = str(truth.shown(backup, None))
    assert told.holds(*SPOKEN) == []
    assert '/restic"' in told.all()[f"restore-{name}-near-run-1"]
    for program in PROGRAMS[kind]:
        assert told.started(program), program


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[At]:
    """A REST repository with a user and a password."""
    secret, port = "planted-rest-password", free_port()
    server = str(ground.ROOT / "tests/fakes/rest_repository.py")
    argv = [sys.executable, server, str(port), str(tmp_path / "served"), "quo", secret]
    (tmp_path / "user").write_text("quo\n")
    (tmp_path / "rest").write_text(secret + "\n")
    files = {"user": tmp_path / "user", "password": tmp_path / "rest"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            location = f"http://127.0.0.1:{port}/"
            at = replace(
                ground.place(tmp_path, "rest", password="planted-repository-password"),
                type=PlaceType.REST,
                location=location,
                credentials=files,
            )
            made = ground.repository(at)
            made.restic.init()
            ground.lighten(made, tmp_path / "served")
            yield far(at, "rest", {name: str(path) for name, path in files.items()})
        finally:
            process.terminate()


def far(at: Place, kind: str, credentials: dict[str, str]) -> At:
    """A repository as a job is told of it."""
    return At.model_validate(
        {
            "name": at.name,
            "place": kind,
            "location": at.location,
            "port": at.port,
            "password_file": str(at.password_file),
            "credentials": credentials,
        }
    )


def test_programs_of_repositories(
    tmp_path: Path, near: Repository, told: Told, rest: At, sshd: Sshd
) -> None:
    """A volume into a REST server; copies over ssh by a key; S3 that does not answer."""
    data = str(ground.tree(tmp_path / "mounted"))
    volume = {"name": "wiki", "path": data}
    spool = tmp_path / "spool"
    run(told, working.job("backup", rest, volumes=(volume,)), spool)
    run(told, working.job("backup", working.at(near.place), volumes=(volume,)), spool)
    there = sshd.place("far", tmp_path / "far")
    there.password_file.write_text("planted-off-site-password\n")
    away = ground.repository(there)
    away.restic.init(like=near.restic)
    ground.lighten(away, tmp_path / "far")
    keys = {
        "identity": str(sshd.directory / "person"),
        "known_hosts": str(sshd.directory / "known"),
    }
    sftp = far(there, "sftp", keys)
    everything = {"source": "", "kind": None}
    copied = run(
        told, working.job("copy", sftp, origin=working.at(near.place), **everything), spool
    )
    assert copied.copies
    run(told, working.job("catalogue", sftp, **everything), spool)
    s3 = at_s3(tmp_path)
    run(told, working.job("catalogue", s3, deadline=30.0, **everything), spool, code=6)
    private = (sshd.directory / "person").read_text().splitlines()[2]
    assert told.holds(*SPOKEN, private) == []
    assert told.started("ssh") and told.started("restic")


def at_s3(directory: Path) -> At:
    """A bucket where nobody answers."""
    for name in ("access", "key", "s3"):
        (directory / name).write_text(f"planted-{name}-of-s3\n")
    return At.model_validate(
        {
            "name": "bucket",
            "place": "s3",
            "location": f"http://127.0.0.1:{free_port()}/bucket",
            "password_file": str(directory / "s3"),
            "credentials": {
                "access_key": str(directory / "access"),
                "secret_key": str(directory / "key"),
            },
        }
    )


SERVE = """
import sys
from pathlib import Path
from quorate.backup.jobs import serve
serve.SECRETS, serve.STORE, serve.STORE_PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
serve.serve()
"""


def test_the_store(tmp_path: Path, told: Told) -> None:
    """rclone serves a directory to restic: its password is a hash in a file."""
    ground.install("rclone", "rclone")
    secret, port = "planted-store-password", free_port()
    from quorate.backup.jobs.spec import STORE_SECRET

    (tmp_path / STORE_SECRET).write_text(secret)
    (tmp_path / "store").mkdir()
    argv = [sys.executable, "-c", SERVE, str(tmp_path), str(tmp_path / "store"), str(port)]
    log = tmp_path / "log"
    env = {**os.environ, "PYTHONPATH": str(ground.ROOT / "src")}
    with log.open("w") as stream:
        process = subprocess.Popen(
            told.traced("store", argv),
            env=env,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        files = {"user": tmp_path / "user", "password": tmp_path / STORE_SECRET}
        files["user"].write_text(STORE_USER)
        at = replace(
            ground.place(tmp_path, "kept", password="planted-repository-password"),
            type=PlaceType.REST,
            location=f"http://127.0.0.1:{port}/",
            credentials=files,
        )
        real_databases.until(lambda: ground.answers(port), seconds=300)
        kept = ground.repository(at)
        kept.restic.init()
        assert catalogue.read(kept) == ()
        told.texts["its log"] = log.read_text()
        environments = "".join(map(environment_of, [process.pid, *ground.below(process.pid)]))
        told.texts["its environment"] = environments
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    assert told.started("rclone")
    assert told.holds(*SPOKEN) == []


def environment_of(pid: int) -> str:
    """The environment a process was started with."""
    return Path(f"/proc/{pid}/environ").read_text(errors="replace")


def test_the_receiver_of_the_log(place: Path, told: Told, tmp_path: Path) -> None:
    """Barman and pg_receivewal: neither shows the password, nor do its files but for one."""
    real_databases.need("postgresql")
    with real_databases.never_started():
        ground.install("barman", "barman")
    directory = place / "primary"
    directory.mkdir(mode=0o711)
    with (
        wal_ground.running(directory) as primary,
        wal_ground.receiver(primary, directory / "wal") as receiver,
    ):
        wal_ground.ready(primary)
        argv = [sys.executable, "-m", "quorate.backup.wal.main"]
        env = {
            **os.environ,
            "PYTHONPATH": str(ground.ROOT / "src"),
            VARIABLE: receiver.told.model_dump_json(),
        }
        with (directory / "receiver.log").open("w") as log:
            process = subprocess.Popen(
                told.traced("receiver", argv), env=env, stdout=log, stderr=log
            )
        try:
            receiver.until("h.protected")
        finally:
            for pid in ground.below(process.pid)[-1:]:
                os.kill(pid, signal.SIGTERM)
            process.wait(timeout=300)
        for path in (directory / "wal").rglob("*"):
            if path.is_file() and path.suffix in (".conf", ".json", ".log"):
                told.texts[path.name] = path.read_text(errors="replace")
        told.texts["its log"] = (directory / "receiver.log").read_text()
    assert told.started("barman") and told.started("pg_receivewal")
    assert told.holds("wal pass", "word\\\\1") == []


def test_the_net_has_no_holes(told: Told, tmp_path: Path) -> None:
    """A program that is gone in a moment, with a password among its arguments, is caught."""
    argv = told.traced("leak", ["sh", "-c", "true; /bin/true planted-in-passing; true"])
    subprocess.run(argv, check=True)
    assert told.holds(*SPOKEN) == ["planted-in-passing"[:8] + " in leak"]
