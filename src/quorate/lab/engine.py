"""The engine the lab's nodes run on: the machine's own, or one started for the lab."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.errors import CommandError, EngineError, LabError
from quorate.lab import machine
from quorate.lab.progress import Progress, step
from quorate.tools import clock, command, docker

SYSTEM_SOCKET = Path("/var/run/docker.sock")
DATA_DIRECTORY = Path("/var/lib/quorate-lab")
RUN_DIRECTORY = Path("/run/quorate-lab")
START_SECONDS = 60.0
STOP_SECONDS = 30.0

# From Debian 13 on the command line is a package of its own.
CLIENT_PACKAGES = {"docker": ("docker-cli", "docker.io"), "ssh": ("openssh-client",)}
ENGINE_PACKAGES = {
    "dockerd": ("docker.io",),
    "containerd": ("containerd",),
    "iptables": ("iptables",),
}


@dataclass(frozen=True, kw_only=True)
class LabEngine:
    """An engine that answers on a unix socket.

    `own` tells the lab's engine from the machine's; `cgroup_version` is 1 or 2.
    """

    socket: Path
    own: bool
    version: str
    cgroup_version: int


def own_socket() -> Path:
    return RUN_DIRECTORY / "docker.sock"


def find(*, extra: Path | None = None) -> LabEngine | None:
    """The first engine that answers: `extra`, DOCKER_HOST, the machine's, then the lab's own.

    Raises:
        LabError: an engine answers but is rootless, or DOCKER_HOST names no unix socket.
    """
    places = [extra] if extra is not None else []
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        raise LabError(
            f"the lab cannot use the engine DOCKER_HOST={host}",
            cause="its nodes need files of this machine, so the engine must be here",
            todo="unset DOCKER_HOST, or point it at a unix:// socket",
        )
    if host:
        places.append(Path(host.removeprefix("unix://")))
    places += [SYSTEM_SOCKET, own_socket()]
    for socket in dict.fromkeys(places):
        found = _look(socket)
        if found is not None:
            return found
    return None


def ensure(*, progress: Progress, extra: Path | None = None) -> LabEngine:
    """An engine that answers, started when there is none.

    On a bare machine, missing packages are installed first (root only).

    Raises:
        LabError: none answers and none can be started.
    """
    machine.install(CLIENT_PACKAGES, progress=progress)
    found = find(extra=extra)
    if found is not None:
        return found
    if not machine.is_root():
        raise LabError(
            "no Docker engine answers on this machine",
            cause="none is running, or this user may not use it",
            todo="start Docker (`systemctl start docker`), or run this once as root",
        )
    machine.install(ENGINE_PACKAGES, progress=progress)
    found = find()  # installing the package starts one where systemd runs
    if found is not None:
        return found
    with step(progress, "start a Docker engine for the lab") as details:
        _start()
        found = _look(own_socket())
        if found is None:
            raise LabError("the lab's engine stopped answering right after its start")
        details.append(f"{found.version} on {found.socket}")
    return found


def answers(socket: Path) -> bool:
    """Whether an engine answers on `socket`."""
    return _look(socket) is not None


def stop() -> bool:
    """Stop the engine started by :func:`ensure`; False when it is not running.

    Raises:
        LabError: it did not stop in time.
    """
    pid = _own_pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = clock.monotonic() + STOP_SECONDS
    while _own_pid() is not None:
        if clock.monotonic() > deadline:
            raise LabError(
                f"the lab's engine (process {pid}) did not stop within {STOP_SECONDS:.0f} s",
                todo=f"look at {DATA_DIRECTORY / 'engine.log'}",
            )
        clock.sleep(0.1)
    return True


def _look(socket: Path) -> LabEngine | None:
    if not socket.exists():
        return None
    try:
        client = docker.connect_socket(socket, timeout=5)
    except EngineError:
        return None
    try:
        info: dict[str, Any] = client.info()
    finally:
        client.close()
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        raise LabError(
            f"the engine on {socket} is rootless",
            cause="nodes that run engines of their own need a rootful one",
            todo="point DOCKER_HOST at a rootful engine, or run this as root",
        )
    return LabEngine(
        socket=socket,
        own=socket == own_socket(),
        version=str(info.get("ServerVersion", "")),
        cgroup_version=int(info.get("CgroupVersion") or 1),
    )


def _start() -> None:
    DATA_DIRECTORY.mkdir(mode=0o711, parents=True, exist_ok=True)
    RUN_DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid_file = RUN_DIRECTORY / "docker.pid"
    if _own_pid() is None:
        pid_file.unlink(missing_ok=True)
    log_file = DATA_DIRECTORY / "engine.log"
    process = command.spawn(
        [
            *("dockerd", "--data-root", str(DATA_DIRECTORY / "engine")),
            *("--exec-root", str(RUN_DIRECTORY / "exec"), "--pidfile", str(pid_file)),
            *("-H", f"unix://{own_socket()}"),
        ],
        log_file=log_file,
    )
    deadline = clock.monotonic() + START_SECONDS
    while _look(own_socket()) is None:
        if process.poll() is not None or clock.monotonic() > deadline:
            said = log_file.read_text(errors="replace") if log_file.exists() else ""
            raise LabError(
                "the lab's Docker engine did not start",
                cause=command.last_lines(said, 4) or None,
                todo=f"look at {log_file}",
            )
        clock.sleep(0.2)


def _own_pid() -> int | None:
    """The process id of the engine the lab started; None when it is not running.

    A pid file alone proves nothing after a restart of the machine: the process
    must be a dockerd with this very pid file.
    """
    pid_file = RUN_DIRECTORY / "docker.pid"
    try:
        pid = int(pid_file.read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        return pid if str(pid_file) in arguments else None
    except (OSError, ValueError):
        return None


def remove_images(engine: LabEngine) -> tuple[str, ...]:
    """Remove every image the lab made; the removed names."""
    listed = docker.cli(engine.socket, "images", "--format", "{{.Repository}}:{{.Tag}}").stdout
    names = tuple(name for name in listed.split() if name.startswith("quorate-lab/"))
    for name in names:
        try:
            docker.cli(engine.socket, "rmi", name, timeout=120)
        except CommandError as error:
            raise LabError(
                f"the image {name} could not be removed",
                cause=error.cause,
                todo="take the labs that use it down first (`quorate lab down`)",
            ) from error
    return names
