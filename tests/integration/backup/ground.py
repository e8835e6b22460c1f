"""Real repositories, sources and an sshd for tests of backups; all on this machine, all small."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.filetree import manifest_of
from quorate.backup.model import Kind, Source
from quorate.backup.place import Place, PlaceType, Repository, opened
from quorate.backup.repository import Payload
from tests.integration.backup import light
from tests.real_prometheus import free_port

ROOT = Path(__file__).parents[3]
TAKEN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
PASSWORD = "correct horse, battery"
VOLUME = Source(id="volume/wiki", kind=Kind.VOLUME, volumes=("wiki",))


def install(program: str, package: str) -> str:
    """Where a program is; its Debian package is installed first if it is not there."""
    if not _where(program):
        if not shutil.which("dpkg-query"):
            pytest.skip(f"needs {program}, and here is no Debian to install it on")
        subprocess.run([ROOT / "scripts/packages.sh", package], check=True, timeout=1800)
    return str(_where(program))


def _where(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def restic_program() -> str:
    """Debian's restic, or the one to test named by QUORATE_TEST_RESTIC."""
    return os.environ.get("QUORATE_TEST_RESTIC") or install("restic", "restic")


def place(directory: Path, name: str, *, password: str = PASSWORD) -> Place:
    """A repository in a directory."""
    secret = directory / f"{name}.password"
    secret.write_text(password + "\n")
    location = str(directory / name)
    return Place(name=name, type=PlaceType.LOCAL, location=location, password_file=secret)


def repository(at: Place, *, patience: float = 0.0) -> Repository:
    """The door to it; it is not made."""
    return opened(at, program=restic_program(), patience=patience)


def made(directory: Path, name: str, *, like: Repository | None = None) -> Repository:
    """A new repository in a directory; `like`: with the chunks of that one."""
    new = repository(place(directory, name))
    if like is None:
        install("openssl", "openssl")
        light.copy_of(restic_program(), Path(new.place.location), PASSWORD)
    else:
        new.restic.init(like=like.restic)
        lighten(new)
    return new


def lighten(new: Repository, directory: Path | None = None) -> None:
    """Have its password checked at once.

    Args:
        directory: where it lies on this machine, if it is reached another way.
    """
    install("openssl", "openssl")
    password = new.place.password_file.read_text().rstrip("\n")
    light.lighten(directory or Path(new.place.location), password)


def tree(root: Path, *, size: int = 200_000, salt: bytes = b"") -> Path:
    """A small volume below `root/data`; random, so that nothing compresses."""
    data = root / "data"
    (data / "sub").mkdir(parents=True, exist_ok=True)
    (data / "big").write_bytes(os.urandom(size))
    (data / "sub" / "small").write_bytes(b"small" + salt)
    return data


def payload(root: Path, run: str, *, source: Source = VOLUME, taken: datetime = TAKEN) -> Payload:
    """What is below `root/data`, to be stored."""
    return Payload(
        source=source,
        run=run,
        server="box1",
        taken=taken,
        manifest=manifest_of(root / "data"),
        root=root,
        paths=("data",),
    )


@dataclass(kw_only=True)
class Sshd:
    """An sshd of the test's own on a loopback port, which can be cut off and started again."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def place(self, name: str, location: Path) -> Place:
        secret = self.directory / f"{name}.password"
        secret.write_text("off-site\n")
        return Place(
            name=name,
            type=PlaceType.SFTP,
            location=f"127.0.0.1:{location}",
            password_file=secret,
            port=self.port,
            ssh_config=self.directory / "ssh_config",
        )

    def start(self) -> None:
        log = self.directory / "sshd.log"
        argv = [install("sshd", "openssh-server"), "-D", "-f", str(self.directory / "sshd_config")]
        self.process = subprocess.Popen(
            [*argv, "-E", str(log)], start_new_session=True, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        ready = ["ssh", "-F", str(self.directory / "ssh_config"), "-p", str(self.port)]
        while subprocess.run([*ready, "127.0.0.1", "true"], capture_output=True).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"sshd did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)

    def cut(self) -> None:
        """Kill it with every session it serves."""
        if self.process is None:
            return
        for pid in [*below(self.process.pid), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=20)
        self.process = None


def kill(process: subprocess.Popen[Any]) -> None:
    """SIGKILL to it and all it started, as a server that loses power does; they are gone then.

    Only when the last of them is gone may another restic call its lock stale.
    """
    every = [*below(process.pid), process.pid]
    for pid in every:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(timeout=60)
    deadline = time.monotonic() + 20
    while any(map(_runs, every)):
        assert time.monotonic() < deadline, "a process outlives its SIGKILL"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def below(pid: int) -> list[int]:
    """The processes that descend from one, the youngest first."""
    children = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and _parent(path) == pid
    ]
    return [found for child in children for found in (*below(child), child)]


def _parent(process: Path) -> int:
    with contextlib.suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def sshd(directory: Path) -> Iterator[Sshd]:
    """An sshd that only this test's key opens."""
    install("sshd", "openssh-server")
    install("ssh", "openssh-client")
    directory.chmod(0o700)
    for key in ("host", "person"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / key)]
        subprocess.run(argv, check=True)
    (directory / "authorized").write_text((directory / "person.pub").read_text())
    port = free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    host = (directory / "host.pub").read_text().split()
    (directory / "known").write_text(f"[127.0.0.1]:{port} {host[0]} {host[1]}\n")
    (directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nPidFile none\n"
        f"AuthorizedKeysFile {directory}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    (directory / "ssh_config").write_text(
        f"IdentityFile {directory}/person\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {directory}/known\nStrictHostKeyChecking yes\n"
    )
    served = Sshd(directory=directory, port=port)
    served.start()
    try:
        yield served
    finally:
        served.cut()
