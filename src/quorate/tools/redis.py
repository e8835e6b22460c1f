"""The one door to Redis' own programs: redis-cli and redis-check-rdb.

Passwords go through the environment, never as arguments.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from quorate.errors import CommandError
from quorate.tools import command

ASK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Redis server. `host` is a name or the path of its socket; `user` "" is the default one."""

    host: str
    port: int = 6379
    user: str = ""
    password: str = field(default="", repr=False)

    def argv(self) -> list[str]:
        """How redis-cli reaches it."""
        where = ["-s", self.host] if self.host.startswith("/") else ["-h", self.host]
        where += [] if self.host.startswith("/") else ["-p", str(self.port)]
        return ["redis-cli", *where, *(["--user", self.user] if self.user else [])]

    @property
    def environment(self) -> dict[str, str]:
        return {"REDISCLI_AUTH": self.password} if self.password else {}


def ask(server: Server, *words: str, timeout: float = ASK_SECONDS) -> str:
    """The answer to one command.

    Raises:
        CommandError: it does not answer, or refuses.
    """
    argv = [*server.argv(), "-e", "--no-auth-warning", *words]
    return _run(server, argv, timeout=timeout).stdout.rstrip("\n")


def info(server: Server, section: str) -> dict[str, str]:
    """A section of what `INFO` says.

    Raises:
        CommandError: it does not answer, or refuses.
    """
    pairs = (line.strip().partition(":") for line in ask(server, "INFO", section).splitlines())
    return {key: value for key, colon, value in pairs if colon}


def dump(server: Server, into: Path, *, timeout: float) -> None:
    """Have the server send its data as it is now, as an RDB file.

    Raises:
        CommandError: it failed, or took longer than `timeout` seconds.
    """
    _run(server, [*server.argv(), "--no-auth-warning", "--rdb", str(into)], timeout=timeout)


def pipe(server: Server, commands: Path, *, timeout: float) -> None:
    """Have the server do the commands of a file, as Redis itself writes them.

    Raises:
        CommandError: it refused one, does not answer, or took longer than `timeout` seconds.
    """
    argv = [*server.argv(), "--no-auth-warning", "--pipe"]
    done = _run(server, argv, timeout=timeout, feed=commands)
    if "errors: 0," not in done.stdout:
        said = command.mask(command.last_lines(done.stdout + done.stderr), [server.password])
        raise CommandError(f"the Redis on {server.host} refused some commands", cause=said)


def check(path: Path, *, timeout: float) -> None:
    """See that an RDB file is whole: every length in it, and its checksum.

    Raises:
        CommandError: it is not.
    """
    done = command.run(["redis-check-rdb", str(path)], timeout=timeout, check=False)
    # Older ones print that an RDB file is broken, and end with 0.
    if not done.ok or "RDB looks OK" not in done.stdout:
        raise CommandError(
            f"redis-check-rdb finds that {path.name} is not whole",
            cause=command.last_lines(done.stdout + done.stderr, 4) or None,
            todo="dump again; this dump does not count",
        )


def version_here() -> tuple[int, ...]:
    """The version of the programs here.

    Raises:
        CommandError: they are not installed.
    """
    said = command.run(["redis-server", "--version"]).stdout
    return version_in(said.partition("v=")[2].partition(" ")[0])


def version_in(text: str) -> tuple[int, ...]:
    """A version as numbers: (7, 0, 15).

    Raises:
        CommandError: it is none.
    """
    parts = text.strip().split(".")
    if not parts or not all(part.isdigit() for part in parts):
        raise CommandError(f"this is no version of Redis: {json.dumps(text)}")
    return tuple(int(part) for part in parts)


def _run(
    server: Server, argv: list[str], *, timeout: float, feed: Path | None = None
) -> command.Result:
    done = command.run(
        argv, feed=feed, env=server.environment or None, timeout=timeout, check=False,
        secrets=[server.password],
    )  # fmt: skip
    said = command.mask(command.last_lines(done.stderr or done.stdout), [server.password])
    # A wrong password is only a warning to redis-cli, and the next command is refused.
    if not done.ok:
        raise failure(server, argv, said, done.code)
    return done


def failure(server: Server, argv: list[str], said: str, code: int) -> CommandError:
    """A failure in redis-cli's own words, with an advice where one is known."""
    todo = None
    if "WRONGPASS" in said or "NOAUTH" in said or "AUTH failed" in said:
        todo = "check the password: it is not what the server has"
    elif "NOPERM" in said:
        who = server.user or "default"
        todo = f"as an administrator: ACL SETUSER {who} +sync +psync +replconf +ping +info"
    elif "LOADING" in said:
        todo = "the server is loading its data; run it again when that is over"
    elif "No space left" in said:
        todo = "make room where the dump is spooled, or name a larger place for it"
    ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return CommandError(f"redis-cli of {server.host} ended {ended}", cause=said or None, todo=todo)
