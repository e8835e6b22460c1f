"""A real Bacula for tests: Debian's programs, unpacked and not installed, on this machine only."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.stacks.bacula.model import Bacula, Layout
from quorate.stacks.bacula.write import write
from tests.real_prometheus import free_port

PACKAGES = (
    "bacula-common", "bacula-common-sqlite3", "bacula-director", "bacula-director-sqlite3",
    "bacula-sd", "bacula-fd", "bacula-console", "liblzo2-2", "libwrap0",
)  # fmt: skip
START_SECONDS = 20.0
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where the packages were unpacked."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        libraries = {path.parent.as_posix() for path in self.root.rglob("*.so*")}
        return {"LD_LIBRARY_PATH": ":".join(sorted(libraries)), "PATH": "/usr/sbin:/usr/bin:/bin"}

    def program(self, name: str) -> str:
        return (self.root / "usr/sbin" / name).as_posix()

    def run(self, name: str, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program(name), *arguments],
            input=input,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=ANSWER_SECONDS,
            check=False,
        )

    def read(self, daemon: str, config: Path) -> list[dict[str, Any]]:
        """A configuration as the daemon understands it: `dir`, `sd` or `fd`."""
        done = self.run(f"b{daemon}json", "-c", config.as_posix())
        assert done.returncode == 0, done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def find_programs(place: Path) -> Programs:
    """Debian's packages, unpacked into `place`."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("needs Bacula, and here is no apt-get to download it with")
    done = _download(place)
    if done.returncode != 0:  # the lists are missing on a fresh machine
        subprocess.run([*_alone(), "apt-get", "update", "-q"], capture_output=True, check=False)
        done = _download(place)
    assert done.returncode == 0, done.stderr
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(place / "root")], check=True)
    return Programs(root=place / "root")


def _download(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_alone(), "apt-get", "download", *PACKAGES], cwd=place, capture_output=True, text=True
    )


def _alone() -> list[str]:
    """What waits until nothing else installs packages, by the lock of scripts/packages.sh."""
    return ["flock", f"{os.environ.get('TMPDIR', '/tmp')}/quorate-packages.{os.getuid()}.lock"]


def layout_under(place: Path, programs: Programs) -> Layout:
    """Everything below `place`, daemons on free ports of the loopback."""
    for name in ("etc/passwords", "work", "run"):
        (place / name).mkdir(parents=True)
    first, second, third = free_port(), free_port(), free_port()
    return Layout(
        etc=f"{place}/etc",
        working=f"{place}/work",
        run=f"{place}/run",
        log=f"{place}/bacula.log",
        scripts=f"{programs.root}/etc/bacula/scripts",
        plugins=f"{programs.root}/usr/lib/bacula",
        mailer="/bin/true",
        restores=f"{place}/restored",
        director_port=first,
        client_port=second,
        storage_port=third,
        listen="127.0.0.1",
    )


def installed(rendered: Bacula, place: Path, programs: Programs, **environment: str) -> Path:
    """Do what install.sh does, below `place`; the directory that was rendered."""
    written = place / "rendered"
    write(rendered, written)
    subprocess.run(
        ["sh", str(written / "passwords.sh")],
        check=True,
        env={"PATH": "/usr/bin:/bin", **environment},
        timeout=ANSWER_SECONDS,
    )
    for server in rendered.servers:
        for path in (written / server).rglob("*"):
            if path.is_file():
                part = "passwords" if path.parent.name == "passwords" else ""
                shutil.copy(path, place / "etc" / part)
        # One machine plays all servers: the file daemons' files have one name.
        shutil.copy(written / server / "bacula-fd.conf", place / "etc" / f"{server}-fd.conf")
    _make_catalogue(programs, place / "work/bacula.db")
    return written


def _make_catalogue(programs: Programs, path: Path) -> None:
    """The tables as Debian's script makes them, without its paths."""
    script = (programs.root / "usr/share/bacula-director/make_sqlite3_tables").read_text()
    found = re.search(r"<<END-OF-DATA\n(.*?)^END-OF-DATA", script, re.DOTALL | re.MULTILINE)
    assert found is not None, "Debian's script looks otherwise than it did"
    with closing(sqlite3.connect(path)) as catalogue:
        catalogue.executescript(found[1])


@contextlib.contextmanager
def running(programs: Programs, layout: Layout) -> Iterator[None]:
    """The three daemons, in the foreground, until the end of the block."""
    ports = {
        "sd": layout.storage_port, "fd": layout.client_port, "dir": layout.director_port
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        for daemon, port in ports.items():
            process = _started(stack, programs, layout, daemon)
            _wait(process, port, f"bacula-{daemon}")
        yield


def _started(
    stack: contextlib.ExitStack, programs: Programs, layout: Layout, daemon: str
) -> subprocess.Popen[bytes]:
    argv = [programs.program(f"bacula-{daemon}"), "-f", "-c", f"{layout.etc}/bacula-{daemon}.conf"]
    with Path(layout.working, f"{daemon}.out").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, env=programs.environment)
    stack.callback(_ended, process)
    return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, f"{name} ended"
        assert time.monotonic() < deadline, f"{name} does not listen"
        time.sleep(0.1)


def console(programs: Programs, layout: Layout, *lines: str) -> str:
    """What bconsole prints when these lines are typed into it."""
    typed = "\n".join([*lines, "quit", ""])
    done = programs.run("bconsole", "-n", "-c", f"{layout.etc}/bconsole.conf", input=typed)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def jobs(layout: Layout) -> list[Mapping[str, Any]]:
    """The catalogue's jobs, oldest first."""
    with closing(sqlite3.connect(f"file:{layout.working}/bacula.db?mode=ro", uri=True)) as found:
        found.row_factory = sqlite3.Row
        rows = found.execute(
            "SELECT JobId, Name, Level, JobStatus, JobFiles, JobBytes, JobErrors FROM Job "
            "ORDER BY JobId"
        )
        return [dict(row) for row in rows]
