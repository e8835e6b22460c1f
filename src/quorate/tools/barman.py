"""The one door to Barman, from 3.4 on: a Postgres' log and base backups, kept in one directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quorate.errors import CommandError
from quorate.tools import command, parallel

ASK_SECONDS = 120.0
LONG_SECONDS = 24 * 3600.0
WHOLE = ("DONE", "WAITING_FOR_WALS")
"""Of a base backup: all its files are there. The second one's last segment is not archived yet."""

TIED = (
    'exec 3<&0; "$@" & child=$!; '
    "{ cat <&3 >/dev/null; kill -TERM $child; sleep 5; kill -KILL 0; } & "
    "wait $child; code=$?; trap '' TERM; kill -TERM 0; exit $code"
)
"""Run a program until it ends or standard input does, and then end all that it has started.

For `sh -c`, in a session of its own. Barman ends by SIGTERM and tells pg_receivewal; where Barman
is killed, pg_receivewal would go on without it.
"""


@dataclass(frozen=True, kw_only=True)
class BaseBackup:
    """A base backup as Barman knows it. Times are the primary's; `tablespaces` by name."""

    id: str
    begin: datetime
    end: datetime
    wal: str
    size: int
    version: int
    tablespaces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Barman:
    """Barman with one configuration file, for one Postgres.

    `environment` names the password file. Every method raises CommandError in Barman's words.
    """

    config: Path
    name: str = "main"
    environment: Mapping[str, str] = field(default_factory=dict)
    program: str = "barman"

    def argv(self, *arguments: str) -> list[str]:
        """The command line."""
        return [command.resolve(self.program, package="barman"), "-c", str(self.config), *arguments]

    def check(self) -> tuple[str, ...]:
        """What is not as it must be, in words; empty when all is well."""
        done = self._run("check", "--nagios", self.name, json=False, check=False)
        said = done.stdout.strip().removeprefix("BARMAN CRITICAL - ")
        return () if done.ok else (said or command.last_lines(done.stderr),)

    def create_slot(self) -> None:
        """Make the slot; it begins to hold the log back when it is first received from."""
        self._run("receive-wal", "--create-slot", self.name)

    def drop_slot(self) -> None:
        """Drop the slot."""
        self._run("receive-wal", "--drop-slot", self.name)

    def receive(self, log: Path) -> command.Spawned:
        """Receive the log until the returned program is let go of (`command.let_go`)."""
        return self._spawn(log, "receive-wal", self.name)

    def switch_wal(self) -> None:
        """Close the segment under way."""
        self._run("switch-wal", self.name)

    def archive(self) -> None:
        """Put whole segments away."""
        self._run("archive-wal", self.name, timeout=LONG_SECONDS)

    def backup(self, log: Path, *, fast: bool) -> command.Spawned:
        """Begin a base backup. `fast`: with a checkpoint at once, not when it suits the primary."""
        how = "--immediate-checkpoint" if fast else "--no-immediate-checkpoint"
        return self._spawn(log, "backup", how, self.name)

    def bases(self) -> tuple[BaseBackup, ...]:
        """The base backups that are whole, the oldest first."""
        listed = self._json("list-backup", self.name).get(self.name, [])
        ids = [one["backup_id"] for one in listed if one.get("status") in WHOLE]
        # Each is half a second of Python's start.
        return tuple(sorted(parallel.run(self._base, ids), key=lambda one: one.end))

    def _base(self, id: str) -> BaseBackup:
        return base_of(id, self._json("show-backup", self.name, id)[self.name])

    def failed(self) -> tuple[str, ...]:
        """The ids of base backups that were begun, and never finished."""
        listed = self._json("list-backup", self.name).get(self.name, [])
        return tuple(one["backup_id"] for one in listed if one.get("status") not in WHOLE)

    def recover(self, id: str, into: Path, tablespaces: Mapping[str, Path]) -> None:
        """Copy a base backup into a directory, to be recovered; what fetches segments is ours.

        `tablespaces` says where each goes: by itself, Barman puts it where it was.
        """
        moved = [f"--tablespace={name}:{place}" for name, place in tablespaces.items()]
        argv = ["recover", "--get-wal", *moved, self.name, id, str(into)]
        self._run(*argv, timeout=LONG_SECONDS)

    def delete(self, id: str) -> None:
        """Delete a base backup, and the log that no other one needs."""
        self._run("delete", self.name, id, timeout=LONG_SECONDS)

    def _spawn(self, log: Path, *arguments: str) -> command.Spawned:
        argv = ["sh", "-c", TIED, "quorate", *self.argv(*arguments)]
        return command.spawn(argv, log_file=log, env=self.environment, tied=True)

    def _json(self, *arguments: str) -> dict[str, Any]:
        done = self._run(*arguments, json=True)
        try:
            found = json.loads(done.stdout)
        except ValueError as error:
            raise CommandError(
                f"barman {arguments[0]} does not answer in JSON",
                cause=command.last_lines(done.stdout) or None,
            ) from error
        return found if isinstance(found, dict) else {}

    def _run(
        self,
        *arguments: str,
        json: bool = False,
        check: bool = True,
        timeout: float = ASK_SECONDS,
    ) -> command.Result:
        form = ["-f", "json"] if json else []
        argv = self.argv(*form, *arguments)
        done = command.run(argv, timeout=timeout, env=self.environment, check=False)
        if check and not done.ok:
            raise failure(arguments, f"{done.stderr}\n{done.stdout}", done.code)
        return done


def base_of(id: str, shown: Mapping[str, Any]) -> BaseBackup:
    """A base backup as `show-backup` has it; 3.4 and 3.13 call its size differently. Pure."""
    about = shown["base_backup_information"]
    size = about.get("disk_usage_bytes", about.get("backup_size_bytes", 0))
    return BaseBackup(
        id=id,
        begin=_moment(about["begin_time"]),
        end=_moment(about["end_time"]),
        wal=about["begin_wal"],
        size=int(size),
        version=int(shown["postgresql_version"]),
        tablespaces=tuple(str(one["name"]) for one in shown.get("tablespaces", [])),
    )


def failure(arguments: Sequence[str], said: str, code: int) -> CommandError:
    """A failure in Barman's own words, with an advice where one is known."""
    words = [line.removeprefix("ERROR: ") for line in said.splitlines() if "ERROR" in line]
    cause = command.last_lines("\n".join(words) or said)
    todo = None
    if "No space left on device" in said:
        todo = "make room in the directory of the write-ahead log"
    elif "password authentication failed" in said:
        todo = "give the role the password that the receiver has"
    elif "is already in use" in said or "is active for PID" in said:
        todo = "end the other receiver: each has a slot of its own"
    return CommandError(
        f"barman {arguments[0]} ended with exit code {code}", cause=cause or None, todo=todo
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
