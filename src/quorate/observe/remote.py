"""Programs to run on the server that has the service: its log, and commands inside it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import join

from quorate.observe.locate import Place
from quorate.tools.ssh import Target


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """`tail` lines at first (None: all), `since` as docker takes it (10m, a time)."""

    follow: bool = False
    tail: int | None = 100
    since: str | None = None
    timestamps: bool = False

    def arguments(self) -> list[str]:
        """As docker's options."""
        out = ["--tail", "all" if self.tail is None else str(self.tail)]
        out += ["--since", self.since] if self.since else []
        out += ["--timestamps"] if self.timestamps else []
        return [*out, "--follow"] if self.follow else out


@dataclass(frozen=True, kw_only=True)
class Inside:
    """A command to run inside a container; with this terminal's input, or a terminal there."""

    command: tuple[str, ...]
    interactive: bool = False
    tty: bool = False


def service_log(manager: Target, name: str, options: LogOptions) -> list[str]:
    """ssh to a manager, for the log of all tasks of a service, wherever they run."""
    argv = ["docker", "service", "logs", *options.arguments(), name]
    return [*manager.argv(), join(argv)]


def container_log(target: Target, place: Place, options: LogOptions) -> list[str]:
    """ssh to the server, for the log of one container."""
    return [*target.argv(), join(["docker", "logs", *options.arguments(), place.container])]


def execute(target: Target, place: Place, inside: Inside) -> list[str]:
    """ssh to the server, to run a command inside the container."""
    flags = ["--interactive"] if inside.interactive else []
    flags += ["--tty"] if inside.tty else []
    argv = ["docker", "exec", *flags, place.container, *inside.command]
    # Without -i nothing of this terminal's input may go there.
    ssh_flags = ["-t"] if inside.tty else []
    ssh_flags += [] if inside.interactive else ["-n"]
    return [*target.argv(*ssh_flags), join(argv)]
